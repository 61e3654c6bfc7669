"""A neuron model of one's own in a layer, and the calls of a current on its way to the compiled kernel."""

import sys
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from helpers.networks import BATCH, NEURONS, STEPS, eighths, generator, small_network
from snnsim.gradient_paths import SPATIAL
from snnsim.learning import chunked
from snnsim.nn import LIF, LevyBaxter, Neuron, SecondOrder, SpikingLayer, SpikingNetwork, Synapse, constrain_after
from snnsim.nn.protocols import Readout
from snnsim.surrogate import Surrogate

SURROGATE = Surrogate("atan")
FRAMES = eighths(STEPS, BATCH, NEURONS, low=0)


class AdaptiveState(NamedTuple):
    voltage: Tensor
    adaptation: Tensor


class AdaptiveLIF(Neuron[AdaptiveState]):
    """u[t] = v[t-1]/2 + I[t];  s[t] = Θ(u[t] - θ - a[t-1]);  a[t] = a[t-1]/2 + s[t]/4;  hard reset."""

    def __init__(self, threshold: float = 0.25) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.full((1,), threshold))

    def rest(self, current):
        return AdaptiveState(*current.new_zeros(2, *current.shape[1:]))

    def firing_threshold(self):
        return self.threshold

    def advance(self, current, state, draws=None):  # noqa: ARG002
        membrane = state.voltage / 2 + current
        spikes = SURROGATE.spike(membrane - self.threshold - state.adaptation)
        return spikes, membrane, AdaptiveState(membrane * (1 - spikes.detach()), state.adaptation / 2 + spikes / 4)

    def constrain(self):
        with torch.no_grad():
            self.threshold.clamp_(min=0.125)


def adaptive_network(**settings) -> SpikingNetwork:
    return small_network(neuron=lambda _: AdaptiveLIF(), norm=False, **settings)


def test_state_of_several_variables_goes_through_chunks_of_a_network():
    network = adaptive_network(dropout=0.3)
    expected = network(FRAMES, generator=generator(1))
    state, outputs, draw = None, [], generator(1)
    for chunk in FRAMES.split(5):
        output, state = network.run(chunk, state, generator=draw)
        outputs.append(output)
    assert_close(torch.cat(outputs), expected)
    assert isinstance(state[0].neuron, AdaptiveState)
    assert state[0].neuron.adaptation.abs().max() > 0


def test_state_of_several_variables_is_detached_between_chunks():
    full, cut = adaptive_network(), adaptive_network()
    full(FRAMES, credit=SPATIAL).square().sum().backward()
    chunked.backpropagate(cut, FRAMES.split(4), lambda output, _: output.square().sum())
    for one, other in zip(full.parameters(), cut.parameters(), strict=True):
        assert_close(one.grad, other.grad)


def test_one_step_is_a_sequence_of_one():
    neuron, current = AdaptiveLIF().double(), eighths(STEPS, BATCH, NEURONS)
    spikes, last = neuron.run(current)
    state, stepped = None, []
    for now in current:
        sent, state = neuron.step(now, state)
        stepped.append(sent)
    assert torch.equal(torch.stack(stepped), spikes)
    assert all(map(torch.equal, state, last))


def test_states_of_another_kind_are_refused():
    neuron, current = AdaptiveLIF(), torch.ones(3, 2, 4)
    with pytest.raises(TypeError, match="AdaptiveLIF: the state must be of type AdaptiveState, not"):
        neuron.run(current, torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"the state must match the shape \(2, 4\)"):
        neuron.run(current, AdaptiveState(torch.zeros(3, 4), torch.zeros(2, 4)))
    with pytest.raises(ValueError, match="the voltage must be finite"):
        neuron.run(torch.full((3, 2, 4), float("nan")))


def test_parts_of_another_kind_are_refused():
    synapse, readout = small_network().synapse, small_network().readout
    with pytest.raises(TypeError, match="SpikingLayer: neuron must be a Neuron, such as a LIF, not"):
        SpikingLayer(synapse, nn.ReLU(), norm=None, dropout=0.0)
    with pytest.raises(TypeError, match="SpikingLayer: synapse must be a Synapse, such as a DelayedLinear, not"):
        SpikingLayer(nn.Linear(2, 2), LIF(), norm=None, dropout=0.0)
    with pytest.raises(TypeError, match="SpikingNetwork: readout must be a Readout, such as a LeakyReadout, not"):
        SpikingNetwork([], synapse, nn.Linear(2, 2))
    assert isinstance(synapse, Synapse)
    assert isinstance(readout, Readout)


def test_a_neuron_without_a_kernel_says_so():
    assert not SecondOrder().supports_fused(torch.ones(3, 2, 4))
    with pytest.raises(NotImplementedError, match="SecondOrder has no compiled kernel"):
        SecondOrder().fused(torch.ones(3, 2, 4))


@pytest.mark.parametrize("call", ["forward", "run"])
def test_a_current_reaches_its_kernel_in_four_calls(call):
    layer = small_network().layers[0]
    names = []

    def trace(frame, event, _):
        if event == "call" and frame.f_code.co_filename.endswith("kernels/neuron/autograd.py") and not names:
            while frame is not None and frame.f_code.co_name != "test_a_current_reaches_its_kernel_in_four_calls":
                if "snnsim" in frame.f_code.co_filename:
                    names.append(frame.f_code.co_name)
                frame = frame.f_back

    layer.norm = None
    sys.setprofile(trace)
    try:
        getattr(layer, call)(FRAMES)
    finally:
        sys.setprofile(None)
    assert len(names) == len(set(names)) == 4
    assert names[1:] == ["fused", "spike", call]


# ---- constraints ----


@pytest.mark.parametrize("part", ["network", "layer"])
def test_constrain_after_each_optimizer_step(part):
    network = small_network(neuron=lambda _: LIF(threshold=0.25, learn_threshold=True), sparsity=0.3)
    module = network if part == "network" else network.layers[0]
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    handle = constrain_after(optimizer, module)
    synapse, neuron = network.layers[0].synapse, network.layers[0].neuron
    absent = synapse.weight == 0
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)
    optimizer.step()
    assert synapse.delay.aminmax() == (0, 0)
    assert torch.equal(synapse.weight == 0, absent)
    assert neuron.threshold.item() == pytest.approx(0.0025)
    handle.remove()
    optimizer.step()
    assert synapse.delay.max() < 0


def test_constrain_reaches_neurons_of_ones_own():
    network = adaptive_network()
    with torch.no_grad():
        network.layers[1].neuron.threshold.fill_(-1.0)
    network.constrain()
    assert network.layers[1].neuron.threshold.item() == 0.125


# ---- old names ----


def test_old_names_warn():
    layer, current = small_network(norm=False).layers[0], eighths(STEPS, BATCH, 8)
    with pytest.warns(DeprecationWarning, match="SpikingLayer.fire is now SpikingLayer.spike"):
        assert torch.equal(layer.fire(current), layer.spike(current)[0])
    with pytest.warns(DeprecationWarning, match="LIF.level is now LIF.firing_threshold"):
        assert layer.neuron.level().item() == 0.25
    with pytest.warns(DeprecationWarning, match="LevyBaxter.noisy is now LevyBaxter.is_stochastic"):
        assert LevyBaxter().noisy
