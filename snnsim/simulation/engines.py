"""The two engines: the arrays that each of them allocates, and the kernel that it calls."""

from typing import Any, Protocol

import numpy as np

from snnsim.kernels.simulate import clock_driven as clock
from snnsim.kernels.simulate import event_driven
from snnsim.limits import require_memory
from snnsim.simulation.lowering import Network

BUFFER_BYTES = 2**16
"""Size of the buffer of currents where the longest delay allows it: few slides, and all in the nearer caches."""
FIRST_QUEUE = 1024
"""Events in a slot of the queue at first; the queue grows fourfold until its slots hold all events."""


Arrays = tuple[Any, ...]


class Engine(Protocol):
    """An engine runs recordings from their state, and leaves the state of the last step in the same arrays."""

    def __init__(self, network: Network) -> None: ...

    def run(self, recordings: np.ndarray, events: Arrays, state: Arrays, recorded: Arrays, noise: Arrays) -> None:
        """Run recordings.

        Args:
            recordings: Indices of the recordings.
            events: Step, channel and count of events, their offsets and the lengths of recordings.
            state: Voltages (recording, neuron) and pending currents (recording, delay · neuron), or (0, 0) for none;
                both are written.
            recorded: `Recorded.arrays`, which are written.
            noise: `Network.draws`.
        """

    def needs(self, workers: int) -> dict[str, int]:
        """Return the bytes that a number of threads allocate, by part."""


class ClockDriven:
    """Computes every neuron in every step."""

    def __init__(self, network: Network) -> None:
        self.network = network
        row = network.neurons * _itemsize(network)
        self.rows = max(1, network.longest, -(-BUFFER_BYTES // row) - network.longest)
        sizes = (network.channels, network.neurons, network.longest, self.rows)
        self.synapses = network.synapses.indptr, network.offset(), network.synapses.weight, sizes

    def run(self, recordings: np.ndarray, events: Arrays, state: Arrays, recorded: Arrays, noise: Arrays) -> None:
        """Run recordings; `Engine.run` has the arguments.

        Args:
            recordings: Indices of the recordings.
            events: Events, offsets and lengths.
            state: Voltages and pending currents.
            recorded: Recorded arrays.
            noise: Noise and random numbers.
        """
        network = self.network
        buffer = np.empty((self.rows + network.longest) * network.neurons, network.numbers.current)
        neuron = (network.bounds, network.reset, noise), network.parameters
        clock.run(recordings, self.synapses, neuron, events, (*state, buffer), recorded)

    def needs(self, workers: int) -> dict[str, int]:
        """Return the bytes that a number of threads allocate, by part."""
        rows = self.rows + self.network.longest
        return {f"currents of {rows} steps": workers * rows * self.network.neurons * _itemsize(self.network)}


class EventDriven:
    """Computes a neuron in the steps in which an event reaches it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        sizes = (network.channels, network.neurons, network.longest)
        self.synapses = *network.synapses, sizes
        self.owner = np.repeat(np.arange(len(network.reset), dtype=np.int32), np.diff(network.bounds))
        # neurons that may fire without events: a voltage just below the threshold reaches it by itself
        threshold, self.alone = network.parameters[1], np.zeros(network.neurons, bool)
        integers = np.issubdtype(network.numbers.voltage, np.integer)
        below = threshold - 1 if integers else np.nextafter(threshold, -np.inf, dtype=threshold.dtype)
        event_driven.fire_by_themselves(below, network.parameters, self.alone)
        # a stochastic neuron may fire in any step
        self.alone |= network.noise[0][self.owner]
        self.alone &= network.reset[self.owner] != clock.READOUT

    def run(self, recordings: np.ndarray, events: Arrays, state: Arrays, recorded: Arrays, noise: Arrays) -> None:
        """Run recordings one by one, with a queue that grows until it holds all pending events.

        Args:
            recordings: Indices of the recordings.
            events: Events, offsets and lengths.
            state: Voltages and pending currents.
            recorded: Recorded arrays.
            noise: Noise and random numbers.
        """
        network, (voltage, pending), spike_range = self.network, state, recorded[-1]
        watched, slots = self._watched(recorded[1][0]), FIRST_QUEUE
        marks, arrivals = self._marks(), self._arrivals()
        neuron = (network.bounds, network.reset, noise, self.owner), network.parameters
        for recording in recordings:
            voltage_before, range_before = voltage[recording].copy(), spike_range[recording].copy()
            queue = self._queue(slots)
            while True:
                work = (voltage, pending, marks, (queue, *arrivals), watched)
                if event_driven.run(recording, self.synapses, neuron, events, work, recorded):
                    break
                # the last entry of the sizes is the largest number of events of a slot: the run starts anew
                slots = max(4 * slots, int(queue[2].max()))
                require_memory("simulate", {f"queue of {slots} events a step": self._queue_bytes(slots)})
                queue = self._queue(slots)
                voltage[recording], spike_range[recording] = voltage_before, range_before
                recorded[0][recording, network.channels :] = 0

    def needs(self, workers: int) -> dict[str, int]:
        """Return the bytes that a number of threads allocate at first, by part."""
        return {"queue": workers * self._queue_bytes(FIRST_QUEUE), "marks": workers * 24 * self.network.neurons}

    def _queue_bytes(self, slots: int) -> int:
        return (self.network.longest + 2) * (slots * (4 + _itemsize(self.network)) + 8)

    def _watched(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the neurons that are computed in every step, and the first of each population among them."""
        every_step = self.alone.copy()
        every_step[chosen] = True
        neurons = np.flatnonzero(every_step)
        return neurons, np.searchsorted(neurons, self.network.bounds)

    def _marks(self) -> tuple[np.ndarray, ...]:
        neurons = self.network.neurons
        return (
            np.empty(neurons, np.int32),
            np.empty(neurons, np.int32),
            np.zeros(len(self.network.reset), np.int64),
            np.empty(neurons, np.int32),
        )

    def _arrivals(self) -> tuple[np.ndarray, np.ndarray]:
        """Return arrays for the current of each neuron, and the step in which the neuron was last computed."""
        neurons = self.network.neurons
        return np.zeros(neurons, self.network.numbers.current), np.empty(neurons, np.int32)

    def _queue(self, slots: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ring = self.network.longest + 2
        return (
            np.empty((ring, slots), np.int32),
            np.empty((ring, slots), self.network.numbers.current),
            np.zeros(ring + 1, np.int64),
        )


def _itemsize(network: Network) -> int:
    return int(np.dtype(network.numbers.current).itemsize)
