"""The two engines: what each of them allocates, and the kernel that it calls."""

from typing import Any, Protocol

import numpy as np

from snnsim.kernels.simulate import clock_driven as clock
from snnsim.kernels.simulate import event_driven
from snnsim.limits import require_memory
from snnsim.simulation.lowering import Network

BUFFER_BYTES = 2**16
"""What the rows take together, if the longest delay leaves a choice: few slides, but all in the nearer caches."""
FIRST_QUEUE = 1024
"""Events that a slot of the queue holds at first; it grows fourfold until all find room."""


Arrays = tuple[Any, ...]


class Engine(Protocol):
    """Runs some recordings from their voltages and what is pending, and leaves both as they are in the end."""

    def __init__(self, network: Network) -> None: ...

    def run(self, which: np.ndarray, events: Arrays, state: Arrays, recorded: Arrays, noise: Arrays) -> None: ...

    def needs(self, workers: int) -> dict[str, int]: ...


class ClockDriven:
    """Every neuron once a step."""

    def __init__(self, network: Network) -> None:
        self.network = network
        row = network.neurons * _size(network)
        self.rows = max(1, network.longest, -(-BUFFER_BYTES // row) - network.longest)
        sizes = (network.channels, network.neurons, network.longest, self.rows)
        self.synapses = network.first, network.offset(), network.weight, sizes

    def run(self, which: np.ndarray, events: Arrays, state: Arrays, recorded: Arrays, noise: Arrays) -> None:
        """Run them."""
        network = self.network
        buffer = np.empty((self.rows + network.longest) * network.neurons, network.numbers.current)
        neuron = (network.bounds, network.rule, noise), network.values
        clock.run(which, self.synapses, neuron, events, (*state, buffer), recorded)

    def needs(self, workers: int) -> dict[str, int]:
        """Return the bytes of what so many threads allocate."""
        places = (self.rows + self.network.longest) * self.network.neurons
        return {f"currents of {self.rows + self.network.longest} steps": workers * places * _size(self.network)}


class EventDriven:
    """Neurons that something reaches."""

    def __init__(self, network: Network) -> None:
        self.network = network
        sizes = (network.channels, network.neurons, network.longest)
        self.synapses = network.first, network.target, network.delay, network.weight, sizes
        self.owner = np.repeat(np.arange(len(network.rule), dtype=np.int32), np.diff(network.bounds))
        threshold, self.alone = network.values[1], np.zeros(network.neurons, bool)
        whole = np.issubdtype(network.numbers.voltage, np.integer)
        below = threshold - 1 if whole else np.nextafter(threshold, -np.inf, dtype=threshold.dtype)
        event_driven.fire_by_themselves(below, network.values, self.alone)
        # chance may let a neuron fire in any step
        self.alone |= network.noise[0][self.owner]
        self.alone &= network.rule[self.owner] != clock.READOUT

    def run(self, which: np.ndarray, events: Arrays, state: Arrays, recorded: Arrays, noise: Arrays) -> None:
        """Run them, recording by recording, with a queue that grows until it holds all that is on its way."""
        network, (voltage, pending), room = self.network, state, recorded[-1]
        watched, slots = self._watched(recorded[1][0]), FIRST_QUEUE
        marks, adding = self._marks(), self._adding()
        neuron = (network.bounds, network.rule, noise, self.owner), network.values
        for recording in which:
            before, place = voltage[recording].copy(), room[recording].copy()
            queue = self._queue(slots)
            while True:
                whole = (voltage, pending, marks, (queue, *adding), watched)
                if event_driven.run(recording, self.synapses, neuron, events, whole, recorded):
                    break
                slots = max(4 * slots, int(queue[2].max()))
                require_memory("simulate", {f"queue of {slots} events a step": self._queue_bytes(slots)})
                queue = self._queue(slots)
                voltage[recording], room[recording] = before, place
                recorded[0][recording, network.channels :] = 0

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

    def _marks(self) -> tuple[np.ndarray, ...]:
        neurons = self.network.neurons
        return (
            np.empty(neurons, np.int32),
            np.empty(neurons, np.int32),
            np.zeros(len(self.network.rule), np.int64),
            np.empty(neurons, np.int32),
        )

    def _adding(self) -> tuple[np.ndarray, np.ndarray]:
        neurons = self.network.neurons
        return np.zeros(neurons, self.network.numbers.current), np.empty(neurons, np.int32)

    def _queue(self, slots: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ring = self.network.longest + 2
        return (
            np.empty((ring, slots), np.int32),
            np.empty((ring, slots), self.network.numbers.current),
            np.zeros(ring + 1, np.int64),
        )


def _size(network: Network) -> int:
    return int(np.dtype(network.numbers.current).itemsize)
