"""A state is loaded where the module computes what that of the state did, and refused where it does not."""

import copy
import io
import pickle

import pytest
import torch

from snnsim import LIF, BatchNorm, DelayedLinear, LeakyReadout, SpikingLayer, SpikingNetwork
from snnsim.nn import Conv, DelayedConv, LevyBaxter, MetaNeuron, SecondOrder
from snnsim.training import checkpoint


def network(neuron=None, *, delay=3, window="gauss", extra=0, eps=1e-5, tau=2.0):
    neuron = LIF(tau=1.5) if neuron is None else neuron
    layer = SpikingLayer(DelayedLinear(4, 5, delay, window=window), neuron, norm=BatchNorm(5, eps=eps), dropout=0.0)
    return SpikingNetwork([layer], DelayedLinear(5, 3, 3), LeakyReadout(tau=tau), extra_steps=extra)


DIFFERENT = [
    (lambda: network(LIF(tau=3.0)), "beta of 'layers.0.neuron.decay' is 0.33.* there and 0.66.* here"),
    (lambda: network(LIF(tau=1.5, threshold=0.5)), "threshold of 'layers.0.neuron' is 1.0 there and 0.5 here"),
    (lambda: network(LIF(tau=1.5, reset="soft")), "reset of 'layers.0.neuron' is 'hard' there and 'soft' here"),
    (lambda: network(MetaNeuron(tau=1.5)), "kind of 'layers.0.neuron' is 'LIF' there and 'MetaNeuron' here"),
    (lambda: network(delay=4), "max_delay of 'layers.0.synapse' is 3 there and 4 here"),
    (lambda: network(window="v1"), "window of 'layers.0.synapse' is 'gauss' there and 'v1' here"),
    (lambda: network(extra=2), "extra_steps is 0 there and 2 here"),
    (lambda: network(eps=1e-3), "eps of 'layers.0.norm' is 1e-05 there and 0.001 here"),
    (lambda: network(tau=4.0), "beta of 'readout.decay' is 0.5 there and 0.75 here"),
]


def through_a_file(state):
    file = io.BytesIO()
    torch.save({"network": state}, file)
    file.seek(0)
    return torch.load(file, weights_only=True)["network"]


@pytest.mark.parametrize(("make", "words"), DIFFERENT)
@pytest.mark.parametrize("way", [lambda state: state, through_a_file, copy.deepcopy])
def test_state_of_other_settings_is_refused_before_loading(make, words, way):
    state, other = way(network().state_dict()), make()
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(ValueError, match=f"load_state_dict: the state is of another SpikingNetwork: {words}"):
        other.load_state_dict(state)
    assert all(map(torch.equal, other.state_dict().values(), before.values()))
    # on purpose
    other.load_state_dict(dict(state))
    assert all(map(torch.equal, other.state_dict().values(), state.values()))


def test_state_without_settings_loads():
    old = network().state_dict()
    for metadata in old._metadata.values():
        metadata.pop("settings", None)
    for state in (old, dict(old)):
        assert list(network(LIF(tau=5.0)).load_state_dict(state)) == [[], []]


def test_state_dict_keys_are_stable():
    assert list(LIF().state_dict()) == []
    assert all(isinstance(value, torch.Tensor) for value in network().state_dict().values())


@pytest.mark.parametrize("way", [copy.deepcopy, lambda target: pickle.loads(pickle.dumps(target))])
def test_copies_carry_their_settings(way):
    target = way(network())
    target.load_state_dict(network().state_dict())
    with pytest.raises(ValueError, match=r"beta of 'layers.0.neuron.decay'"):
        network(LIF(tau=3.0)).load_state_dict(target.state_dict())
    # those of the copy, not of what was copied
    target.layers[0].neuron = LIF(tau=3.0)
    network(LIF(tau=3.0)).load_state_dict(target.state_dict())


def test_settings_of_a_nested_network_are_checked():
    outer, other = torch.nn.ModuleDict({"net": network()}), torch.nn.ModuleDict({"net": network(LIF(tau=3.0))})
    with pytest.raises(ValueError, match=r"beta is 0.33.* there and 0.66.* here"):
        other.load_state_dict(outer.state_dict())


def test_settings_without_effect_on_the_output_are_not_compared():
    source, target = network(), network(LIF(tau=1.5, surrogate="triangle", detach_reset=False))
    for dtype in (torch.float32, torch.float64):
        weight = target.to(dtype).layers[0].synapse.weight
        torch.nn.init.zeros_(weight)
        target.load_state_dict(source.state_dict())
        assert weight.dtype == dtype
        assert torch.equal(weight, source.layers[0].synapse.weight.to(dtype))


def test_other_shapes_and_names_are_reported():
    with pytest.raises(ValueError, match=r"'layers.0.synapse.weight' has shape \(5, 4, 1\) there and \(5, 4, 2\) here"):
        SpikingNetwork(
            [SpikingLayer(DelayedLinear(4, 5, 3, taps=2), LIF(tau=1.5), norm=BatchNorm(5), dropout=0.0)],
            DelayedLinear(5, 3, 3), LeakyReadout(tau=2.0),
        ).load_state_dict(network().state_dict())  # fmt: skip
    # names are torch's to check, or to leave out
    with pytest.raises(RuntimeError, match="Missing key"):
        network().load_state_dict({})
    assert network().load_state_dict({}, strict=False).missing_keys


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (MetaNeuron(width=0.2), MetaNeuron(width=0.3), "value of 'width' is 0.2 there and 0.3 here"),
        (LevyBaxter(success=0.5), LevyBaxter(), "beta of 'success' is 0.5 there and 0.75 here"),
        (SecondOrder(pace=0.5), SecondOrder(pace=0.25), "pace is 0.5 there and 0.25 here"),
        (Conv((4, 4, 1), 2, 3), Conv((2, 8, 1), 2, 3), r"field is '\(4, 4, 1\)' there and '\(2, 8, 1\)' here"),
        (
            DelayedConv((4, 4, 1), 2, 3),
            DelayedConv((4, 4, 1), 2, 5),
            "max_delay of 'connections' is 3 there and 5 here",
        ),
    ],
)
def test_other_modules_carry_settings(one, other, words):
    with pytest.raises(ValueError, match=words):
        other.load_state_dict(one.state_dict())


def test_checkpoints_carry_settings(tmp_path):
    path = tmp_path / "last.pt"
    checkpoint.save(path, {}, {"network": network().state_dict()})
    state = checkpoint.load(path, {})["network"]
    network().load_state_dict(state)
    with pytest.raises(ValueError, match="extra_steps is 0 there and 2 here"):
        network(extra=2).load_state_dict(state)
