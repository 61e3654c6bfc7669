"""Random events, states and settings: refused, or run with the same result in both engines."""

import numpy as np
import pytest

from helpers.fuzzing import cases
from helpers.random_programs import FIXED, edge, everything, loops, population
from snnsim.program import INPUT, Program
from snnsim.simulation import Events, Probe, Simulator, State, simulate

NUMBERS = [
    0, 1, 2, 3, -1, -2, 5, 2**31 - 1, 2**31, 2**32 + 3, 2**63, -(2**63), 0.5, 2.0, -0.0, 1e300, float("nan"),
    float("inf"), None, "1", b"1", True, [1], (0, 1), np.int8(1), np.float32(2), np.array(1), np.array([[1]]), 1j, {},
]  # fmt: skip


def program(rng):
    """Return a small random Program as helpers.random_programs does, but from a generator."""
    fixed, channels, names = bool(rng.integers(2)), int(rng.integers(1, 4)), ["a", "b"][: rng.integers(1, 3)]
    sizes = {INPUT: channels} | {name: int(rng.integers(1, 4)) for name in names}
    populations = [population(name, sizes[name], rng, fixed=fixed, readout=False) for name in names]
    edges = [
        edge(source, target, (sizes[source], sizes[target]), rng, least=0 if index <= number else 1, fixed=fixed)
        for index, source in enumerate([INPUT, *names])
        for number, target in enumerate(names)
        if rng.random() < 0.7
    ]
    return Program(
        channels=channels, populations=tuple(populations), edges=tuple(edges), time_step_ms=1.0,
        extra_steps=int(rng.integers(0, 3)), fixed=FIXED if fixed else None,
    )  # fmt: skip


def row(rng, usual):
    """Return a row of numbers, most often the usual one, or one that is changed somewhere or everywhere."""
    kind = rng.integers(0, 8)
    if kind <= 4:
        return usual
    if kind == 5 and len(usual):
        changed = usual.astype(object if rng.random() < 0.3 else np.float64 if rng.random() < 0.5 else usual.dtype)
        value = NUMBERS[rng.integers(0, 21)]
        try:
            changed[rng.integers(0, len(usual))] = value
        except (TypeError, ValueError, OverflowError):
            return usual[:-1]
        return changed
    if kind == 6:
        return [usual[:-1], usual[::-1], usual[:, None], usual.astype(str), usual.tolist(), -usual][rng.integers(0, 6)]
    return NUMBERS[rng.integers(0, len(NUMBERS))]


def arrays(rng, channels):
    """Return the five arrays of valid events."""
    length = rng.integers(0, 9, rng.integers(0, 4))
    number = np.where(length > 0, rng.integers(0, 6, len(length)), 0)
    offset = np.concatenate([[0], np.cumsum(number)])
    steps = [np.sort(rng.integers(0, max(most, 1), n)) for most, n in zip(length, number, strict=True)]
    step = np.concatenate([np.zeros(0, np.int64), *steps])
    count = rng.choice([1, 1, 1, 2, -1, 0, 0.5, 7], len(step))
    return step, rng.integers(0, channels, len(step)), count, offset, length


def dense(events, recording, channels, extra):
    frames = np.zeros((int(events.length[recording]) + extra, channels))
    own = slice(events.offset[recording], events.offset[recording + 1])
    np.add.at(frames, (events.step[own], events.channel[own]), events.count[own])
    return frames


def settings(rng, names):
    """Return settings of a simulation, most often good ones."""
    good = {
        "engine": rng.choice(["clock_driven", "event_driven"]).item(),
        "precision": rng.choice(["float64", "float32"]).item(),
        "threads": int(rng.integers(1, 4)),
        "seed": None if rng.random() < 0.5 else int(rng.integers(0, 99)),
        "record": Probe(True, None if rng.random() < 0.5 else dict.fromkeys(names)),
    }
    for name in [*good, "record"]:
        if rng.random() < 0.06:
            good[name] = NUMBERS[rng.integers(0, len(NUMBERS))]
    return good


def test_events_take_or_refuse_arrays(tally):
    rng = np.random.default_rng(0)
    for _ in range(cases(300)):
        values = [row(rng, array) for array in arrays(rng, 3)]
        tally.call(lambda values=values: Events(*values), case=values)


