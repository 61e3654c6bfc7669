"""The queue of the event-driven engine: a ring of slots, one for each step, with the events that arrive in it.

A slot that is full only counts its further events. The caller sees by `has_room` that the result is of no use, and
runs again with a larger queue. The ring has as many slots as the longest delay has steps, and two more; the last entry
of `used` is the largest number of events of a slot so far.
"""

from typing import Any

import numpy as np

from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.simulate.types import DelaySynapses, Queue


@subroutine(nogil=True, cache=True)
def push(queue: Queue, slot: int, target: int, weight: Any) -> None:
    """Put an event into a slot, or only count it if the slot is full.

    Args:
        queue: The events on their way.
        slot: The slot.
        target: The neuron that the event reaches.
        weight: What the event adds to the neuron's current.
    """
    used = queue.used
    index = used[slot]
    used[slot] = index + 1
    if index < queue.target.shape[1]:
        queue.target[slot, index], queue.value[slot, index] = target, weight


@subroutine(nogil=True, cache=True)
def send(node: int, count: Any, step: int, synapses: DelaySynapses, queue: Queue) -> None:
    """Queue the events of a spike; those without a delay go into the slot of this step.

    Args:
        node: The node that fires.
        count: Number of spikes, or the size of a graded message.
        step: The step of the spike.
        synapses: The synapses of all nodes.
        queue: The events on their way.
    """
    indptr, target, delay, weight = synapses.indptr, synapses.target, synapses.delay, synapses.weight
    queued, value, used = queue.target, queue.value, queue.used
    ring = used.size - 1
    now = step % ring
    for synapse in range(indptr[node], indptr[node + 1]):
        slot = now + delay[synapse]
        slot = slot - ring if slot >= ring else slot
        index = used[slot]
        used[slot] = index + 1
        if index < queued.shape[1]:
            queued[slot, index], value[slot, index] = target[synapse], count * weight[synapse]


@subroutine(nogil=True, cache=True)
def has_room(queue: Queue) -> bool:
    """Return whether every slot holds all events that were put into it.

    Args:
        queue: The events on their way.
    """
    return bool(queue.used.max() <= queue.target.shape[1])


@subroutine(nogil=True, cache=True)
def queue_pending(recording: int, neurons: int, pending: np.ndarray, queue: Queue) -> None:
    """Put the pending events of a recording into the slots of their steps.

    Args:
        recording: The recording.
        neurons: Number of neurons.
        pending: Sums of the events that arrive after the last step, (recording, step · neuron), or (0, 0).
        queue: The events on their way.
    """
    if len(pending):
        for index in range(pending.shape[1]):
            if pending[recording, index] != 0:
                push(queue, index // neurons, index % neurons, pending[recording, index])


@subroutine(nogil=True, cache=True)
def keep_pending(recording: int, steps: int, neurons: int, pending: np.ndarray, queue: Queue) -> None:
    """Add up the events that arrive after the last step of a recording.

    Args:
        recording: The recording.
        steps: Number of steps of the recording.
        neurons: Number of neurons.
        pending: The sums, (recording, step · neuron), or (0, 0).
        queue: The events on their way.
    """
    if len(pending):
        pending[recording] = 0
        for ahead in range(pending.shape[1] // neurons):
            slot = (steps + ahead) % (queue.used.size - 1)
            for index in range(queue.used[slot]):
                pending[recording, ahead * neurons + queue.target[slot, index]] += queue.value[slot, index]
