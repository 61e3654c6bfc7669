"""Membranes that reach their threshold exactly, in networks with loops and skip connections: all forms spike alike.

Weights are integer multiples of an eighth, a seventh or a tenth. The threshold of a layer is a sum of currents that
occurs, and reaches it by additions in the order of the spikes alone.
"""

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.frozen import output_of_program, simulated
from snnsim import kernels
from snnsim.nn import ALIF, LIF, CubaLIF, DelayedLinear, LeakyReadout, Recurrence, Skip, SparseLinear
from snnsim.nn import layer as layer_module
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork

EXAMPLES = 4 if numba.config.DISABLE_JIT else 12
WIDTHS = (5, 6, 4, 2)
NEURONS = {
    "lif": lambda draw, threshold: LIF(
        beta=draw(st.sampled_from([0.0, 0.5, 1.0])), threshold=threshold, reset=draw(st.sampled_from(["hard", "soft"]))
    ),
    "alif": lambda _, threshold: ALIF(beta=0.5, rho=0.5, jump=0.25, threshold=threshold),
    "cuba_lif": lambda _, threshold: CubaLIF(beta=0.5, alpha=0.5, threshold=threshold),
}


@st.composite
def networks(draw, kind):
    """Return a network of two recurrent layers with skip connections, and frames; many membranes are ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    denominator = draw(st.sampled_from([7, 8, 10]))

    def synapse(source, target):
        sources, targets = WIDTHS[source], WIDTHS[target]
        one = SparseLinear(sources, targets)
        if draw(st.booleans()):
            kind = draw(st.sampled_from(["synaptic", "axonal", "dendritic"]))
            one = DelayedLinear(sources, targets, draw(st.integers(0, 7)), taps=draw(st.integers(1, 2)), delays=kind)
        one = one.double()
        with torch.no_grad():
            one.weight.copy_(torch.from_numpy(rng.integers(-2, 4, one.weight.shape) / denominator))
            if isinstance(one, DelayedLinear):
                one.delay.copy_(torch.from_numpy(rng.random(one.delay.shape) * one.max_delay))
        return one

    def layer(number):
        # a threshold that sums of the weights reach
        threshold = rng.integers(1, 2 * denominator) / denominator
        neuron = NEURONS[kind](draw, float(threshold)).double()
        neuron.threshold.fill_(threshold)
        loop = Recurrence(synapse(number, number)) if draw(st.booleans()) else None
        return SpikingLayer(synapse(number - 1, number), neuron, norm=None, dropout=0.0, recurrent=loop)

    layers = [layer(1), layer(2)]
    skips = [Skip(0, 2, synapse(0, 2))] if draw(st.booleans()) else []
    skips += [Skip(1, 2, synapse(1, 2))] if draw(st.booleans()) else []
    skips += [Skip(source, 3, synapse(source, 3)) for source in (0, 1, 2) if draw(st.booleans())]
    net = SpikingNetwork(layers, synapse(2, 3), LeakyReadout(beta=0.5), skips=skips).double().eval()
    frames = rng.random((draw(st.integers(1, 40)), 3, WIDTHS[0])) < 0.4
    return net, torch.from_numpy(frames * rng.integers(1, 3, frames.shape)).double()


@pytest.mark.parametrize("kind", NEURONS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
@torch.no_grad()
def test_every_form_of_a_graph_fires_the_same_spikes(kind, data):
    net, frames = data.draw(networks(kind))
    with kernels.plain():
        expected = net.record(frames).spikes[1:]
    forms = {
        "fast": net.record(frames).spikes[1:],
        "clock-driven": simulated(net, frames, "clock_driven"),
        "event-driven": simulated(net, frames, "event_driven"),
    }
    for form, spikes in forms.items():
        for number, (one, other) in enumerate(zip(spikes, expected, strict=True)):
            assert torch.equal(one, other), f"{form}, layer {number}: {int((one != other).sum())} spikes differ"
    output = net(frames)
    with kernels.plain():
        assert torch.equal(net(frames), output)
    for engine in ("clock_driven", "event_driven"):
        assert torch.equal(output_of_program(net, frames, engine), output), engine
    length = data.draw(st.integers(1, len(frames)))
    pieces, state = [], None
    for chunk in frames.split(length):
        output, state = net.run(chunk, state)
        pieces.append(output)
    assert torch.equal(torch.cat(pieces), net(frames)), f"chunks of {length} steps"


def test_an_order_of_their_own_for_each_connection_misses_spikes(monkeypatch):
    """The networks above do reach their thresholds by the order of the sums alone."""
    differences = 0
    monkeypatch.setattr(layer_module, "in_one_order", lambda *_: [])

    @settings(max_examples=40, deadline=None, database=None, derandomize=True)
    @given(st.data())
    @torch.no_grad()
    def count(data):
        nonlocal differences
        net, frames = data.draw(networks("lif"))
        spikes, expected = net.record(frames).spikes[1:], simulated(net, frames, "clock_driven")
        differences += sum(int((one != other).sum()) for one, other in zip(spikes, expected, strict=True))

    count()
    assert differences > 0
