"""Running a Program: whole recordings side by side, or streams piece by piece.

    clock_driven   every neuron once a step; work: neurons · steps + synapses that spikes reach
    event_driven   neurons that something reaches; work: synapses that spikes reach, and what those neurons missed

Both give the same spikes and membranes, bit for bit, for any pieces and any number of threads: a recording is
computed by one thread, and what arrives at a neuron is added in the order of its spikes.
"""

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from snnsim.kernels.simulate.clock_driven import largest_count
from snnsim.kernels.simulate.types import EventArrays, Noise, StreamArrays
from snnsim.limits import require_memory
from snnsim.program import Program
from snnsim.simulation import engines, needs
from snnsim.simulation.events import MOST, Events
from snnsim.simulation.lowering import PRECISIONS, compiled
from snnsim.simulation.recording import Probe, Recorded, traced
from snnsim.simulation.result import Result
from snnsim.simulation.state import State
from snnsim.validation import instance, integer, shown

__all__ = ["ENGINES", "PRECISIONS", "Probe", "Simulator", "simulate"]

ENGINES: dict[str, Callable[..., "engines.Engine"]] = {
    "clock_driven": engines.ClockDriven,
    "event_driven": engines.EventDriven,
}
OLD_ENGINES = {"clock": "clock_driven", "touched": "event_driven"}
"""Names of before, which are taken for one release."""


class Simulator:
    """A Program made ready to run; it keeps nothing of what it has run."""

    def __init__(
        self, program: Program, *, engine: str = "clock_driven", precision: str = "float64", threads: int | None = None
    ) -> None:
        instance(program, Program, who="simulate", name="program")
        if isinstance(engine, str) and engine in OLD_ENGINES:
            warnings.warn(
                f"the engine {engine!r} is now called {OLD_ENGINES[engine]!r}", DeprecationWarning, stacklevel=2
            )
            engine = OLD_ENGINES[engine]
        if not (isinstance(engine, str) and engine in ENGINES):
            raise ValueError(f"simulate: engine {shown(engine)} is unknown; the known ones are {', '.join(ENGINES)}")
        if threads is not None and integer(threads, who="simulate", name="threads") < 1:
            raise ValueError(f"simulate: threads must be 1 or more, not {threads}")
        require_memory("simulate", needs.of_program(program))
        self.program, self.network = program, compiled(program, precision)
        self.threads = _cores() if threads is None else int(threads)
        self.engine = ENGINES[engine](self.network)

    @cached_property
    def _digest(self) -> str:
        return self.program.digest()

    def run(self, events: Events, record: Probe | None = None, *, seed: int | None = None) -> Result:
        """Return what happens in recordings from rest, each with the Program's extra steps behind it.

        Args:
            events: The recordings.
            record: What to write down besides counts; by default the readout's membranes.
            seed: What is left to chance is drawn from it, for every recording by its number; without one, what is
                likelier happens.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If channels or counts do not fit the Program.
            MemoryError: If it would need more memory than there is.
        """
        record = self._checked(events, record)
        length = events.length + self.program.extra_steps
        if length.max(initial=0) > MOST:
            raise ValueError(f"simulate: a recording and its extra steps must be at most {MOST} steps long")
        require_memory("simulate", {"voltages": len(events) * self.network.neurons * 8})
        voltage = np.zeros((len(events), self.network.neurons), self.network.numbers.voltage)
        pending = np.zeros((0, 0), self.network.numbers.current)
        return self._run(events, length, record, StreamArrays(voltage, pending), self.network.drawn(seed, 0))

    def start(self, streams: int = 1) -> State:
        """Return the state of so many streams at rest."""
        streams = integer(streams, who="Simulator.start", name="streams", at_least=0)
        network, numbers = self.network, self.network.numbers
        require_memory("Simulator.start", needs.of_state(network, streams))
        pending = np.zeros((streams, network.longest, network.neurons), numbers.current)
        return State(np.zeros((streams, network.neurons), numbers.voltage), pending, 0, self._digest)

    def feed(
        self, events: Events, state: State, record: Probe | None = None, *, seed: int | None = None
    ) -> tuple[Result, State]:
        """Return what happens in the next piece of each stream, and the state after it.

        Args:
            events: A piece of each stream, all of the same length.
            state: Where the streams stand, from `start` or an earlier `feed`; it stays as it is.
            record: What to write down besides counts; by default the readout's membranes.
            seed: As for `run`; the same for all pieces of a stream.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If the state is of another program, precision or number of streams, or the events do not fit.
            MemoryError: If it would need more memory than there is.
        """
        record = self._checked(events, record)
        self._check_state(events, state)
        require_memory("simulate", needs.of_state(self.network, len(state)))
        shape = state.pending.shape
        pending = state.pending.reshape(shape[0], shape[1] * shape[2]).copy()
        voltage, noise = state.voltage.copy(), self.network.drawn(seed, state.step)
        result = self._run(events, events.length, record, StreamArrays(voltage, pending), noise)
        steps = int(events.length.max(initial=0))
        return result, State.left(voltage, pending.reshape(shape), state.step + steps, state.program)

    def _checked(self, events: Events, record: Probe | None) -> Probe:
        instance(events, Events, who="simulate", name="events")
        # an array may have been written to since it was checked
        events.check_parts()
        if record is not None:
            instance(record, Probe, who="simulate", name="record")
        return record or Probe()

    def _check_state(self, events: Events, state: State) -> None:
        instance(state, State, who="simulate", name="state")
        numbers, shape = self.network.numbers, (len(state), self.network.longest, self.network.neurons)
        kinds = state.voltage.dtype == numbers.voltage and state.pending.dtype == numbers.current
        shapes = state.pending.shape == shape and state.voltage.shape == (shape[0], shape[2])
        if state.program != self._digest or not (kinds and shapes):
            raise ValueError("simulate: the state is of another program or precision; begin with start()")
        if len(events) != len(state) or len(set(events.length.tolist())) > 1:
            raise ValueError(
                f"simulate: there must be one piece for each of the {len(state)} streams, all equally long; got "
                f"{len(events)} of {sorted(set(events.length.tolist()))} steps"
            )

    def _run(
        self,
        events: Events,
        length: np.ndarray,
        record: Probe,
        state: StreamArrays,
        noise: Noise,
    ) -> Result:
        events = _in_order(events)
        counted, neurons = self._counted(events, length), traced(self.program, record)
        workers = max(1, min(self.threads, len(events)))
        asked = needs.of_run(self.program, length, sum(map(len, neurons.values())), spikes=record.spikes)
        require_memory("simulate", asked | self.engine.needs(workers))
        recorded = Recorded.of(self.program, length, neurons)
        if record.spikes:
            first = recorded.without_traces()
            self._shared(counted, first, StreamArrays(state.voltage.copy(), state.pending.copy()), noise)
            spikes = first.counts[:, self.network.channels :].sum(1)
            require_memory("simulate", {"spikes": 8 * int(spikes.sum())})
            recorded = recorded.with_room(spikes)
        self._shared(counted, recorded, state, noise)
        channels, recordings = self.network.channels, len(events)
        cell = counted.recording * channels + events.channel
        seen = np.bincount(cell, minlength=recordings * channels).reshape(recordings, channels)
        fired = np.bincount(cell, _spikes(events.count), minlength=recordings * channels)
        recorded.counts[:, :channels] = fired.reshape(recordings, channels).astype(np.int64)
        return Result(
            program=self.program,
            length=length,
            node_counts=recorded.counts,
            fan_out=self.network.fan_out(),
            input_events=seen,
            traced=recorded.traced,
            traces=recorded.trace,
            spike_step=recorded.spike_step,
            spike_neuron=recorded.spike_neuron,
            spike_offset=recorded.spike_offset,
        )

    def _counted(self, events: Events, length: np.ndarray) -> "_Counted":
        """Return the events with their counts as this network's numbers."""
        channels, kind = self.network.channels, self.network.numbers.current
        if len(events.channel) and not (events.channel.min() >= 0 and events.channel.max() < channels):
            raise ValueError(
                f"simulate: channels must be from 0 to {channels - 1}, not {events.channel.min()} to "
                f"{events.channel.max()}; bin the recordings to the program's {channels} channels"
            )
        count = events.count.astype(kind)
        if not np.array_equal(count, events.count):
            raise ValueError(f"simulate: counts must be {_held(kind)}")
        if np.issubdtype(kind, np.integer):
            self._check_sums(events, count)
        recording = np.repeat(np.arange(len(events)), np.diff(events.offset))
        return _Counted(EventArrays(events.step, events.channel, count, events.offset, length), recording)

    def _check_sums(self, events: Events, count: np.ndarray) -> None:
        network = self.network
        seen = np.full(network.channels, -1), np.zeros(network.channels, np.int64)
        largest = largest_count(events.step, events.channel, count, events.offset, *seen)
        if network.most_into_one() * max(1, largest) > np.iinfo(network.numbers.current).max:
            raise ValueError("simulate: the largest sum of integer weights does not fit 32 bits; use smaller counts")

    def _shared(
        self,
        counted: "_Counted",
        recorded: Recorded,
        state: StreamArrays,
        noise: Noise,
    ) -> None:
        """Share the recordings among the threads; each of them writes into rows of its own."""
        arrays, recordings = recorded.arrays(), len(state.voltage)
        workers = max(1, min(self.threads, recordings))

        def work(worker: int) -> None:
            self.engine.run(np.arange(worker, recordings, workers), counted.arrays, state, arrays, noise)

        if workers == 1:
            work(0)
            return
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))


