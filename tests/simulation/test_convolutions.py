"""Engines that run convolutions by shared kernels compute what single synapses compute, bit for bit."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import random_convolutions
from helpers.random_programs import dense_spikes, events, everything, frames_for, loops, membranes
from snnsim.program import INPUT, ConvEdge, Edge, Geometry, Population, Program
from snnsim.simulation import Probe, Simulator, simulate
from snnsim.simulation.lowering import lower

ENGINES = ("clock_driven", "event_driven")
few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def results(program, frames, engine):
    record = Probe(spikes=True, membranes=everything(program))
    return simulate(program, events(frames), engine=engine, record=record)


@few
@given(data=st.data())
def test_engines_equal_the_loops_over_positions(data):
    program = data.draw(random_convolutions.programs())
    frames = data.draw(frames_for(program, recordings=1))
    spikes, voltages = loops(program, np.concatenate([frames[:, 0], np.zeros((2, program.channels))]))
    for engine in ENGINES:
        result = results(program, frames, engine)
        np.testing.assert_array_equal(dense_spikes(result, program), spikes)
        np.testing.assert_array_equal(membranes(result, program), voltages)


@few
@given(data=st.data())
def test_sums_have_the_order_of_single_synapses(data):
    program = data.draw(random_convolutions.programs(eighths=False, fixed=False))
    frames = data.draw(frames_for(program, recordings=2))
    expected = results(program.unrolled(), frames, "clock_driven")
    for engine in ENGINES:
        result = results(program, frames, engine)
        np.testing.assert_array_equal(result.traces, expected.traces)
        np.testing.assert_array_equal(result.node_counts, expected.node_counts)
        np.testing.assert_array_equal(result.fan_out, expected.fan_out)
        np.testing.assert_array_equal(result.synaptic_operations(), expected.synaptic_operations())


@few
@given(data=st.data())
def test_pieces_of_streams_equal_the_recording(data):
    program = data.draw(random_convolutions.programs(eighths=False, fixed=False))
    frames = data.draw(frames_for(program, recordings=2))
    silent = np.zeros((program.extra_steps, *frames.shape[1:]), frames.dtype)
    frames = np.concatenate([frames, silent])
    record = Probe(membranes=everything(program))
    for engine in ENGINES:
        simulator = Simulator(program, engine=engine)
        expected, state, traces = simulator.run(events(frames[: -len(silent)]), record), simulator.start(2), []
        for piece in (frames[:1], frames[1:]):
            result, state = simulator.feed(events(piece), state, record)
            traces.append(result)
        for recording in range(2):
            parts = [membranes(each, program, recording) for each in traces]
            np.testing.assert_array_equal(np.concatenate(parts), membranes(expected, program, recording))


def large(side=64, channels=16):
    """Return a Program of 3 x 3 kernels over two large fields, and the arrays of its kernel."""
    rng = np.random.default_rng(0)
    geometry = Geometry.of((side, side, channels), channels, (3, 3), padding=(1, 1))
    edges = [
        ConvEdge.dense(*ends, rng.normal(size=(channels, channels, 3, 3)), geometry=geometry)
        for ends in ((INPUT, "a"), ("a", "b"))
    ]
    populations = [Population.of(name, geometry.target.size, decay=0.5) for name in ("a", "b")]
    return Program(geometry.source.size, populations, edges, 1.0)


def test_memory_is_that_of_the_kernel():
    program = large()
    entries = sum(len(edge.weight) for edge in program.edges)
    assert entries == 2 * 9 * 16 * 16
    assert program.synapses == 2 * 16 * 16 * (3 * 64 - 2) ** 2 > 4000 * entries
    assert sum(array.nbytes for edge in program.edges for array in map(edge.__getattribute__, edge.array_names)) < (
        24 * entries + 300
    )
    network = lower(program, "float64")
    assert len(network.synapses.weight) == 0
    assert len(network.convolutions.weight) == entries
    assert sum(array.nbytes for array in network.convolutions) < 20 * entries + 8000
    nodes = program.channels + program.size
    assert sum(array.nbytes for array in network.synapses) == 8 * (nodes + 1)


def test_contributions_of_a_spike_are_added_in_the_order_of_the_edges():
    geometry = Geometry.of((1, 1, 1), 1, (1, 1))
    single = Edge.of(INPUT, "a", (np.zeros(1, int), np.zeros(1, int), np.zeros(1, int), np.ones(1)), sources=1)
    tiny, minus = (
        ConvEdge.dense(INPUT, "a", np.full((1, 1, 1, 1), weight), geometry=geometry) for weight in (2.0**-53, -1.0)
    )
    # 2^-53 - 1 is exact, and 2^-53 + 1 is rounded to 1
    for edges, expected in (((tiny, minus, single), 2.0**-53), ((single, tiny, minus), 0.0)):
        program = Program(1, (Population.of("a", 1, decay=0.0),), edges, 1.0)
        for each in (program, program.unrolled()):
            for engine in ENGINES:
                assert results(each, np.ones((1, 1, 1), int), engine).traces[0, 0] == expected