def test_parts_and_choices_of_events_are_those_of_the_frames(tally):
    rng = np.random.default_rng(1)
    for _ in range(cases(200)):
        events = Events(*arrays(rng, 3))
        begin, end = (NUMBERS[rng.integers(0, len(NUMBERS))] for _ in range(2))
        part = tally.call(lambda e=events, b=begin, f=end: e.part(b, f), case=(begin, end))
        if part is not None:
            for recording in range(len(part)):
                expected = dense(events, recording, 3, 0)[int(begin) : int(end)]
                np.testing.assert_array_equal(dense(part, recording, 3, 0), expected)
        chosen = row(rng, rng.integers(-len(events), max(len(events), 1), rng.integers(0, 4)))
        selected = tally.call(lambda e=events, c=chosen: e.select(c), case=(len(events), chosen))
        if selected is not None:
            index = np.asarray(chosen)
            recordings = np.arange(len(events))[index if index.dtype == bool else index.astype(int)]
            np.testing.assert_array_equal(selected.length, events.length[recordings])
            for number, recording in enumerate(recordings):
                np.testing.assert_array_equal(dense(selected, number, 3, 0), dense(events, recording, 3, 0))


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.filterwarnings("ignore:Casting complex")
def test_frames_are_taken_or_refused(tally):
    rng = np.random.default_rng(2)
    values = [0, 1, 2, -1, 0.5, np.nan, np.inf, 1e300, 2**31]
    for _ in range(cases(200)):
        frames = rng.choice(values[: rng.integers(2, 10)], rng.integers(0, 4, 3))
        frames = np.clip(frames, -9, 9) if rng.random() < 0.5 else frames
        frames = frames.astype(rng.choice(["f8", "f4", "f2", "?", "O", "U3", "c16"])) if rng.random() < 0.4 else frames
        length = None if rng.random() < 0.5 else row(rng, np.full(frames.shape[1], len(frames)))
        events = tally.call(lambda f=frames, n=length: Events.from_frames(f, n), case=(frames, length))
        if events is not None and events.length.max(initial=0) < 100:
            for recording in range(len(events)):
                counts = dense(events, recording, frames.shape[2], 0)[: len(frames)]
                np.testing.assert_array_equal(counts, frames[: len(counts), recording])


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.filterwarnings("ignore:overflow")
def test_engines_agree_with_each_other_and_the_reference(tally):
    rng = np.random.default_rng(3)
    for _ in range(cases(60)):
        network = program(rng)
        values = arrays(rng, network.channels)
        values[2][:] = values[2] if network.fixed is None else np.rint(values[2])
        values = [row(rng, array) if rng.random() < 0.1 else array for array in values]
        events = tally.call(lambda values=values: Events(*values), case=values)
        if events is None:
            continue
        options = settings(rng, [population.name for population in network.populations])
        result = tally.call(lambda p=network, e=events, o=options: simulate(p, e, **o), case=(network, values, options))
        if result is None:
            continue
        engine = "event_driven" if options["engine"] == "clock_driven" else "clock_driven"
        other = simulate(network, events, **(options | {"engine": engine}))
        np.testing.assert_array_equal(result.node_counts, other.node_counts)
        np.testing.assert_array_equal(result.traces, other.traces)
        np.testing.assert_array_equal(result.spike_step, other.spike_step)
        for recording in range(len(events)):
            frames = dense(events, recording, network.channels, network.extra_steps)
            spikes, _ = loops(network, frames)
            counts = result.node_counts[recording, network.channels :]
            np.testing.assert_array_equal(counts, spikes.sum(0))


def test_streams_take_or_refuse_states(tally):
    rng = np.random.default_rng(4)
    for _ in range(cases(60)):
        network = program(rng)
        simulator = Simulator(network, engine=rng.choice(["clock_driven", "event_driven"]).item())
        streams = NUMBERS[rng.integers(0, len(NUMBERS))] if rng.random() < 0.3 else 2
        state = None if streams == 2**31 - 1 else tally.call(lambda: simulator.start(streams), case=streams)  # noqa: B023
        if state is None or len(state) > 10:
            continue
        parts = {name: getattr(state, name) for name in ("voltage", "pending", "step", "program")}
        if rng.random() < 0.5:
            name = rng.choice(list(parts)).item()
            changes = [
                *NUMBERS,
                parts["voltage"][:, 1:],
                parts["pending"].astype(np.float16),
                parts["voltage"] * np.nan,
            ]
            parts[name] = changes[rng.integers(0, len(changes))]
        state = tally.call(lambda parts=parts: State(**parts), case=parts)
        frames = (rng.random((rng.integers(0, 5), rng.integers(1, 4), network.channels)) < 0.4).astype(int)
        events = Events.from_frames(frames)
        fed = tally.call(lambda s=state: simulator.feed(events, s), case=(parts, frames.shape))  # noqa: B023
        if fed is not None and not state.pending.any() and not state.voltage.any():
            without_extra_steps = Program(**(vars(network) | {"extra_steps": 0}))
            result = simulate(without_extra_steps, events, record=Probe(membranes=everything(network)))
            np.testing.assert_array_equal(fed[0].node_counts, result.node_counts)


def test_results_take_or_refuse_names_and_indices(tally):
    rng = np.random.default_rng(5)
    network = program(rng)
    events = Events.from_frames((rng.random((9, 3, network.channels)) < 0.5).astype(int))
    result = simulate(network, events, record=Probe(True, everything(network)))
    for _ in range(cases(200)):
        name, index = rng.choice(["a", "b", INPUT, ""]).item(), NUMBERS[rng.integers(0, len(NUMBERS))]
        spikes = tally.call(lambda n=name, i=index: result.spikes(n, i), case=(name, index))
        membrane = tally.call(lambda n=name, i=index: result.membrane(n, i), case=(name, index))
        if spikes is not None and name != INPUT:
            counts = result.counts(name)[int(index)]
            np.testing.assert_array_equal(np.bincount(spikes[1], minlength=len(counts)), counts)
        if membrane is not None:
            assert len(membrane) == result.length[int(index)]
