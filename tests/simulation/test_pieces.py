"""Recordings in pieces: the pieces of Events are the whole, and a stream fed piece by piece is one run."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_programs import everything, frames_for, programs
from helpers.small_programs import chain
from snnsim.simulation import ENGINES, Events, Probe, Simulator


@st.composite
def cuts(draw, steps):
    """Return ascending steps from 0 to the end, some of them equal: the bounds of pieces of random lengths."""
    return [0, *sorted(draw(st.lists(st.integers(0, steps), max_size=6))), steps]


@st.composite
def recordings(draw):
    """Return counts (time, recording, channel), and a length for each recording behind which it has none."""
    seed, steps = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 12))
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 3, (steps, draw(st.integers(0, 4)), 3))
    length = rng.integers(0, steps + 1, frames.shape[1])
    return frames * (np.arange(steps)[:, None] < length)[..., None], length


def rows(events, recording, shift=0):
    """Return the events of a recording, (event, step and channel and count), moved by some steps."""
    own = slice(events.offset[recording], events.offset[recording + 1])
    return np.stack([events.step[own] + shift, events.channel[own], events.count[own]], 1)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), recording=recordings())
def test_parts_are_the_events_when_they_are_joined(data, recording):
    frames, length = recording
    events = Events.from_frames(frames, length)
    bounds = data.draw(cuts(len(frames)))
    pieces = [(begin, events.part(begin, end)) for begin, end in itertools.pairwise(bounds)]
    np.testing.assert_array_equal(sum(piece.length for _, piece in pieces), length)
    for number in range(len(events)):
        joined = np.concatenate([rows(piece, number, begin) for begin, piece in pieces])
        np.testing.assert_array_equal(joined, rows(events, number))


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=50, deadline=None)
@given(data=st.data(), program=programs())
def test_a_stream_in_pieces_of_random_lengths_is_one_run(engine, data, program):
    frames = data.draw(frames_for(program))
    events = Events.from_frames(frames)
    simulator, probe = Simulator(program, engine=engine), Probe(spikes=True, membranes=everything(program))
    expected = simulator.run(events, probe)
    state, results = simulator.start(frames.shape[1]), []
    for begin, end in itertools.pairwise(data.draw(cuts(len(frames)))):
        result, state = simulator.feed(events.part(begin, end), state, probe)
        results.append((begin, result))
    for population in program.populations:
        for recording in range(len(events)):
            membranes = np.concatenate([result.membrane(population.name, recording) for _, result in results])
            # a run goes on for some steps behind the recording, a stream does not
            np.testing.assert_array_equal(membranes, expected.membrane(population.name, recording)[: len(frames)])
            pieces = [(begin, *result.spikes(population.name, recording)) for begin, result in results]
            step, neuron = expected.spikes(population.name, recording)
            inside = step < len(frames)
            np.testing.assert_array_equal(np.concatenate([begin + row for begin, row, _ in pieces]), step[inside])
            np.testing.assert_array_equal(np.concatenate([row for _, _, row in pieces]), neuron[inside])


def test_predictions_of_steps_are_those_of_the_steps_that_ran():
    """Of a run, all but its extra steps; of a piece of a stream, which has none, every step."""
    simulator = Simulator(chain(task="step-regression", decision=None, extra_steps=6))
    events = Events.single(np.array([0, 0]), np.array([0, 1]), steps=4)
    (run,) = simulator.run(events).predictions()
    (piece,) = simulator.feed(events, simulator.start())[0].predictions()
    assert len(run) == len(piece) == 4
    np.testing.assert_array_equal(run, piece)
