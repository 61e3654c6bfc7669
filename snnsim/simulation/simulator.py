"""Running a Program: whole recordings side by side, or streams piece by piece.

    clock     every neuron once a step; work: neurons · steps + synapses that spikes reach
    touched   neurons that something reaches; work: synapses that spikes reach, and what those neurons missed

Both give the same spikes and membranes, bit for bit, for any pieces and any number of threads: a recording is
computed by one thread, and what arrives at a neuron is added in the order of its spikes.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from snnsim.program import Program
from snnsim.simulation import engines
from snnsim.simulation.compiled import PRECISIONS, compiled
from snnsim.simulation.events import Events
from snnsim.simulation.result import Result
from snnsim.simulation.state import State

__all__ = ["ENGINES", "PRECISIONS", "Record", "Simulator", "simulate"]

ENGINES: dict[str, Callable[..., "engines.Engine"]] = {"clock": engines.Clock, "touched": engines.Touched}


@dataclass(frozen=True)
class Record:
    """What to write down besides counts."""

    spikes: bool = False
    """Steps and neurons of all spikes. Recordings are then run twice: to know how many, and to write them down."""
    membranes: Mapping[str, Sequence[int] | None] | None = None
    """Neurons by population, None for all of them; by default the readout's."""


class Simulator:
    """A Program made ready to run; it keeps nothing of what it has run."""

    def __init__(
        self, program: Program, *, engine: str = "clock", precision: str = "float64", threads: int | None = None
    ) -> None:
        if engine not in ENGINES:
            raise ValueError(f"simulate: engine {engine!r} is unknown; the known ones are {', '.join(ENGINES)}")
        if threads is not None and threads < 1:
            raise ValueError(f"simulate: threads must be 1 or more, not {threads}")
        self.program, self.network = program, compiled(program, precision)
        self.threads = threads or _cores()
        self.engine = ENGINES[engine](self.network)

    @cached_property
    def _digest(self) -> str:
        return self.program.digest()

    def run(self, events: Events, record: Record | None = None, *, seed: int | None = None) -> Result:
        """Return what happens in recordings from rest, each with the Program's extra steps behind it.

        What is left to chance is drawn from the seed, for every recording by its number; without one, what is likelier
        happens.
        """
        voltage = np.zeros((len(events), self.network.neurons), self.network.numbers.voltage)
        pending = np.zeros((0, 0), self.network.numbers.current)
        length = events.length + self.program.extra_steps
        noise = self.network.drawn(seed, 0)
        return self._run(events, length, record or Record(), (voltage, pending), noise)

    def start(self, streams: int = 1) -> State:
        """Return the state of streams at rest."""
        network, numbers = self.network, self.network.numbers
        pending = np.zeros((streams, network.longest, network.neurons), numbers.current)
        return State(np.zeros((streams, network.neurons), numbers.voltage), pending, 0, self._digest)

    def feed(
        self, events: Events, state: State, record: Record | None = None, *, seed: int | None = None
    ) -> tuple[Result, State]:
        """Return what happens in the next piece of each stream, and the state after it; `state` stays as it is."""
        self._check_state(events, state)
        voltage, pending = state.voltage.copy(), state.pending.reshape(len(state), -1).copy()
        noise = self.network.drawn(seed, state.step)
        result = self._run(events, events.length, record or Record(), (voltage, pending), noise)
        steps = int(events.length.max(initial=0))
        return result, State(voltage, pending.reshape(state.pending.shape), state.step + steps, state.program)

    def _check_state(self, events: Events, state: State) -> None:
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
        record: Record,
        state: tuple[np.ndarray, np.ndarray],
        noise: tuple[Any, ...],
    ) -> Result:
        counted = self._counted(events, length)
        recorded = _Recorded.of(self.program, self.network.channels, length, record)
        if record.spikes:
            first = recorded.without_traces()
            self._shared(counted, first, (state[0].copy(), state[1].copy()), noise)
            recorded = recorded.with_room(first.counts[:, self.network.channels :].sum(1))
        self._shared(counted, recorded, state, noise)
        channels, recordings = self.network.channels, len(events)
        cell = counted.recording * channels + events.channel
        seen = np.bincount(cell, minlength=recordings * channels).reshape(recordings, channels)
        fired = np.bincount(cell, events.count, minlength=recordings * channels).reshape(recordings, channels)
        recorded.counts[:, :channels] = fired.astype(np.int64)
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
            raise ValueError(f"simulate: counts must be whole numbers that fit {np.dtype(kind)}")
        if np.issubdtype(kind, np.integer):
            self._check_sums(count)
        recording = np.repeat(np.arange(len(events)), np.diff(events.offset))
        return _Counted((events.step, events.channel, count, events.offset, length), recording)

    def _check_sums(self, count: np.ndarray) -> None:
        network = self.network
        most = np.bincount(network.target, np.abs(network.weight.astype(np.float64))).max(initial=0.0)
        if most * max(1, int(np.abs(count).max(initial=0))) > np.iinfo(network.numbers.current).max:
            raise ValueError("simulate: the largest sum of integer weights does not fit 32 bits; use smaller counts")

    def _shared(
        self,
        counted: "_Counted",
        recorded: "_Recorded",
        state: tuple[np.ndarray, np.ndarray],
        noise: tuple[Any, ...],
    ) -> None:
        """Share the recordings among the threads; each of them writes into rows of its own."""
        arrays, recordings = recorded.arrays(), len(state[0])
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


