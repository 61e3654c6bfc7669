"""Conversion: what is folded, which thresholds are taken, and what cannot be converted, by name."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

from helpers.networks import generator
from snnsim.conversion import QCFS, Settings, check, convert, rate
from snnsim.nn.folded import DirectEncoding, FoldedDropout, SpikingActivation


class Block(nn.Module):
    """A residual block with functions in place of modules."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.out = nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, image):
        value = functional.relu(self.first(image))
        value = torch.relu(value + self.norm(self.second(value)))
        return self.out(functional.adaptive_avg_pool2d(value, 1).flatten(1))


def images(count=16):
    return torch.rand(count, 2, 8, 8, generator=generator()).double()


def block():
    torch.manual_seed(0)
    net = Block().double().eval()
    net.norm.running_mean.uniform_(-0.5, 0.5)
    net.norm.running_var.uniform_(0.5, 2)
    return net


def test_a_network_with_many_steps_is_the_network():
    net, image = block(), images()
    before = copy.deepcopy(net.state_dict())
    expected = net(image)
    converted = convert(net, image, Settings(256, percent=100.0))
    assert_close(converted.network(image), expected, atol=0.02, rtol=0)
    assert list(converted.thresholds) == ["neurons_1", "neurons_2"]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    parts = {type(part) for part in converted.network.modules()}
    assert nn.BatchNorm2d not in parts
    assert {DirectEncoding, SpikingActivation} < parts


def test_the_threshold_is_the_percentile_where_the_layers_before_spike_already():
    net, image = block(), images()
    settings = Settings(4, percent=80.0)
    converted = convert(net, image, settings)
    first = net.first(image).clamp(min=0)
    threshold = torch.quantile(first.flatten(), 0.8).detach()
    assert converted.thresholds["neurons_1"] == pytest.approx(threshold.item())
    sent = rate(net.first(image), float(threshold), 4, 0.5)
    second = (sent + net.norm(net.second(sent))).clamp(min=0)
    # unevenness is not in the rates, but the mean over time of the currents is
    assert abs(converted.thresholds["neurons_2"] - float(torch.quantile(second.flatten(), 0.8))) < 0.2
    assert float(converted.network.neurons_1.amplitude) == pytest.approx(float(threshold))


def test_calibration_has_the_least_error_and_the_means_of_the_network():
    net, image = block(), images()
    chosen = convert(net, image, Settings(4, "calibration"))
    current = net.first(image)

    def error(threshold):
        return float((rate(current, threshold, 4, 0.5) - current.clamp(min=0)).square().mean())

    threshold = chosen.thresholds["neurons_1"]
    candidates = [float(current.max()) * (1 - number / 100) for number in range(95)]
    assert error(threshold) == pytest.approx(min(map(error, candidates)))
    sent = chosen.network.neurons_1(chosen.network.first_steps(chosen.network.first(image)))
    mean = sent.mean((0, 2, 3))
    before = rate(current, threshold, 4, 0.5).mean((0, 2, 3))
    goal = current.clamp(min=0).mean((0, 2, 3))
    assert (mean - goal).abs().sum() < (before - goal).abs().sum()


def test_dropout_is_the_same_in_every_step_and_neurons_go_on_learning():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.25), nn.Linear(8, 3))
    converted = convert(net, torch.rand(32, 4), Settings(3, neuron="scaled_lif", initial=0.0)).network
    assert any(isinstance(part, FoldedDropout) and part.dropout.p == 0.25 for part in converted.modules())
    functional.cross_entropy(converted.train()(torch.rand(32, 4)), torch.zeros(32, dtype=torch.int64)).backward()
    learned = {name for name, parameter in converted.named_parameters() if parameter.grad is not None}
    assert {"neurons_1.neuron.threshold", "neurons_1.neuron.decay.share"} < learned


def test_a_converted_network_is_in_evaluation_mode():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 4)).eval()
    pictures = torch.rand(32, 3, 8, 8, generator=generator())
    one, other = (convert(net, pictures, Settings(4, "calibration")).network for _ in range(2))
    results = [each(pictures) for each in (one, one, other)]
    assert not one.training
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


@pytest.mark.parametrize("name", ["mean", "neurons_1", "first_steps"])
def test_a_module_may_have_the_name_of_a_new_one(name):
    class Named(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.first, self.out, self.name = nn.Conv2d(2, 4, 3), nn.Linear(4, 3), name
            setattr(self, name, nn.AdaptiveAvgPool2d(1))

        def forward(self, image):
            return self.out(torch.flatten(getattr(self, self.name)(torch.relu(self.first(image))), 1))

    torch.manual_seed(0)
    net = Named("pool").double()
    other = Named(name).double()
    other.load_state_dict(net.state_dict())
    one, same = (convert(each, images(), Settings(8)) for each in (net, other))
    assert torch.equal(one.network(images()), same.network(images()))
    assert list(same.thresholds.values()) == list(one.thresholds.values())


def test_every_layer_that_cannot_be_converted_is_named():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.GELU(), nn.MaxPool2d(2), nn.LayerNorm(3), nn.ReLU(), nn.BatchNorm2d(2), nn.Sigmoid()
    )
    lines = check(net)
    assert [line.split(":")[0] for line in lines] == ["1", "2", "3", "5", "6"]
    assert "take AvgPool2d" in lines[1]
    with pytest.raises(ValueError, match=r"convert: 5 of the layers cannot be converted\. 1: GELU cannot be converted"):
        convert(net, torch.rand(2, 1, 8, 8), Settings(4))
    assert check(block()) == []


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.Linear(4, 2)), "must have a ReLU or QCFS"),
        (nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2), nn.ReLU()), "must stand behind one Conv or Linear"),
        (nn.Sequential(*[nn.Linear(4, 4)] * 2, nn.ReLU()), "it is called 2 times"),
    ],
)
def test_networks_that_cannot_be_converted(net, message):
    with pytest.raises(ValueError, match=message):
        convert(net, torch.rand(2, 4), Settings(4))


def test_wrong_settings_and_networks_are_refused():
    class Branching(nn.Module):
        def forward(self, value):
            return value if value.sum() > 0 else -value

    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    for thresholds in ("percentile", "calibration"):
        with pytest.raises(ValueError, match="convert: pictures must be one or more"):
            convert(net, torch.rand(0, 4), Settings(4, thresholds))
    with pytest.raises(ValueError, match=r"torch\.fx must be able to trace Branching"):
        convert(Branching(), torch.rand(2, 4), Settings(4))
    with pytest.raises(TypeError, match="network must be"):
        convert(3, torch.rand(2, 4), Settings(4))
    with pytest.raises(ValueError, match="thresholds by 'qcfs' must come from QCFS activations"):
        convert(net, torch.rand(2, 4), Settings(4, "qcfs"))
    with pytest.raises(ValueError, match="thresholds 'median' is unknown"):
        Settings(4, "median")
    with pytest.raises(ValueError, match="steps must be"):
        Settings(0)
    with torch.no_grad():
        net[0].bias.fill_(-9.0)
    with pytest.raises(ValueError, match="neurons_1 must have pre-activations above 0"):
        convert(net, torch.rand(2, 4), Settings(4))
    with torch.no_grad():
        net[0].bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="every parameter must be finite"):
        convert(net, torch.rand(2, 4), Settings(4))


def test_a_quantized_activation_has_a_straight_gradient():
    activation, value = QCFS(2, 1.0), torch.tensor([-0.5, 0.1, 0.3, 0.9, 2.0], requires_grad=True)
    result = activation(value)
    assert result.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    result.sum().backward()
    assert value.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]
    assert activation.step.grad.isfinite().all()
