"""The two engines: what each of them allocates, and the kernel that it calls."""

from typing import Protocol

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
"""What the rows take together, if the longest delay leaves a choice: few slides, but all in the nearer caches."""
FIRST_QUEUE = 1024
"""Events that a slot of the queue holds at first; it grows fourfold until all find room."""


class Engine(Protocol):
    """Runs some recordings from their voltages and what is pending, and leaves both as they are in the end."""

    def __init__(self, network: Network) -> None: ...

    def run(
        self, which: np.ndarray, events: EventArrays, state: StreamArrays, recorder: Recorder, noise: Noise
    ) -> None: ...

    def needs(self, workers: int) -> dict[str, int]: ...


class ClockDriven:
    """Every neuron once a step."""

    def __init__(self, network: Network) -> None:
        self.network = network
        row = network.neurons * _size(network)
        self.rows = max(1, network.longest, -(-BUFFER_BYTES // row) - network.longest)
        self.sizes = Sizes(network.channels, network.neurons, network.longest)
        self.synapses = OffsetSynapses(network.first, network.offset(), network.weight)
        self.populations = Populations(network.bounds, network.rule, np.zeros(0, np.int32))

    def run(
        self, which: np.ndarray, events: EventArrays, state: StreamArrays, recorder: Recorder, noise: Noise
    ) -> None:
        """Run them."""
        network = self.network
        buffer = np.empty((self.rows + network.longest) * network.neurons, network.numbers.current)
        arrays = ClockNetwork(self.synapses, self.populations, network.values, noise, self.sizes, self.rows)
        clock_driven.run(which, arrays, events, state, buffer, recorder)

    def needs(self, workers: int) -> dict[str, int]:
        """Return the bytes of what so many threads allocate."""
        places = (self.rows + self.network.longest) * self.network.neurons
        return {f"currents of {self.rows + self.network.longest} steps": workers * places * _size(self.network)}


class EventDriven:
    """Neurons that something reaches."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.sizes = Sizes(network.channels, network.neurons, network.longest)
        self.synapses = DelaySynapses(network.first, network.target, network.delay, network.weight)
        owner = np.repeat(np.arange(len(network.rule), dtype=np.int32), np.diff(network.bounds))
        self.populations = Populations(network.bounds, network.rule, owner)
        threshold, self.alone = network.values.threshold, np.zeros(network.neurons, bool)
        whole = np.issubdtype(network.numbers.voltage, np.integer)
        below = threshold - 1 if whole else np.nextafter(threshold, -np.inf, dtype=threshold.dtype)
        event_driven.fire_by_themselves(below, network.values, self.alone)
        # chance may let a neuron fire in any step
        self.alone |= network.noise[0][owner]
        self.alone &= network.rule[owner] != READOUT

    def run(
        self, which: np.ndarray, events: EventArrays, state: StreamArrays, recorder: Recorder, noise: Noise
    ) -> None:
        """Run them, recording by recording, with a queue that grows until it holds all that is on its way."""
        network, span = self.network, recorder.spike_span
        arrays = EventNetwork(self.synapses, self.populations, network.values, noise, self.sizes)
        current, last = np.zeros(network.neurons, network.numbers.current), np.empty(network.neurons, np.int32)
        marks, (watched, begin), slots = self._marks(), self._watched(recorder.neurons), FIRST_QUEUE
        for recording in which:
            before, next_spike = state.voltage[recording].copy(), span[recording].copy()
            queue = self._queue(slots)
            while True:
                work = EventWork(queue, marks, current, last, watched, begin)
                if event_driven.run(recording, arrays, events, state, work, recorder):
                    break
                slots = max(4 * slots, int(queue.used.max()))
                require_memory("simulate", {f"queue of {slots} events a step": self._queue_bytes(slots)})
                queue = self._queue(slots)
                state.voltage[recording], span[recording] = before, next_spike
                recorder.counts[recording, network.channels :] = 0

    def needs(self, workers: int) -> dict[str, int]:
        """Return the bytes of what so many threads allocate at first."""
        return {"queue": workers * self._queue_bytes(FIRST_QUEUE), "marks": workers * 24 * self.network.neurons}

    def _queue_bytes(self, slots: int) -> int:
        return (self.network.longest + 2) * (slots * (4 + _size(self.network)) + 8)

    def _watched(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        every = self.alone.copy()
        every[chosen] = True
        neurons = np.flatnonzero(every)
        return neurons, np.searchsorted(neurons, self.network.bounds)

    def _marks(self) -> Marks:
        neurons = self.network.neurons
        return Marks(
            np.empty(neurons, np.int32),
            np.empty(neurons, np.int32),
            np.zeros(len(self.network.rule), np.int64),
            np.empty(neurons, np.int32),
        )

    def _queue(self, slots: int) -> Queue:
        ring = self.network.longest + 2
        return Queue(
            np.empty((ring, slots), np.int32),
            np.empty((ring, slots), self.network.numbers.current),
            np.zeros(ring + 1, np.int64),
        )


def _size(network: Network) -> int:
    return int(np.dtype(network.numbers.current).itemsize)
