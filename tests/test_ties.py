"""Membranes that reach their threshold exactly: every form of a network fires the same spikes.

Weights are integer multiples of an eighth, a seventh or a tenth, and each threshold is a current that occurs, so that
membranes reach it exactly, by a sum that another order of rounding would miss.
"""

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.frozen import simulated
from snnsim import kernels
from snnsim.nn import LIF, Conv, DelayedConv, DelayedLinear, LeakyReadout, SparseLinear
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork

EXAMPLES = 5 if numba.config.DISABLE_JIT else 25
FIELD = (4, 6, 2)
SYNAPSES = {
    "delays": lambda draw: [DelayedLinear(6, 8, draw(st.integers(0, 12)), taps=2), DelayedLinear(8, 5, 9)],
    "fixed delays": lambda _: [DelayedLinear(6, 8, 30, learn_delay=False), DelayedLinear(8, 5, 4, learn_delay=False)],
    "no delays": lambda _: [SparseLinear(6, 8), SparseLinear(8, 5)],
    "convolutions": lambda draw: [
        Conv(FIELD, 3, 3),
        Conv((4, 6, 3), 2, (1, 3), pool=draw(st.sampled_from([1, 2])), stride=draw(st.sampled_from([1, 2]))),
    ],
    "delayed convolutions": lambda draw: [
        DelayedConv(FIELD, 3, 6, 3, pool=draw(st.sampled_from([1, 2])), stride=draw(st.sampled_from([1, 3]))),
    ],
}  # fmt: skip


@st.composite
def networks(draw, kind):
    """Return a network, and frames with which membranes reach their thresholds: currents that there are."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    denominator = draw(st.sampled_from([7, 8, 10]))
    synapses = SYNAPSES[kind](draw)
    outputs = synapses[-1].into.size if hasattr(synapses[-1], "into") else synapses[-1].weight.shape[0]
    frames = rng.random((draw(st.integers(5, 40)), 3, inputs(synapses[0]))) < 0.4
    frames = torch.from_numpy(frames * rng.integers(1, 3, frames.shape)).double()
    layers, spikes = [], frames
    for synapse in synapses:
        synapse.double().eval()
        with torch.no_grad(), kernels.plain():
            synapse.weight.copy_(torch.from_numpy(rng.integers(-2, 4, synapse.weight.shape) / denominator))
            current = synapse(spikes)
            threshold = rng.choice(current[current > 0].numpy()) if (current > 0).any() else 1.0
            reset, beta = draw(st.sampled_from(["hard", "soft"])), draw(st.sampled_from([0.0, 0.5, 1.0]))
            neuron = LIF(beta=beta, threshold=threshold, reset=reset).double()
            # as float64, as a network that is made in float32 would round it
            neuron.threshold.fill_(threshold)
            layers.append(SpikingLayer(synapse, neuron, norm=None, dropout=0.0))
            spikes = neuron(current)
    return SpikingNetwork(layers, DelayedLinear(outputs, 2, 5), LeakyReadout(beta=0.5)).double().eval(), frames


def inputs(synapse):
    return synapse.patches.field.size if hasattr(synapse, "patches") else synapse.weight.shape[1]


def stepped(network, frames):
    """Return the spikes of every layer, one step of the network after the other."""
    steps, states = [], [(None, None)] * len(network.layers)
    for frame in frames:
        spikes, sent = frame, []
        for number, layer in enumerate(network.layers):
            history, voltage = states[number]
            current, history = layer.synapse.run(spikes[None], history)
            spikes, voltage = layer.neuron.step(current[0], voltage)
            states[number] = history, voltage
            sent.append(spikes)
        steps.append(sent)
    return [torch.stack(layer) for layer in zip(*steps, strict=True)]


@pytest.mark.parametrize("kind", SYNAPSES)
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
@torch.no_grad()
def test_every_form_of_a_network_fires_the_same_spikes(kind, data):
    network, frames = data.draw(networks(kind))
    with kernels.plain():
        expected = network.record(frames).spikes[1:]
    forms = {
        "fast": network.record(frames).spikes[1:],
        "steps": stepped(network, frames),
        "clock-driven": simulated(network, frames, "clock_driven"),
        "event-driven": simulated(network, frames, "event_driven"),
    }
    if kind == "fixed delays":
        forms["training"] = network.train().record(frames).spikes[1:]
    for form, spikes in forms.items():
        for layer, (one, other) in enumerate(zip(spikes, expected, strict=True)):
            assert torch.equal(one, other), f"{form}, layer {layer}: {int((one != other).sum())} spikes differ"


@pytest.mark.parametrize("kind", SYNAPSES)
@torch.no_grad()
def test_membranes_do_reach_their_threshold_exactly(kind):
    ties = 0

    @settings(max_examples=20, deadline=None, database=None, derandomize=True)
    @given(st.data())
    def count(data):
        nonlocal ties
        network, frames = data.draw(networks(kind))
        spikes = frames
        for layer in network.layers:
            _, membrane = layer.neuron.trace(layer.current(spikes))
            ties += int((membrane == layer.neuron.threshold).sum())
            spikes = layer(spikes)

    count()
    assert ties > 100


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("longest", [0, 3, 4, 24])
def test_relay_neurons_send_on_every_spike(longest, dtype):
    delays = DelayedLinear(8, 8, longest)
    delays.weight[..., 0] = torch.eye(8)
    delays.delay[:] = longest
    layers = [SpikingLayer(delays, LIF(beta=0.0), norm=None, dropout=0.0)]
    network = SpikingNetwork(layers, SparseLinear(8, 2), LeakyReadout(beta=0.0)).to(dtype).eval()
    frames = (torch.rand(100, 4, 8, generator=torch.Generator().manual_seed(0)) < 0.1).to(dtype)
    expected = torch.zeros_like(frames)
    expected[longest:] = frames[: 100 - longest]
    assert torch.equal(network.record(frames).spikes[1], expected)
