"""Delays that change during a run: both engines against the loops, in any precision, and refusals."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_programs import dense_spikes, everything, loops, membranes, programs
from helpers.small_programs import chain
from snnsim.program import INPUT, Edge, FixedPoint, Population, Program
from snnsim.simulation import ENGINES, Events, Probe, Simulator, State

STEPS = 10


def changed(program, rng):
    """Return new delays (target, source) of each edge; sometimes far longer, so that buffers grow."""
    longest = int(rng.choice([1, 5, 14]))
    return {
        (edge.source, edge.target): rng.integers(
            program.least_delay(edge), longest + 1, (program.population(edge.target).size, len(edge.indptr) - 1)
        )
        for edge in program.edges
    }


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=25, deadline=None)
@given(program=programs(), seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, STEPS), max_size=3))
def test_spikes_on_their_way_keep_their_arrival(engine, program, seed, cuts):
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 3, (STEPS, 2, program.channels)) * (rng.random((STEPS, 2, program.channels)) < 0.4)
    simulator, probe = Simulator(program, engine=engine), Probe(spikes=True, membranes=everything(program))
    events, state = Events.from_frames(frames), simulator.start(2)
    bounds, phases, spikes, traces = [0, *sorted(cuts), STEPS], [], [], []
    for begin, end in itertools.pairwise(bounds):
        for (source, target), delay in changed(program, rng).items() if begin else ():
            simulator.set_delays(source, target, delay)
        result, state = simulator.feed(events.part(begin, end), state, probe)
        phases.append((begin, end, simulator.program))
        spikes.append(dense_spikes(result, program, 1))
        traces.append(membranes(result, program, 1))
    expected = loops(program, frames[:, 1], phases=phases)
    np.testing.assert_array_equal(np.concatenate(spikes), expected[0])
    np.testing.assert_array_equal(np.concatenate(traces), expected[1])


def test_delays_are_one_number_or_one_of_each_synapse():
    simulator = Simulator(chain())
    for delay, expected in ((2, [2, 2]), ([4, 0], [4, 0]), (np.array([[3, 9], [9, 5]]), [3, 5])):
        simulator.set_delays(INPUT, "a", delay)
        assert simulator.program.edges[0].delay.tolist() == expected
    assert simulator.program.edges[1].delay.tolist() == [0, 2]
    # a run from rest has the new delays from its first step on
    assert simulator.run(Events.single(np.array([0]), np.array([0]), steps=1)).membrane("out")[3, 0] == 0.5


@pytest.mark.parametrize("engine", ENGINES)
def test_sums_of_spikes_from_before_and_after_a_change_are_checked(engine):
    program = Program(
        channels=1,
        populations=(Population("readout", "readout", [0], [1], [0], np.ones(1)),),
        edges=(Edge.of(INPUT, "readout", ([0], [0], [5], [1000]), sources=1),),
        time_step_ms=1.0,
        readout="readout",
        fixed=FixedPoint(word_bits=32, decay_bits=8, weight_shift=0, weight_bits=16, delay_bits=8),
    )
    simulator = Simulator(program, engine=engine)
    frames = np.full((1, 1, 1), 2_000_000)
    large, small = Events.from_frames(frames), Events.from_frames(frames // 20)
    _, state = simulator.feed(large, simulator.start())
    # both spikes arrive in one step
    simulator.set_delays(INPUT, "readout", 4)
    with pytest.raises(ValueError, match="the largest sum of integer weights does not fit 32 bits"):
        simulator.feed(large, state)
    _, state = simulator.feed(small, state)
    result, _ = simulator.feed(Events.from_frames(np.zeros((5, 1, 1), int)), state)
    assert result.output(0)[:, 0].tolist() == [0, 0, 0, 2_100_000_000, 0]


def test_states_of_before_a_change_go_on(tmp_path):
    simulator = Simulator(chain())
    before = simulator.start()
    before.save(tmp_path / "state")
    simulator.set_delays(INPUT, "a", 9)
    events = Events.single(np.array([0]), np.array([0]), steps=10)
    results = [simulator.feed(events, state)[0] for state in (State.load(tmp_path / "state"), simulator.start())]
    assert results[0].membrane("out").tolist() == results[1].membrane("out").tolist()
    assert results[0].membrane("out")[9, 0] == 0.5
    with pytest.raises(ValueError, match="the state is of another program or precision"):
        Simulator(chain()).feed(events, simulator.start())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (INPUT, "out", 1),
            ValueError,
            "there is no edge 'input' -> 'out'; the edges are 'input' -> 'a', ",
        ),
        ((INPUT, "a", -1), ValueError, "delays of 'input' -> 'a' must be from 0 to 65535"),
        ((INPUT, "a", [1, 2, 3]), ValueError, r"delays must be one number, 2 of the synapses, or a matrix \(2, 2\)"),
        ((INPUT, "a", 1.5), TypeError, "delays must be integers, not float64; round them first"),
    ],
)
def test_wrong_delays_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Simulator(chain()).set_delays(*arguments)