@dataclass(frozen=True, eq=False)
class _Counted:
    arrays: tuple[np.ndarray, ...]
    recording: np.ndarray


@dataclass(frozen=True, eq=False)
class _Recorded:
    """Where a run writes to."""

    counts: np.ndarray
    traced: dict[str, np.ndarray]
    chosen: tuple[np.ndarray, np.ndarray]
    trace: np.ndarray
    row: np.ndarray
    spike_step: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    spike_neuron: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    spike_offset: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, program: Program, channels: int, length: np.ndarray, record: Record) -> "_Recorded":
        wanted = record.membranes
        if wanted is None:
            wanted = {} if program.readout is None else {program.readout: None}
        traced = {
            population.name: _neurons(population.name, population.size, wanted[population.name])
            for population in program.populations
            if population.name in wanted
        }
        for name in wanted:
            program.population(name)
        row = np.concatenate([[0], np.cumsum(length)])
        chosen = _chosen(program, traced)
        kind = np.float64 if program.fixed is None else np.int64
        trace = np.zeros((int(row[-1]), len(chosen[0])), kind)
        return cls(np.zeros((len(length), channels + program.size), np.int64), traced, chosen, trace, row)

    def without_traces(self) -> "_Recorded":
        nothing = np.zeros(0, np.int64), np.zeros_like(self.chosen[1])
        return _Recorded(np.zeros_like(self.counts), {}, nothing, self.trace[:, :0], self.row)

    def with_room(self, spikes: np.ndarray) -> "_Recorded":
        offset = np.concatenate([[0], np.cumsum(spikes)])
        room = (np.zeros(offset[-1], np.int32) for _ in range(2))
        return _Recorded(self.counts, self.traced, self.chosen, self.trace, self.row, *room, offset)

    def arrays(self) -> tuple[Any, ...]:
        recordings = len(self.counts)
        room = np.zeros((recordings, 2), np.int64)
        if len(self.spike_offset):
            room[:, 0], room[:, 1] = self.spike_offset[:-1], self.spike_offset[1:]
        return self.counts, self.chosen, self.trace, self.row, self.spike_step, self.spike_neuron, room


def _neurons(name: str, size: int, chosen: Sequence[int] | None) -> np.ndarray:
    neurons = np.arange(size) if chosen is None else np.asarray(chosen, np.int64)
    if len(neurons) and not (neurons.min() >= 0 and neurons.max() < size):
        raise ValueError(f"Record: neurons of {name!r} must be from 0 to {size - 1}, not {list(neurons)}")
    return neurons


def _chosen(program: Program, traced: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the chosen neurons of all populations, and where those of each population start."""
    parts, start = [np.zeros(0, np.int64)], 0
    for population in program.populations:
        parts.append(traced.get(population.name, np.zeros(0, np.int64)) + start)
        start += population.size
    return np.concatenate(parts), np.cumsum([0, *(len(part) for part in parts[1:])])


def simulate(  # noqa: PLR0913
    program: Program,
    events: Events,
    *,
    engine: str = "clock",
    precision: str = "float64",
    threads: int | None = None,
    record: Record | None = None,
    seed: int | None = None,
) -> Result:
    """Return what a Program does with recordings; `Simulator` is the same for many calls, and for streams."""
    return Simulator(program, engine=engine, precision=precision, threads=threads).run(events, record, seed=seed)
