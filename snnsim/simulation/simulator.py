"""Simulation of a Program: recordings side by side, or streams piece by piece.

    clock_driven   computes every neuron in every step; work: neurons · steps + synapses that spikes reach
    event_driven   computes the neurons that events reach; work: synapses that spikes reach + silent steps of targets

    set_delays     other delays from the next step on: spikes on their way arrive when they would have, in both engines

Exact    both engines have the same spikes and membranes, bit for bit, for any pieces and any number of threads: one
         thread computes a recording, and currents of a neuron are added in the order of their spikes
"""

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np

from snnsim.kernels.simulate.types import Noise, StreamArrays
from snnsim.limits import require_memory
from snnsim.program import Program
from snnsim.simulation import engines, graded, needs
from snnsim.simulation.changed_delays import with_delays
from snnsim.simulation.counting import Counted
from snnsim.simulation.events import MOST, Events
from snnsim.simulation.lowering import PRECISIONS, lower
from snnsim.simulation.recording import Probe, Recorded, traced
from snnsim.simulation.result import Result
from snnsim.simulation.state import State
from snnsim.validation import instance, integer, known

__all__ = ["ENGINES", "PRECISIONS", "Probe", "Simulator", "simulate"]

ENGINES: dict[str, Callable[..., "engines.Engine"]] = {
    "clock_driven": engines.ClockDriven,
    "event_driven": engines.EventDriven,
}
"""The engines by name."""
GRADED_ENGINES: dict[str, Callable[..., "engines.Engine"]] = {
    "clock_driven": graded.GradedClockDriven,
    "event_driven": graded.GradedEventDriven,
}
"""The engines for Programs with graded messages, by the same names."""
OLD_ENGINES = {"clock": "clock_driven", "touched": "event_driven"}
"""Names of today by old names, which stay valid for one release."""