def _cores() -> int:
    """Return how many cores this process may use; not every system says, but all say how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_order(events: Events) -> Events:
    """Return the events with ascending channels in each step, the order in which sums are defined."""
    back = (events.channel[1:] < events.channel[:-1]) & (events.step[1:] == events.step[:-1])
    if not back.any():
        return events
    recording = np.repeat(np.arange(len(events)), np.diff(events.offset))
    place = np.lexsort((events.channel, events.step, recording))
    return replace(events, step=events.step[place], channel=events.channel[place], count=events.count[place])


def _held(kind: Any) -> str:
    """Return which counts there may be, for a message."""
    if np.issubdtype(kind, np.integer):
        return f"whole numbers that fit {np.dtype(kind)}"
    return f"numbers that {np.dtype(kind)} holds exactly; use the precision float64"


def _spikes(count: np.ndarray) -> np.ndarray:
    """Return as how many spikes events count: a graded input is one of them."""
    if count.dtype.kind in "bu":
        return count
    return np.where((count >= 0) & (count == np.rint(count)), count, 1)


@dataclass(frozen=True, eq=False)
class _Counted:
    arrays: EventArrays
    recording: np.ndarray


def simulate(  # noqa: PLR0913
    program: Program,
    events: Events,
    *,
    engine: str = "clock_driven",
    precision: str = "float64",
    threads: int | None = None,
    record: Probe | None = None,
    seed: int | None = None,
) -> Result:
    """Return what a Program does with recordings; `Simulator` is the same for many calls, and for streams."""
    return Simulator(program, engine=engine, precision=precision, threads=threads).run(events, record, seed=seed)
