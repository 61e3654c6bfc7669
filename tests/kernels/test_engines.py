"""Both engines against the loops of the reference, and against each other where rounding shows."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_programs import dense_spikes, events, everything, frames_for, loops, membranes, programs
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import ENGINES, Events, Probe, Simulator, State, engines, simulate

WITH_INPUT = programs().flatmap(lambda program: st.tuples(st.just(program), frames_for(program)))
ANY_ENGINE = st.sampled_from(list(ENGINES))


def silence(steps, recordings, channels):
    return np.zeros((steps, recordings, channels), int)


@settings(max_examples=80, deadline=None)
@given(WITH_INPUT, ANY_ENGINE, st.sampled_from(["float64", "float32"]), st.integers(1, 3))
def test_equals_the_loops(given_network, engine, precision, threads):
    program, frames = given_network
    record = Probe(spikes=True, membranes=everything(program))
    result = simulate(program, events(frames), engine=engine, precision=precision, threads=threads, record=record)
    longer = np.concatenate([frames, silence(program.extra_steps, *frames.shape[1:])])
    for recording in range(frames.shape[1]):
        spikes, membrane = loops(program, longer[:, recording])
        np.testing.assert_array_equal(dense_spikes(result, program, recording), spikes)
        np.testing.assert_array_equal(membranes(result, program, recording), membrane)
        counts = np.concatenate([result.counts(part.name)[recording] for part in program.populations])
        np.testing.assert_array_equal(counts, spikes.sum(0))
        np.testing.assert_array_equal(result.counts(INPUT)[recording], frames[:, recording].sum(0))


@settings(max_examples=60, deadline=None)
@given(WITH_INPUT, ANY_ENGINE, st.lists(st.integers(0, 10), max_size=3), st.integers(1, 2))
def test_pieces_of_a_stream_give_the_results_of_the_stream(given_network, engine, cuts, threads):
    program, frames = given_network
    recordings, record = events(frames), Probe(spikes=True, membranes=everything(program))
    simulator = Simulator(program, engine=engine, threads=threads)
    expected, _ = simulator.feed(recordings, simulator.start(3), record)
    bounds = sorted({0, len(frames), *(min(cut, len(frames)) for cut in cuts)})
    state, spikes, membrane = simulator.start(3), [], []
    for begin, end in itertools.pairwise(bounds):
        before = state.voltage.copy(), state.pending.copy()
        result, after = simulator.feed(recordings.part(begin, end), state, record)
        np.testing.assert_array_equal(state.voltage, before[0])
        np.testing.assert_array_equal(state.pending, before[1])
        state = after
        spikes.append(dense_spikes(result, program, 1))
        membrane.append(membranes(result, program, 1))
    np.testing.assert_array_equal(np.concatenate(spikes), dense_spikes(expected, program, 1))
    np.testing.assert_array_equal(np.concatenate(membrane), membranes(expected, program, 1))
    assert state.step == len(frames)


def random_network(seed, *, size=40, bias=0.0, soft=False):
    """Return a recurrent network with weights that do not add without rounding."""
    rng = np.random.default_rng(seed)
    model = "lif_soft" if soft else "lif_hard"
    decay = rng.uniform(0.8, 1.0, size)
    neurons = Population("a", model, decay, rng.uniform(0.5, 1.5, size), rng.normal(0, bias, size), np.ones(size))
    inner = rng.random((size, size)) < 0.3
    pre, post = np.nonzero(inner)
    recurrent = Edge.of(
        "a", "a", (pre, post, rng.integers(1, 30, len(pre)), rng.normal(0, 0.4, len(pre))), sources=size
    )
    pre, post = np.nonzero(np.ones((10, size)))
    outer = Edge.of(INPUT, "a", (pre, post, rng.integers(0, 9, len(pre)), rng.normal(0.1, 0.5, len(pre))), sources=10)
    return Program(channels=10, populations=(neurons,), edges=(outer, recurrent), time_step_ms=1.0)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(("bias", "soft"), [(0.0, False), (0.0, True), (0.02, True), (0.3, False)])
def test_engines_agree_to_the_last_bit(precision, bias, soft):
    program = random_network(0, bias=bias, soft=soft)
    frames = np.random.default_rng(1).random((200, 2, 10)) < 0.02
    results = [
        simulate(program, events(frames), engine=engine, precision=precision, record=Probe(spikes=True))
        for engine in ENGINES
    ]
    assert results[0].counts("a").sum() > 100
    for one, other in zip(results[0].spikes("a", 1), results[1].spikes("a", 1), strict=True):
        np.testing.assert_array_equal(one, other)
    states = [Simulator(program, engine=engine, precision=precision) for engine in ENGINES]
    ends = [simulator.feed(events(frames), simulator.start(2))[1] for simulator in states]
    np.testing.assert_array_equal(ends[0].voltage, ends[1].voltage)
    np.testing.assert_array_equal(ends[0].pending, ends[1].pending)


def test_a_stream_may_change_engines(tmp_path):
    program, frames = random_network(2), np.random.default_rng(3).random((120, 1, 10)) < 0.05
    clock, touched = Simulator(program, engine="clock_driven"), Simulator(program, engine="event_driven")
    expected, _ = clock.feed(events(frames), clock.start())
    first, state = clock.feed(events(frames).part(0, 50), clock.start())
    state.save(tmp_path / "state.npz")
    second, _ = touched.feed(events(frames).part(50, 120), State.load(tmp_path / "state.npz"))
    np.testing.assert_array_equal(first.counts("a") + second.counts("a"), expected.counts("a"))


def test_a_queue_that_is_too_short_grows(monkeypatch):
    program, frames = random_network(4), np.random.default_rng(5).random((60, 3, 10)) < 0.3
    record = Probe(spikes=True, membranes={"a": [3, 7]})
    expected = simulate(program, events(frames), engine="clock_driven", record=record)
    monkeypatch.setattr(engines, "FIRST_QUEUE", 1)
    results = simulate(program, events(frames), engine="event_driven", record=record, threads=2)
    np.testing.assert_array_equal(results.node_counts, expected.node_counts)
    np.testing.assert_array_equal(results.traces, expected.traces)
    np.testing.assert_array_equal(results.spike_step, expected.spike_step)
    np.testing.assert_array_equal(results.spike_neuron, expected.spike_neuron)


def test_a_neuron_that_nothing_reaches_is_not_computed():
    # where a silent neuron is computed, its denormal voltage would be rounded away
    program = Program(
        channels=1,
        populations=(Population.of("a", 2, decay=0.5, threshold=1.0),),
        edges=(Edge.of(INPUT, "a", (np.array([0]), np.array([0]), np.array([0]), np.array([0.5])), sources=1),),
        time_step_ms=1.0,
    )
    simulator = Simulator(program, engine="event_driven")
    assert not simulator.engine.alone.any()
    by_itself = replace(program, populations=(replace(program.populations[0], bias=np.array([0.25, 0.5])),))
    assert Simulator(by_itself, engine="event_driven").engine.alone.tolist() == [False, True]


def test_slides_of_the_buffer_change_nothing(monkeypatch):
    program, frames = random_network(6), np.random.default_rng(7).random((150, 1, 10)) < 0.1
    expected = simulate(program, events(frames), record=Probe(spikes=True))
    monkeypatch.setattr(engines, "BUFFER_BYTES", 1)
    simulator = Simulator(program)
    assert simulator.engine.rows == program.longest_delay()
    results = simulator.run(events(frames), Probe(spikes=True))
    np.testing.assert_array_equal(results.spike_step, expected.spike_step)
    np.testing.assert_array_equal(results.spike_neuron, expected.spike_neuron)


def test_events_of_a_step_are_counted():
    program = random_network(8)
    twice = Events.single(np.array([3, 3]), np.array([2, 2]), steps=20)
    once = Events(np.array([3]), np.array([2]), np.array([2]), np.array([0, 1]), np.array([20]))
    results = [simulate(program, counted) for counted in (twice, once)]
    np.testing.assert_array_equal(results[0].node_counts, results[1].node_counts)
    fan = 40
    inner = int(results[0].counts("a")[0] @ results[0].fan_out[10:])
    assert [int(each.synaptic_events()[0]) - inner for each in results] == [2 * fan, fan]
    assert [int(each.synaptic_operations()[0]) - inner for each in results] == [2 * fan, 2 * fan]
