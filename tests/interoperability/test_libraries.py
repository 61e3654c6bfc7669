"""Trained networks of snnTorch and SpikingJelly as Programs: every spike of random inputs, and refusals by name."""

import numpy as np
import pytest
import torch
from torch import nn

from snnsim import from_snntorch, from_spikingjelly
from snnsim.program import Program
from snnsim.simulation import Events, Probe, simulate

snntorch = pytest.importorskip("snntorch")
layer = pytest.importorskip("spikingjelly.activation_based.layer")
neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
functional = pytest.importorskip("spikingjelly.activation_based.functional")

STEPS, RECORDINGS = 30, 4


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(7)


def frames(*shape, seed=0, dtype=torch.float32):
    draw = torch.Generator().manual_seed(seed)
    return (torch.rand(STEPS, RECORDINGS, *shape, generator=draw) < 0.35).to(dtype)


def our_spikes(program, inputs, population):
    """Return the spikes (time, recording, neuron) of a population."""
    events = Events.from_frames(inputs.flatten(2).numpy())
    result = simulate(program, events, record=Probe(spikes=True))
    spikes = np.zeros((STEPS, RECORDINGS, program.population(population).size))
    for recording in range(RECORDINGS):
        step, number = result.spikes(population, recording)
        spikes[step, recording, number] = 1
    return spikes


def spikes_of_snntorch(model, inputs):
    """Return the output of each neuron module by its name in a Program."""
    spikes = {}
    for module in model:
        if hasattr(module, "reset_mem"):
            module.reset_mem()
    for now in inputs:
        for key, module in model.named_children():
            now = module(now)
            now = now[0] if isinstance(now, tuple) else now
            if hasattr(module, "reset_mem"):
                spikes.setdefault(f"{key} {type(module).__name__}", []).append(now.detach())
    return {name: torch.stack(each).flatten(2).numpy() for name, each in spikes.items()}


def assert_equal_spikes(program, inputs, theirs):
    assert theirs
    for name, spikes in theirs.items():
        ours = our_spikes(program, inputs, name)
        assert 0.02 < ours.mean() < 0.9
        np.testing.assert_array_equal(ours, spikes != 0)


def leaky(*, beta=0.8, **options):
    return snntorch.Leaky(beta=beta, init_hidden=True, **options)


def dense(hidden, output=None):
    model = nn.Sequential(nn.Linear(12, 20), hidden, nn.Dropout(0.5), nn.Linear(20, 6), output or leaky())
    with torch.no_grad():
        model[0].weight.mul_(3)
        model[3].weight.mul_(3)
    return model.eval()


@pytest.mark.parametrize(
    "hidden",
    [
        lambda: leaky(),
        lambda: leaky(reset_mechanism="zero"),
        lambda: leaky(reset_mechanism="zero", reset_delay=False),
        lambda: leaky(reset_mechanism="none"),
        lambda: leaky(beta=torch.linspace(0, 1.2, 20), threshold=torch.linspace(0.5, 1.5, 20)),
        lambda: leaky(threshold=1),
        lambda: leaky(graded_spikes_factor=0.5),
        lambda: snntorch.Synaptic(0.6, 0.7, init_hidden=True),
        lambda: snntorch.Synaptic(0.6, 0.7, init_hidden=True, reset_mechanism="none"),
        lambda: snntorch.Synaptic(0.6, 0.7, init_hidden=True, reset_mechanism="zero", reset_delay=False),
    ],
)
def test_every_spike_of_snntorch_is_equal(hidden):
    model = dense(hidden(), leaky(output=True))
    program = from_snntorch(model, time_step_ms=2.0)
    assert (program.channels, program.time_step_ms, program.readout) == (12, 2.0, None)
    assert_equal_spikes(program, frames(12), spikes_of_snntorch(model, frames(12)))
    assert program.provenance["imported"] == "snntorch"


