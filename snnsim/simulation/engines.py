"""The two engines: the arrays that each of them allocates, and the kernel that it calls."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from snnsim.kernels.simulate import clock_driven, event_driven
from snnsim.kernels.simulate.types import (
    READOUT,
    ClockNetwork,
    DelaySynapses,
    EventArrays,
    EventNetwork,
    EventWork,
    Marks,
    Noise,
    OffsetSynapses,
    Populations,
    Queue,
    Recorder,
    Sizes,
    StreamArrays,
)
from snnsim.limits import require_memory
from snnsim.simulation.lowering import Network

BUFFER_BYTES = 2**16
"""Size of the buffer of currents where the longest delay allows it: few slides, and all in the nearer caches."""
FIRST_QUEUE = 1024
"""Events in a slot of the queue at first; the queue grows fourfold until its slots hold all events."""


class Run(NamedTuple):
    """What an engine runs."""

    recordings: np.ndarray
    """Indices of the recordings."""
    events: EventArrays
    """The events of all recordings."""
    state: StreamArrays
    """The state before the first step; it is written."""
    recorder: Recorder
    """The arrays of results, which are written."""
    noise: Noise
    """The noise, with its random numbers."""


class Engine(Protocol):
    """An engine runs recordings from their state, and leaves the state of the last step in the same arrays.

    Args:
        network: The arrays of a Program as the kernels read them.
    """

    def __init__(self, network: Network) -> None: ...

    @property
    def synapses(self) -> OffsetSynapses | DelaySynapses:
        """The arrays of the synapses that the engine reads."""

    def run(self, task: Run) -> None:
        """Run recordings.

        Args:
            task: The recordings with their events, states and results.
        """

    def needs(self, workers: int) -> dict[str, int]:
        """Return the bytes that the engine allocates for its own work, by part.

        Args:
            workers: Number of threads, each of which has its own buffers.
        """


class ClockDriven:
    """Computes every neuron in every step.

    Args:
        network: The arrays of a Program as the kernels read them.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        row = network.neurons * _itemsize(network)
        self.rows = max(1, network.longest, -(-BUFFER_BYTES // row) - network.longest)
        self.sizes = Sizes(network.channels, network.neurons, network.longest)
        self.synapses = OffsetSynapses(network.synapses.indptr, network.offset(), network.synapses.weight)
        self.convolutions = network.convolutions_with_delays()
        self.populations = Populations(network.bounds, network.reset, np.zeros(0, np.int32))

    def run(self, task: Run) -> None:
        """Run recordings.

        Args:
            task: The recordings with their events, states and results.
        """
        network = self.network
        buffer = np.empty((self.rows + network.longest) * network.neurons, network.numbers.current)
        arrays = ClockNetwork(
            self.synapses, self.convolutions, self.populations, network.parameters, network.second, task.noise,
            self.sizes, self.rows,
        )  # fmt: skip
        clock_driven.run(task.recordings, arrays, task.events, task.state, buffer, task.recorder)

    def needs(self, workers: int) -> dict[str, int]:
        """Return the bytes of the buffers of currents.

        Args:
            workers: Number of threads, each of which has its own buffer.
        """
        rows = self.rows + self.network.longest
        return {f"currents of {rows} steps": workers * rows * self.network.neurons * _itemsize(self.network)}


class EventDriven:
    """Computes a neuron in the steps in which an event reaches it.

    Args:
        network: The arrays of a Program as the kernels read them.
    """

    def __init__(self, network: Network) -> None:
        self.network, self.synapses = network, network.synapses
        self.sizes = Sizes(network.channels, network.neurons, network.longest)
        owner = np.repeat(np.arange(len(network.reset), dtype=np.int32), np.diff(network.bounds))
        self.populations = Populations(network.bounds, network.reset, owner)
        # neurons that may fire without events: a voltage just below the threshold reaches it by itself
        threshold, self.alone = network.parameters.threshold, np.zeros(network.neurons, bool)
        integers = np.issubdtype(network.numbers.voltage, np.integer)
        below = threshold - 1 if integers else np.nextafter(threshold, -np.inf, dtype=threshold.dtype)
        event_driven.fire_by_themselves(below, network.parameters, self.alone)
        # a stochastic neuron may fire in any step
        self.alone |= network.noise[0][owner]
        self.alone &= network.reset[owner] != READOUT
        # the kernel computes neurons with a second variable in every step in any case
        self.alone &= ~network.second.present[owner]

    def run(self, task: Run) -> None:
        """Run recordings one by one, with a queue that grows until it holds all pending events.

        Args:
            task: The recordings with their events, states and results.
        """
        _, events, state, recorder, noise = task
        network = self.network
        arrays = EventNetwork(
            self.synapses, network.convolutions, self.populations, network.parameters, network.second, noise, self.sizes
        )
        current, last = np.zeros(network.neurons, network.numbers.current), np.empty(network.neurons, np.int32)
        marks, (watched, begin) = new_marks(network), self._watched(recorder.neurons)

        def attempt(recording: int, queue: Queue) -> bool:
            work = EventWork(queue, marks, current, last, watched, begin)
            return event_driven.run(recording, arrays, events, state, work, recorder)

        with_queues(network, task, attempt)

    def needs(self, workers: int) -> dict[str, int]:
        """Return the bytes of the queues and marks before a queue grows, by part.

        Args:
            workers: Number of threads, each of which has its own queue.
        """
        return queue_needs(self.network, workers)

    def _watched(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the neurons that are computed in every step, and the first of each population among them."""
        every_step = self.alone.copy()
        every_step[chosen] = True
        neurons = np.flatnonzero(every_step)
        return neurons, np.searchsorted(neurons, self.network.bounds)


def with_queues(network: Network, task: Run, attempt: Callable[[int, Queue], bool]) -> None:
    """Run recordings one by one, each with a queue that grows until it holds all pending events.

    Args:
        network: The arrays of a Program as the kernels read them.
        task: The recordings with their events, states and results.
        attempt: Function that runs a recording with a queue, and returns whether the queue had room for all events.
    """
    state, span, slots = task.state, task.recorder.spike_span, FIRST_QUEUE
    for recording in task.recordings:
        voltage_before, span_before = state.voltage[recording].copy(), span[recording].copy()
        queue = _new_queue(network, slots)
        while not attempt(recording, queue):
            # a slot was full: the run starts anew with a larger queue
            slots = max(4 * slots, int(queue.used.max()))
            require_memory("simulate", {f"queue of {slots} events a step": _queue_bytes(network, slots)})
            queue = _new_queue(network, slots)
            state.voltage[recording], span[recording] = voltage_before, span_before
            task.recorder.counts[recording, network.channels :] = 0


def queue_needs(network: Network, workers: int) -> dict[str, int]:
    """Return the bytes of queues and marks before a queue grows, by part.

    Args:
        network: The arrays of a Program as the kernels read them.
        workers: Number of threads, each of which has its own queue.
    """
    return {"queue": workers * _queue_bytes(network, FIRST_QUEUE), "marks": workers * 24 * network.neurons}


def new_marks(network: Network) -> Marks:
    """Return the marks of the event-driven kernels.

    Args:
        network: The arrays of a Program as the kernels read them.
    """
    neurons = network.neurons
    return Marks(
        np.empty(neurons, np.int32),
        np.empty(neurons, np.int32),
        np.zeros(len(network.reset), np.int64),
        np.empty(neurons, np.int32),
    )


def _new_queue(network: Network, slots: int) -> Queue:
    ring = network.longest + 2
    return Queue(
        np.empty((ring, slots), np.int32),
        np.empty((ring, slots), network.numbers.current),
        np.zeros(ring + 1, np.int64),
    )


def _queue_bytes(network: Network, slots: int) -> int:
    return (network.longest + 2) * (slots * (4 + _itemsize(network)) + 8)


def _itemsize(network: Network) -> int:
    return int(np.dtype(network.numbers.current).itemsize)
