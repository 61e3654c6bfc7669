"""Sums that reach a threshold exactly, or miss it by a rounding: both engines add in the order of the definition."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_programs import dense_spikes, everything, membranes
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import Events, Probe, Simulator, simulate


def defined(program, frames, kind):
    """Return spikes and membranes (time, neuron) of one recording: sums by time of spikes, then by source."""
    start, begin = {INPUT: 0}, 0
    for part in program.populations:
        start[part.name], begin = program.channels + begin, begin + part.size
    synapses = sorted(
        (start[e.source] + i, int(d), start[e.target] - program.channels + j, number, kind(w))
        for e in program.edges
        for number, (i, j, d, w) in enumerate(zip(e.pre(), e.post, e.delay, e.weight, strict=True))
    )
    values = [np.concatenate([getattr(p, name) for p in program.populations]).astype(kind) for name in NAMES]
    model = np.repeat([part.model for part in program.populations], [part.size for part in program.populations])
    sent = np.zeros((len(frames), program.channels + program.size), kind)
    sent[:, : program.channels] = frames
    u, v = np.zeros((len(frames), program.size), kind), np.zeros(program.size, kind)
    for t in range(len(frames)):
        for n in range(program.size):
            current = kind(0)
            for source, d, _, _, weight in sorted(
                (x for x in synapses if x[2] == n), key=lambda x: (-x[1], x[0], x[3])
            ):
                if d <= t and sent[t - d, source] != 0:
                    current += sent[t - d, source] * weight
            decay, threshold, bias = (value[n] for value in values)
            u[t, n] = v[n] = decay * v[n] + (current + bias)
            if u[t, n] >= threshold:
                sent[t, program.channels + n] = 1
                v[n] = 0 if model[n] == "lif_hard" else u[t, n] - threshold
    return sent[:, program.channels :], u


NAMES = ("decay", "threshold", "bias")


@st.composite
def graphs(draw):
    """Return a Program whose weights are multiples of a step, with thresholds that are sums of them, and frames."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    step, names = draw(st.sampled_from([8, 7, 10, 3, 100])), ["a", "b"][: draw(st.integers(1, 2))]
    sizes = {INPUT: draw(st.integers(1, 5))} | {name: draw(st.integers(1, 3)) for name in names}
    edges = []
    for index, source in enumerate([INPUT, *names]):
        for number, target in enumerate(names):
            pairs = np.argwhere(rng.random((sizes[source], sizes[target])) < 0.8)
            delay = rng.integers(0 if index <= number else 1, 5, len(pairs))
            weight = rng.integers(-3, 8, len(pairs)) / step
            edges.append(Edge.of(source, target, (*pairs.T.reshape(2, -1), delay, weight), sources=sizes[source]))
    weights = np.concatenate([np.array([1 / step]), *(edge.weight for edge in edges)])

    def part(name):
        sums = [np.abs(rng.choice(weights, rng.integers(1, 5))).cumsum()[-1] for _ in range(sizes[name])]
        decay = rng.choice([0.0, 1.0, 0.5, 0.9], sizes[name])
        bias = rng.integers(-1, 2, sizes[name]) * (rng.random(sizes[name]) < 0.3) / step
        return Population(
            name, str(rng.choice(["lif_hard", "lif_soft"])), decay, np.maximum(sums, 0.01), bias, np.ones(sizes[name])
        )

    program = Program(channels=sizes[INPUT], populations=tuple(map(part, names)), edges=tuple(edges), time_step_ms=1.0)
    frames = rng.integers(1, 3, (draw(st.integers(1, 12)), 2, sizes[INPUT])) * 1.0
    return program, frames * (rng.random(frames.shape) < draw(st.sampled_from([0.2, 0.6, 1.0])))


@settings(max_examples=60, deadline=None)
@given(
    graphs(),
    st.sampled_from(["clock_driven", "event_driven"]),
    st.sampled_from(["float64", "float32"]),
    st.integers(0, 12),
)
def test_sums_at_the_threshold_are_those_of_the_definition(graph, engine, precision, cut):
    program, frames = graph
    events, record = Events.from_frames(frames), Probe(True, everything(program))
    result = simulate(program, events, engine=engine, precision=precision, record=record)
    simulator = Simulator(program, engine=engine, precision=precision)
    first, state = simulator.feed(events.part(0, cut), simulator.start(2), record)
    second, _ = simulator.feed(events.part(cut, max(cut, len(frames))), state, record)
    for recording in range(2):
        spikes, membrane = defined(program, frames[:, recording], np.dtype(precision).type)
        np.testing.assert_array_equal(dense_spikes(result, program, recording), spikes)
        np.testing.assert_array_equal(membranes(result, program, recording), membrane)
        pieces = np.concatenate([dense_spikes(piece, program, recording) for piece in (first, second)])
        np.testing.assert_array_equal(pieces, spikes)


@settings(max_examples=50, deadline=None)
@given(graphs(), st.sampled_from(["clock_driven", "event_driven"]), st.integers(0, 2**32 - 1))
def test_events_of_a_step_in_any_order_are_added_in_the_order_of_channels(graph, engine, seed):
    program, frames = graph
    events, rng = Events.from_frames(frames), np.random.default_rng(seed)
    recording = np.repeat(np.arange(2), np.diff(events.offset))
    index = np.lexsort((rng.random(len(events.step)), events.step, recording))
    mixed = replace(events, step=events.step[index], channel=events.channel[index], count=events.count[index])
    one, other = (simulate(program, e, engine=engine, record=Probe(True, everything(program))) for e in (events, mixed))
    np.testing.assert_array_equal(one.traces, other.traces)
    np.testing.assert_array_equal(one.node_counts, other.node_counts)


@pytest.mark.parametrize("engine", ["clock_driven", "event_driven"])
def test_a_sum_that_depends_on_its_order_has_that_of_the_channels(engine):
    edge = Edge.of(INPUT, "a", ([0, 1, 2], [0] * 3, [0] * 3, [0.1, 0.2, 0.3]), sources=3)
    part = Population.of("a", 1, decay=0.0, threshold=0.1 + 0.2 + 0.3)
    program = Program(channels=3, populations=(part,), edges=(edge,), time_step_ms=1.0)
    # 0.3 + 0.2 + 0.1 is a rounding below
    events = Events(np.zeros(3), np.array([2, 1, 0]), np.ones(3), np.array([0, 3]), np.array([1]))
    assert simulate(program, events, engine=engine).counts("a").sum() == 1


@pytest.mark.parametrize("engine", ["clock_driven", "event_driven"])
def test_channels_are_ordered_within_their_recording(engine):
    edge = Edge.of(INPUT, "a", ([0, 1, 2], [0, 1, 2], [0] * 3, [1.0] * 3), sources=3)
    part = Population.of("a", 3, decay=0.0, threshold=1.0)
    program = Program(channels=3, populations=(part,), edges=(edge,), time_step_ms=1.0)
    # the last step of the first recording has the number of the first step of the next, and the third has no event
    events = Events(np.zeros(3), np.array([2, 1, 0]), np.ones(3), np.array([0, 2, 3, 3]), np.ones(3))
    assert simulate(program, events, engine=engine).counts("a").tolist() == [[0, 1, 1], [1, 0, 0], [0, 0, 0]]
