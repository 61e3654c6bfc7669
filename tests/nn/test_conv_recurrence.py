"""Recurrence by a kernel along the neuron axis against loops over neighbors, in training, chunks and the program."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from helpers.networks import BATCH, NEURONS, STEPS, eighths, generator
from snnsim.learning import qat
from snnsim.nn import LIF, DelayedLinear, LeakyReadout, Recurrence, SpikingLayer, SpikingNetwork
from snnsim.nn.freezing import freeze
from snnsim.simulation import Events, Probe, simulate

WIDTH, MAX_DELAY = 6, 4


def layer(*, kernel=3, learn_delay=True, dropout=0.0):
    settings = {"sigma": 1.2, "learn_delay": learn_delay, "generator": generator(2)}
    return SpikingLayer(
        DelayedLinear(NEURONS, WIDTH, 3, sigma=1.2, generator=generator(1)),
        LIF(tau=2.0, threshold=0.25),
        norm=None,
        dropout=0.0,
        recurrent=Recurrence.along_neurons(WIDTH, MAX_DELAY, kernel=kernel, dropout=dropout, **settings),
    ).double()


def by_hand(part, frames):
    """Return the spikes of a layer, as loops over steps, delays, neurons and their neighbors."""
    table = part.recurrent.synapse.kernel()[:, 0]
    delays, kernel = table.shape
    current, sent, state = part.current(frames), [], None
    for step, external in enumerate(current):
        columns = []
        for neuron in range(WIDTH):
            total = external[:, neuron]
            for delay in range(delays):
                for element in range(kernel):
                    neighbor = neuron + element - kernel // 2
                    if 0 <= neighbor < WIDTH and step - 1 - delay >= 0:
                        total = total + table[delay, element] * sent[step - 1 - delay][:, neighbor]
            columns.append(total)
        spikes, state = part.neuron.step(torch.stack(columns, -1), state)
        sent.append(spikes)
    return torch.stack(sent)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("learn_delay", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_spikes_and_gradients_are_those_of_loops_over_neighbors(kernel, learn_delay, training):
    part = layer(kernel=kernel, learn_delay=learn_delay).train(training)
    frames = eighths(STEPS, BATCH, NEURONS).requires_grad_()
    wanted = [frames, *(parameter for parameter in part.parameters() if parameter.requires_grad)]
    spikes, expected = part(frames), by_hand(part, frames)
    assert expected.any()
    assert_close(spikes, expected)
    error = torch.randn(spikes.shape, generator=generator(4), dtype=torch.float64)
    gradients = torch.autograd.grad(spikes, wanted, error, allow_unused=True)
    assert_close(gradients, torch.autograd.grad(expected, wanted, error, allow_unused=True))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("lengths", [[1] * 20, [7, 12, 1]])
def test_chunks_are_the_whole_sequence(lengths, training):
    part, frames = layer(dropout=0.3).train(training), eighths(20, BATCH, NEURONS)
    pieces, state, draw = [], None, generator(2)
    for chunk in frames.split(lengths):
        piece, state = part.run(chunk, state, generator=draw)
        pieces.append(piece)
    assert_close(torch.cat(pieces), part(frames, generator=generator(2)))


@pytest.mark.parametrize("kernel", [3, 5])
def test_the_frozen_network_fires_the_same_spikes(kernel):
    readout = DelayedLinear(WIDTH, 2, 2, generator=generator(5))
    net = SpikingNetwork([layer(kernel=kernel)], readout, LeakyReadout(tau=2.0)).double().eval()
    assert net.looped_synapses() == [net.layers[0].recurrent.synapse.connections]
    qat.Grid(delays="3bit:2").apply(net)
    program = freeze(net, time_step_ms=1.0)
    loop = program.edges[1]
    assert (loop.source, loop.target) == ("hidden 1", "hidden 1")
    # neurons at the ends have fewer neighbors
    assert loop.synapses == kernel * WIDTH - 2 * sum(range(kernel // 2 + 1))
    assert set(loop.delay) <= {2, 4}
    frames = eighths(40, BATCH, NEURONS, low=-8, high=18).clamp(0).mul(4).floor().clamp(max=3)
    with torch.no_grad():
        spikes = net.record(frames).spikes[1]
    assert spikes.any()
    for engine in ("clock_driven", "event_driven"):
        events = Events.from_frames(frames.numpy().astype(np.int64))
        result = simulate(program, events, engine=engine, record=Probe(spikes=True))
        np.testing.assert_array_equal(result.counts("hidden 1"), spikes.sum(0).numpy().astype(np.int64))


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel"):
        Recurrence.along_neurons(WIDTH, MAX_DELAY, kernel=2)
