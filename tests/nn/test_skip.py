"""Skip connections against sums of currents by hand: outputs, gradients, chunks, and the frozen network."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from helpers.networks import BATCH, NEURONS, STEPS, TARGETS, eighths, generator
from snnsim.gradient_paths import DELAYED
from snnsim.learning import rules
from snnsim.learning.decisions import summed_softmax
from snnsim.learning.losses import Batch
from snnsim.nn import LIF, BatchNorm, DelayedLinear, LeakyReadout, SparseLinear, SpikingLayer, SpikingNetwork
from snnsim.nn.freezing import freeze
from snnsim.nn.recurrence import Recurrence
from snnsim.nn.skip import Skip
from snnsim.simulation import Events, Probe, simulate

WIDTHS = [NEURONS, 8, 7, TARGETS]


def synapse(source, target, seed, *, delays=True):
    if delays:
        return DelayedLinear(WIDTHS[source], WIDTHS[target], 6, sigma=1.5, generator=generator(seed))
    return SparseLinear(WIDTHS[source], WIDTHS[target], generator=generator(seed))


def network(*, norm=True, recurrent=False):
    layers = [
        SpikingLayer(
            synapse(number - 1, number, number),
            LIF(tau=2.0, threshold=0.25),
            norm=BatchNorm(WIDTHS[number]) if norm else None,
            dropout=0.0,
            recurrent=Recurrence(synapse(number, number, 9)) if recurrent else None,
        )
        for number in (1, 2)
    ]
    skips = [
        Skip(0, 2, synapse(0, 2, 5)),
        Skip(0, 3, synapse(0, 3, 6, delays=False)),
        Skip(1, 3, synapse(1, 3, 7)),
        Skip(0, 2, synapse(0, 2, 8, delays=False)),
    ]
    return SpikingNetwork(layers, synapse(2, 3, 3), LeakyReadout(tau=3.0), skips=skips, extra_steps=2).double()


def by_hand(net, frames):
    """Return the output of the network, with its skip connections written out."""
    first, second = net.layers
    a, b, c, d = (skip.synapse for skip in net.skips)
    frames = torch.cat([frames, frames.new_zeros(net.extra_steps, *frames.shape[1:])])
    one = first.spike(first.current(frames))[0]
    two = second.spike(second.current(one) + a(frames) + d(frames))[0]
    return net.readout(net.synapse(two) + b(frames) + c(one))


@pytest.mark.parametrize("norm", [False, True])
def test_currents_of_skip_connections_are_added(norm):
    net, frames = network(norm=norm), eighths(STEPS, BATCH, NEURONS).requires_grad_()
    wanted = [frames, *(parameter for parameter in net.parameters() if parameter.requires_grad)]
    output, expected = net(frames), by_hand(net, frames)
    assert_close(output, expected)
    error = torch.randn(output.shape, generator=generator(4), dtype=torch.float64)
    assert_close(torch.autograd.grad(output, wanted, error), torch.autograd.grad(expected, wanted, error))


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("lengths", [[1] * 20, [7, 12, 1]])
def test_chunks_are_the_whole_sequence(lengths, recurrent):
    net, frames = network(recurrent=recurrent).eval(), eighths(20, BATCH, NEURONS)
    silent = frames.new_zeros(net.extra_steps, *frames.shape[1:])
    pieces, state = [], None
    with torch.no_grad():
        for chunk in [*frames.split(lengths), silent]:
            piece, state = net.run(chunk, state)
            pieces.append(piece)
        assert_close(torch.cat(pieces), net(frames))
        assert_close(net.record(frames).output, net(frames))


@pytest.mark.parametrize("recurrent", [False, True])
def test_the_frozen_network_fires_the_same_spikes(recurrent):
    net = network(recurrent=recurrent)
    frames = eighths(40, BATCH, NEURONS, low=-8, high=18).clamp(0).mul(4).floor().clamp(max=3)
    net(frames)
    net.eval()
    program = freeze(net, time_step_ms=1.0)
    events = Events.from_frames(frames.numpy().astype(np.int64))
    with torch.no_grad():
        record = net.record(frames)
    probe = Probe(spikes=True, membranes={"readout": None})
    for engine in ("clock_driven", "event_driven"):
        result = simulate(program, events, engine=engine, record=probe, precision="float64")
        for number in (1, 2):
            counts = record.spikes[number].sum(0).numpy().astype(np.int64)
            assert counts.sum() > 0
            np.testing.assert_array_equal(result.counts(f"hidden {number}"), counts)
        for recording, output in enumerate(record.output.unbind(1)):
            np.testing.assert_allclose(result.membrane("readout", recording), output.numpy(), atol=1e-9)


def test_synapses_and_constraints_include_skip_connections():
    net = network(recurrent=True)
    assert len(list(net.synapses())) == 9
    with torch.no_grad():
        net.skips[0].synapse.delay.fill_(99.0)
        net.layers[0].recurrent.synapse.delay.fill_(-1.0)
    net.constrain()
    assert net.skips[0].synapse.delay.max() == 6
    assert net.layers[0].recurrent.synapse.delay.min() == 0


@pytest.mark.parametrize("chunk", [1, 4, 50])
@pytest.mark.parametrize("delayed", DELAYED)
def test_chunked_learning_has_the_gradients_of_the_whole_sequence(delayed, chunk):
    frames = eighths(STEPS, BATCH, NEURONS, low=0)
    batch = Batch(frames, torch.tensor([STEPS, 9, STEPS]), torch.tensor([0, 2, 1]), normalizer=3.0)
    gradients = []
    for settings in ({}, {"chunk": chunk}):
        net = network(norm=False)
        rules.get_rule("sltt", delayed=delayed, **settings)(net, batch, summed_softmax, None)
        gradients.append([parameter.grad for parameter in net.parameters()])
    assert all(gradient.any() for gradient in gradients[0])
    assert_close(gradients[1], gradients[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: with_skip(Skip(2, 1, synapse(0, 2, 1))), "skip connection 2 -> 1 must lead to 8 neurons, not to 7"),
        (lambda: with_skip(Skip(3, 1, synapse(0, 1, 1))), "must start at a layer from 1 to 2, or at the input, 0"),
        (lambda: Skip(-1, 1, synapse(0, 1, 1)), "source must be"),
        (
            lambda: with_skip(Skip(0, 5, synapse(0, 1, 1))),
            "must lead to a layer from 1 to 2, or to the readout, 3",
        ),
        (lambda: with_skip(Skip(0, 2, synapse(0, 1, 1))), "skip connection 0 -> 2 must lead to 7 neurons, not to 8"),
    ],
)
def test_skip_connections_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def with_skip(skip):
    net = network()
    return SpikingNetwork(list(net.layers), net.synapse, net.readout, skips=[skip])