def test_a_network_of_snntorch_in_float32_has_equal_spikes_also_at_its_threshold():
    """Weights in eighths and a decay of one half reach the threshold itself, where snnTorch does not fire."""
    model = dense(leaky(beta=0.5), leaky(beta=0.5))
    with torch.no_grad():
        for module in (model[0], model[3]):
            module.weight.copy_((module.weight * 8).round() / 4)
            module.bias.zero_()
    inputs = frames(12)
    at_threshold = model[0](inputs) == 1
    assert at_threshold.any()
    program = from_snntorch(model)
    assert_equal_spikes(program, inputs, spikes_of_snntorch(model, inputs))
    for precision in ("float64", "float32"):
        one = Events.from_frames(inputs.numpy())
        counts = simulate(program, one, precision=precision, engine="event_driven").node_counts[:, 12:32]
        np.testing.assert_array_equal(counts, (spikes_of_snntorch(model, inputs)["1 Leaky"] != 0).sum(0))


def test_convolutions_of_snntorch_have_equal_spikes():
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), leaky(), nn.AvgPool2d(2),
        nn.Sequential(nn.Flatten(), nn.Linear(16, 5)),
    )  # fmt: skip
    with torch.no_grad():
        model[0].weight.mul_(4)
        model(frames(2, 8, 8)[0])
    model.eval()
    program = from_snntorch(model, input_shape=(2, 8, 8))
    inputs = frames(2, 8, 8)
    theirs = spikes_of_snntorch(nn.Sequential(*list(model.children())[:3]), inputs)
    assert_equal_spikes(program, inputs, {"2 Leaky": theirs["2 Leaky"]})
    # the linear layer at the end is a readout, whose membranes are its output
    model[2].reset_mem()
    with torch.no_grad():
        expected = torch.stack([model(now) for now in inputs])
    result = simulate(program, Events.from_frames(inputs.flatten(2).numpy()))
    output = np.stack([result.output(recording) for recording in range(RECORDINGS)], 1)
    np.testing.assert_allclose(output, expected, atol=1e-5)


class SynapticDelay(nn.Module):
    """The documented interface of snnTorch's delays per channel, which release 1.0 does not have yet."""

    __module__ = "snntorch._layers.delay"

    def __init__(self, delay, max_delay):
        super().__init__()
        self.delay, self.max_delay, self.step_mode = nn.Parameter(delay), max_delay, True

    def forward(self, sequence):
        low = self.delay.floor()
        outputs = torch.zeros_like(sequence)
        for offset, share in ((0, 1 - (self.delay - low)), (1, self.delay - low)):
            for channel, steps in enumerate((low + offset).long().tolist()):
                late = sequence[: len(sequence) - steps, ..., channel]
                outputs[steps:, ..., channel] += share[channel] * late
        return outputs


def test_delays_per_channel_of_snntorch_are_synapses():
    delays = getattr(snntorch, "SynapticDelay", None)
    module = SynapticDelay(torch.tensor([0.0, 1.0, 2.5]), 4) if delays is None else delays(4, channels=3)
    model = nn.Sequential(module, nn.Linear(3, 10), leaky())
    with torch.no_grad():
        model[1].weight.mul_(5)
    program, inputs = from_snntorch(model), frames(3)
    if delays is None:
        assert sorted(set(program.edges[0].delay.tolist())) == [0, 1, 2, 3]
    with torch.no_grad():
        theirs = spikes_of_snntorch(nn.Sequential(nn.Identity(), model[1], model[2]), module(inputs))
    assert_equal_spikes(program, inputs, theirs)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: snntorch.Synaptic(0.6, 0.7, init_hidden=True, reset_mechanism="zero"), "'zero' takes the current"),
        (lambda: leaky(inhibition=True), "inhibition=True lets one neuron fire"),
        (lambda: leaky(state_quant=torch.round), "state_quant rounds the state"),
        (lambda: leaky(reset_mechanism="none", reset_delay=False), "reset_delay=False says nothing"),
        (lambda: leaky(spike_grad=torch.sigmoid), "its spike_grad must be a step in the forward pass"),
        (lambda: leaky(reset_delay=False), "1 Leaky must stay below twice its threshold"),
        (lambda: nn.ReLU(), "1 ReLU: its class is torch.ReLU, and the known ones are"),
        (lambda: snntorch.Alpha(0.8, 0.7, 0.6, init_hidden=True), "1 Alpha: its class is snntorch.Alpha"),
        (lambda: nn.Sequential(leaky(), nn.BatchNorm1d(20)), "BatchNorm1d: it must come right behind a linear layer"),
    ],
)  # fmt: skip
def test_what_cannot_be_equal_is_refused_by_name(module, message):
    with pytest.warns(UserWarning, match="Inhibition") if "inhibition" in message else _silence():
        hidden = module()
    with pytest.raises(ValueError, match=message):
        from_snntorch(dense(hidden))


