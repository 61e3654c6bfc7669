"""Simulator: delays, recording, events, states, energy, and errors of wrong arguments."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.small_programs import chain, one_spike_each
from snnsim.simulation import CHIPS, Events, Probe, Simulator, State, energy, simulate


def test_spikes_arrive_after_their_delays():
    result = simulate(chain(), one_spike_each(), record=Probe(spikes=True, membranes={"out": None, "a": [1]}))
    step, neuron = result.spikes("a")
    assert step.tolist() == [1, 3]
    assert neuron.tolist() == [0, 1]
    assert result.membrane("out")[:, 0].tolist() == [0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625]
    assert result.membrane("out")[:, 1].tolist() == [0, 0, 0, 0, 0, 0.25, 0.125]
    # before the reset
    assert result.membrane("a")[:, 0].tolist() == [0, 0, 0, 1.0, 0, 0, 0]
    assert result.scores().tolist() == [[0.5, 0.25]]
    assert result.predictions().tolist() == [0]


def test_results_that_were_not_recorded_are_named():
    result = simulate(chain(), one_spike_each(), record=Probe(membranes={}))
    with pytest.raises(ValueError, match=r"no spikes were recorded; ask for them with Probe\(spikes=True\)"):
        result.spikes("a")
    with pytest.raises(ValueError, match=r"no membrane of 'out' was recorded \(recorded: none\)"):
        result.output()
    with pytest.raises(ValueError, match="the program has no readout"):
        simulate(chain(readout=None, decision=None), one_spike_each()).output()
    with pytest.raises(ValueError, match=r"the readout .* has no decision; name one in freeze"):
        simulate(chain(decision=None), one_spike_each()).scores()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "warp"}, "engine 'warp' is unknown; the known ones are clock_driven, event_driven"),
        ({"precision": "float16"}, "precision 'float16' is unknown; the known ones are float64, float32"),
        ({"threads": 0}, "threads must be 1 or more, not 0"),
        ({"record": Probe(membranes={"b": None})}, "population 'b' is unknown; the known ones are 'a', 'out'"),
        ({"record": Probe(membranes={"a": [2]})}, "neurons of 'a' must be from 0 to 1"),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        simulate(chain(), one_spike_each(), **changes)


def test_unknown_channels_are_refused():
    with pytest.raises(ValueError, match="channels must be from 0 to 1, not 0 to 2; bin the recordings to"):
        simulate(chain(), Events.single(np.array([0, 0]), np.array([0, 2]), steps=1))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([1, 0], [0, 0], [1, 1], [0, 2], [3]), "steps must ascend within a recording; event 1, of recording 0, is at"),
        (([0, 3], [0, 0], [1, 1], [0, 1, 2], [3, 3]), "from 0 to the recording's length - 1; event 1, of recording 1"),
        (([-1], [0], [1], [0, 1], [3]), "event 0, of recording 0, is at step -1 of 3"),
        (([0], [0, 1], [1], [0, 1], [3]), "got 2 offsets, 1 lengths, 1 steps, 2 channels, 1 counts"),
        (([0], [0], [1], [0, 2], [3]), "offset must ascend from 0 to the number of events"),
    ],
)
def test_inconsistent_events_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        Events(*map(np.array, parts))


def test_parts_and_choices_of_events_are_those_of_the_frames():
    frames = np.random.default_rng(0).integers(0, 3, (6, 3, 2))
    events = Events.from_frames(frames)
    for begin, end in ((0, 6), (2, 5), (3, 3)):
        part = events.part(begin, end)
        expected = Events.from_frames(frames[begin:end])
        for name in ("step", "channel", "count", "offset", "length"):
            np.testing.assert_array_equal(getattr(part, name), getattr(expected, name))
    chosen = events.select(np.array([2, 0]))
    expected = Events.from_frames(frames[:, [2, 0]])
    for name in ("step", "channel", "count", "offset", "length"):
        np.testing.assert_array_equal(getattr(chosen, name), getattr(expected, name))
    with pytest.raises(ValueError, match=r"frames must be \(time, recording, channel\), not \(6, 3\)"):
        Events.from_frames(frames[:, :, 0])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 9), max_size=4))
def test_consecutive_parts_of_events_add_up_to_all_events(seed, cuts):
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 3, (8, 3, 2)) * (rng.random((8, 3, 2)) < 0.4)
    length = rng.integers(0, 9, 3)
    frames[np.arange(8)[:, None] >= length] = 0
    events, bounds = Events.from_frames(frames, length), [0, *sorted(cuts), 9]
    parts = [events.part(begin, end) for begin, end in itertools.pairwise(bounds)]
    assert sum(part.length for part in parts).tolist() == events.length.tolist()
    for recording in range(3):
        for name, shift in (("step", True), ("channel", False), ("count", False)):
            pieces = [
                getattr(part.select([recording]), name) + shift * begin
                for part, begin in zip(parts, bounds, strict=False)
            ]
            np.testing.assert_array_equal(np.concatenate(pieces), getattr(events.select([recording]), name))


def test_a_state_is_of_one_program_and_precision(tmp_path):
    simulator = Simulator(chain())
    state = simulator.start()
    other = Simulator(chain(extra_steps=1))
    for wrong in (other, Simulator(chain(), precision="float32")):
        with pytest.raises(ValueError, match="the state is of another program or precision"):
            wrong.feed(one_spike_each(), state)
    for wrong in ({"voltage": state.voltage[:, 1:]}, {"pending": state.pending[:, 1:]}, {"pending": state.pending > 0}):
        with pytest.raises(ValueError, match="the state is of another program or precision"):
            simulator.feed(one_spike_each(), replace(state, **wrong))
    with pytest.raises(ValueError, match=r"one piece for each of the 2 streams, all equally long; got 1 of \[1\]"):
        simulator.feed(one_spike_each(), simulator.start(2))
    state.save(tmp_path / "a")
    read = State.load(tmp_path / "a")
    np.testing.assert_array_equal(read.pending, state.pending)
    assert (read.step, read.program) == (0, state.program)
    (tmp_path / "a").write_bytes(b"cake")
    with pytest.raises(ValueError, match="is damaged, or no state of snnsim"):
        State.load(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        State.load(tmp_path / "b")


def test_operations_and_energy():
    result = simulate(chain(), one_spike_each())
    # each input spike reaches one synapse, and so does each spike of a
    assert result.synaptic_operations().tolist() == [4]
    assert result.synaptic_events().tolist() == [4]
    for name, chip in CHIPS.items():
        assert energy(10, name) == 10 * chip.picojoules
        assert chip.source
        assert chip.assumes
    with pytest.raises(ValueError, match="chip 'toaster' is unknown; the known ones are loihi, truenorth"):
        energy(1, "toaster")


def test_simulate_runs_no_recordings_and_no_steps():
    empty_batch = Events.from_frames(np.zeros((3, 0, 2)))
    assert len(simulate(chain(), empty_batch)) == 0
    empty = simulate(chain(extra_steps=0), Events.from_frames(np.zeros((0, 2, 2))))
    assert empty.length.tolist() == [0, 0]
    assert empty.node_counts.sum() == 0
    with pytest.raises(ValueError, match="recording 0 has no steps to decide by"):
        empty.scores()