class Simulator:
    """A Program that is ready to run; it holds no state of runs. `set_delays` changes the Program.

    Args:
        program: The Program.
        engine: A name in ENGINES.
        precision: A name in PRECISIONS; it has no effect on a Program in integers.
        threads: Number of threads; None for one per core.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If an engine or a precision is unknown, or `threads` is below 1.
        MemoryError: If the network would need more memory than is available.
    """

    def __init__(
        self, program: Program, *, engine: str = "clock_driven", precision: str = "float64", threads: int | None = None
    ) -> None:
        instance(program, Program, who="simulate", name="program")
        if isinstance(engine, str) and engine in OLD_ENGINES:
            warnings.warn(
                f"the engine {engine!r} is now called {OLD_ENGINES[engine]!r}", DeprecationWarning, stacklevel=2
            )
            engine = OLD_ENGINES[engine]
        known(engine, ENGINES, "simulate: engine")
        if threads is not None and integer(threads, who="simulate", name="threads") < 1:
            raise ValueError(f"simulate: threads must be 1 or more, not {threads}")
        require_memory("simulate", needs.of_program(program))
        self.program, self.network = program, lower(program, precision)
        self.threads = _cores() if threads is None else int(threads)
        self._engine, self._precision = (GRADED_ENGINES if self.network.graded else ENGINES)[engine], precision
        self.engine = self._engine(self.network)
        # of the Programs before changes of delays, whose states go on
        self._earlier: set[str] = set()

    @cached_property
    def _digest(self) -> str:
        return self.program.digest()

    def set_delays(self, source: str, target: str, delay: np.ndarray | int) -> None:
        """Change the delays of an edge from the next run, piece of a stream or step on.

        Spikes that are on their way in the state of a stream arrive when they would have arrived. The weights stay.

        Args:
            source: Name of the population, or INPUT, at which the edge starts.
            target: Name of the population at which it ends.
            delay: Delays in steps: one of all synapses, one of each synapse in the order of `program`'s edge, or a
                matrix (target, source). Afterwards, the edge is sorted by source, delay and target again.

        Raises:
            TypeError: If a delay is no integer.
            ValueError: If there is no such edge, or a delay is out of its range.
        """
        program = with_delays(self.program, source, target, delay)
        self._earlier.add(self._digest)
        del self._digest
        self.program = program
        # rows for the spikes that are on their way with a longer delay
        self.network = lower(program, self._precision, longest=self.network.longest)
        self.engine = self._engine(self.network)

    def run(self, events: Events, record: Probe | None = None, *, seed: int | None = None) -> Result:
        """Return the result of recordings from rest, each followed by the extra steps of the Program.

        A model with an initial potential starts there.

        Args:
            events: The recordings.
            record: Spikes and membranes to record besides counts; None for the membranes of the readout.
            seed: Seed of the noise, which differs between recordings; None for no noise, so that the likelier of spike
                and silence happens.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If channels or counts do not fit the Program.
            MemoryError: If the run would need more memory than is available.
        """
        record = self._checked(events, record)
        length = events.length + self.program.extra_steps
        if length.max(initial=0) > MOST:
            raise ValueError(f"simulate: recording and extra steps must be at most {MOST} steps, not {length.max()}")
        require_memory("simulate", {"voltages": len(events) * self.network.variables * 8})
        voltage = self.network.voltages(len(events))
        pending = np.zeros((0, 0), self.network.numbers.current)
        return self._run(events, length, record, StreamArrays(voltage, pending), self.network.draws(seed, 0))

    def start(self, streams: int = 1) -> State:
        """Return the state of streams at rest.

        Args:
            streams: Number of streams.

        Raises:
            TypeError: If `streams` is no integer.
            ValueError: If `streams` is below 0.
            MemoryError: If the state would need more memory than is available.
        """
        streams = integer(streams, who="Simulator.start", name="streams", at_least=0)
        network, numbers = self.network, self.network.numbers
        require_memory("Simulator.start", needs.of_state(network, streams))
        pending = np.zeros((streams, network.longest, network.neurons), numbers.current)
        return State(network.voltages(streams), pending, 0, self._digest)

    def feed(
        self, events: Events, state: State, record: Probe | None = None, *, seed: int | None = None
    ) -> tuple[Result, State]:
        """Return the result of the next piece of each stream, and the state after it.

        Args:
            events: A piece of each stream, all of the same length.
            state: The state of the streams, from `start` or an earlier `feed`; it is not changed.
            record: Spikes and membranes to record besides counts; None for the membranes of the readout.
            seed: As for `run`; the same for all pieces of a stream.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If the state is of another program, precision or number of streams, or the events do not fit.
            MemoryError: If the run would need more memory than is available.
        """
        record = self._checked(events, record)
        self._check_state(events, state)
        require_memory("simulate", needs.of_state(self.network, len(state)))
        shape = len(state), self.network.longest, self.network.neurons
        rows = np.zeros(shape, state.pending.dtype)
        # a state from before `set_delays` may have fewer rows
        rows[:, : state.pending.shape[1]] = state.pending
        pending = rows.reshape(shape[0], shape[1] * shape[2])
        voltage, noise = state.voltage.copy(), self.network.draws(seed, state.step)
        result = self._run(events, events.length, record, StreamArrays(voltage, pending), noise)
        steps = int(events.length.max(initial=0))
        return result, State.unchecked(voltage, pending.reshape(shape), state.step + steps, state.program)

    def _checked(self, events: Events, record: Probe | None) -> Probe:
        instance(events, Events, who="simulate", name="events")
        # a caller may have written to an array since the constructor checked it
        events.check_parts()
        if record is not None:
            instance(record, Probe, who="simulate", name="record")
        return record or Probe()

    def _check_state(self, events: Events, state: State) -> None:
        instance(state, State, who="simulate", name="state")
        numbers, (streams, longest, neurons) = self.network.numbers, state.pending.shape
        types = state.voltage.dtype == numbers.voltage and state.pending.dtype == numbers.current
        rows = longest == self.network.longest or (state.program in self._earlier and longest < self.network.longest)
        shapes = (streams, neurons) == (len(state), self.network.neurons) and rows
        shapes = shapes and state.voltage.shape == (len(state), self.network.variables)
        if state.program not in {self._digest, *self._earlier} or not (types and shapes):
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
        # spikes from before `set_delays` may arrive together with later ones of the same synapses
        waiting = int(np.abs(state.pending.astype(np.int64)).max(initial=0)) if self._earlier else 0
        counted = Counted.of(events, length, self.network, waiting=waiting)
        neurons = traced(self.program, record)
        workers = max(1, min(self.threads, len(events)))
        of_run = needs.of_run(self.program, length, sum(map(len, neurons.values())), spikes=record.spikes)
        require_memory("simulate", of_run | self.engine.needs(workers))
        recorded = Recorded.of(self.program, length, neurons)
        if record.spikes:
            # a first run counts the spikes, from copies of the state
            first = recorded.without_traces()
            self._run_threads(counted, first, StreamArrays(state.voltage.copy(), state.pending.copy()), noise)
            spikes = first.counts[:, self.network.channels :].sum(1)
            require_memory("simulate", {"spikes": 8 * int(spikes.sum())})
            recorded = recorded.with_spikes(spikes)
        self._run_threads(counted, recorded, state, noise)
        channels = self.network.channels
        input_events, spikes_in = counted.events_and_spikes(channels)
        # a graded message is one event, of any size
        recorded.counts[:, :channels] = input_events if self.network.graded else spikes_in
        return Result(
            program=self.program,
            length=length,
            node_counts=recorded.counts,
            fan_out=self.network.fan_out,
            input_events=input_events,
            traced=recorded.traced,
            traces=recorded.trace,
            spike_step=recorded.spike_step,
            spike_neuron=recorded.spike_neuron,
            spike_offset=recorded.spike_offset,
            extra_steps=int((length - events.length).max(initial=0)),
        )

    def _run_threads(
        self,
        counted: Counted,
        recorded: Recorded,
        state: StreamArrays,
        noise: Noise,
    ) -> None:
        """Run the recordings on all threads; a thread writes only the rows of its recordings."""
        recorder, recordings = recorded.recorder(), len(state.voltage)
        workers = max(1, min(self.threads, recordings))

        def work(worker: int) -> None:
            part = np.arange(worker, recordings, workers)
            self.engine.run(engines.Run(part, counted.arrays(), state, recorder, noise))

        if workers == 1:
            work(0)
            return
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))


def _cores() -> int:
    """Return the number of cores that this process may use, or of all cores on systems without affinity."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    """Return the result of recordings; `Simulator` does the same for many calls, and for streams.

    Args:
        program: The Program.
        events: The recordings.
        engine: A name in ENGINES.
        precision: A name in PRECISIONS; it has no effect on a Program in integers.
        threads: Number of threads; None for one per core.
        record: Spikes and membranes to record besides counts; None for the membranes of the readout.
        seed: Seed of the noise; None for no noise.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If an argument is out of its range, or the events do not fit the Program.
        MemoryError: If the run would need more memory than is available.
    """
    return Simulator(program, engine=engine, precision=precision, threads=threads).run(events, record, seed=seed)