class _silence:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def test_a_reset_in_the_same_step_is_equal_while_weights_are_small():
    model = nn.Sequential(nn.Linear(4, 8, bias=False), leaky(reset_delay=False, beta=0.5))
    with torch.no_grad():
        model[0].weight.copy_(torch.rand(8, 4) * 1.4 / 4)
    program = from_snntorch(model)
    assert len(program.edges) == 1
    assert_equal_spikes(program, frames(4), spikes_of_snntorch(model, frames(4)))


def test_other_objects_and_unknown_shapes_are_refused():
    with pytest.raises(TypeError, match="from_snntorch: the model must be"):
        from_snntorch(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="input_shape must be the shape of a step"):
        from_snntorch(nn.Sequential(nn.Conv2d(1, 1, 1), leaky()))
    with pytest.raises(ValueError, match="the network must have neurons"):
        from_spikingjelly(nn.Sequential())


@pytest.mark.parametrize(
    "hidden",
    [
        lambda: neuron.LIFNode(tau=3.0),
        lambda: neuron.LIFNode(tau=2.0, decay_input=False, v_reset=None),
        lambda: neuron.LIFNode(tau=2.0, v_reset=-0.3, v_threshold=0.8),
        lambda: neuron.ParametricLIFNode(init_tau=2.5, v_reset=None),
        lambda: neuron.IFNode(v_threshold=2.0),
    ],
)
def test_every_spike_of_spikingjelly_is_equal(hidden):
    first, last = hidden(), neuron.LIFNode(tau=2.0, decay_input=False)
    model = nn.Sequential(layer.Linear(12, 20), first, layer.Dropout(0.5), layer.Linear(20, 6), last).double().eval()
    with torch.no_grad():
        model[0].weight.mul_(5)
        model[3].weight.mul_(4)
    functional.set_step_mode(model, "m")
    program, inputs, theirs = from_spikingjelly(model), frames(12, dtype=torch.float64), {}
    with torch.no_grad():
        hidden_spikes = first(model[0](inputs))
        theirs[f"1 {type(first).__name__}"] = hidden_spikes.numpy()
        theirs["4 LIFNode"] = last(model[3](hidden_spikes)).numpy()
    functional.reset_net(model)
    assert_equal_spikes(program, inputs, theirs)
    assert isinstance(program, Program)


def test_convolutions_and_delays_of_spikingjelly_have_equal_spikes():
    model = nn.Sequential(
        layer.Conv2d(1, 3, 3, padding="same"), layer.BatchNorm2d(3), neuron.LIFNode(tau=2.0, decay_input=False),
        layer.Delay(3), layer.AvgPool2d(2), layer.Flatten(), layer.Linear(27, 4), neuron.NonSpikingLIFNode(tau=4.0),
    ).double()  # fmt: skip
    functional.set_step_mode(model, "m")
    with torch.no_grad():
        model[0].weight.mul_(6)
        model[:2](frames(1, 6, 6, dtype=torch.float64))
    model.eval()
    program, inputs = from_spikingjelly(model, input_shape=(1, 6, 6)), frames(1, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        theirs = model[:3](inputs).flatten(2).numpy()
        functional.reset_net(model)
        voltages = model(inputs)
    assert_equal_spikes(program, inputs, {"2 LIFNode": theirs})
    assert program.readout == "7 NonSpikingLIFNode"
    result = simulate(program, Events.from_frames(inputs.flatten(2).numpy()))
    output = np.stack([result.output(recording) for recording in range(RECORDINGS)], 1)
    np.testing.assert_allclose(output, voltages, atol=1e-12)
