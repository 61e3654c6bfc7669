"""Delivery of spikes in the clock-driven engine: current[t + d, j] += w for every synapse i → j of a source i.

A function that calls another with arrays counts their references whenever it is called, which costs as much as a
hundred synapses. So `deliver_input` and `deliver_spikes` call none, and convolutions have functions of their own.
Indices of synapses are unsigned, as one that might be negative costs a test.
"""

from typing import Any

import numpy as np

from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.simulate import convolutions
from snnsim.kernels.simulate.types import ClockNetwork, EventArrays, OffsetSynapses


@subroutine(nogil=True, cache=True)
def deliver_input(
    step: int, event: int, end: int, events: EventArrays, synapses: OffsetSynapses, base: int, buffer: np.ndarray
) -> int:
    """Add the weights of the events of a step to the rows of their arrivals.

    Args:
        step: The step.
        event: The next event.
        end: The event behind the last one of the recording.
        events: The input events.
        synapses: The synapses of all nodes.
        base: The index of the row of this step in the buffer.
        buffer: The currents of the steps to come.

    Returns:
        The next event.
    """
    event_step, channels, counts = events.step, events.channel, events.counts
    indptr, offset, weight = synapses.indptr, synapses.offset, synapses.weight
    start, one = np.uint64(base), np.uint64(1)
    while event < end and event_step[event] == step:
        node, count = np.uint64(channels[event]), counts[event]
        for synapse in range(indptr[node], indptr[node + one]):
            buffer[start + offset[synapse]] += count * weight[synapse]
        event += 1
    return event


@subroutine(nogil=True, cache=True)
def deliver_spikes(channels: int, fired: np.ndarray, synapses: OffsetSynapses, base: int, buffer: np.ndarray) -> None:
    """Add the weights of the spikes of neurons to the rows of their arrivals, in the order of the neurons.

    Args:
        channels: Number of channels, which are the first nodes.
        fired: The neurons, (spike,).
        synapses: The synapses of all nodes.
        base: The index of the row of this step in the buffer.
        buffer: The currents of the steps to come.
    """
    indptr, offset, weight = synapses.indptr, synapses.offset, synapses.weight
    start, one = np.uint64(base), np.uint64(1)
    for index in range(np.uint64(fired.size)):
        node = np.uint64(channels + fired[index])
        for synapse in range(indptr[node], indptr[node + one]):
            buffer[start + offset[synapse]] += weight[synapse]


@subroutine(nogil=True, cache=True)
def _deliver_both(node: Any, segment: int, network: ClockNetwork, base: int, buffer: np.ndarray, count: Any) -> None:
    """Add the weights of a spike to the rows of its arrivals, through single synapses and convolutions."""
    indptr, offset, weight = network.synapses.indptr, network.synapses.offset, network.synapses.weight
    start = np.uint64(base)
    for synapse in range(indptr[node], indptr[node + 1]):
        buffer[start + offset[synapse]] += count * weight[synapse]
    convolutions.deliver(network.convolutions, segment, node, base, buffer, count)


@subroutine(nogil=True, cache=True)
def deliver_input_by_both(
    step: int, event: int, end: int, events: EventArrays, network: ClockNetwork, base: int, buffer: np.ndarray
) -> int:
    """Do the same as `deliver_input` where a convolution starts at the input.

    Args:
        step: The step.
        event: The next event.
        end: The event behind the last one of the recording.
        events: The input events.
        network: The network.
        base: The index of the row of this step in the buffer.
        buffer: The currents of the steps to come.

    Returns:
        The next event.
    """
    while event < end and events.step[event] == step:
        _deliver_both(np.int64(events.channel[event]), 0, network, base, buffer, events.counts[event])
        event += 1
    return event


@subroutine(nogil=True, cache=True)
def deliver_spikes_by_both(
    segment: int, fired: np.ndarray, network: ClockNetwork, base: int, buffer: np.ndarray
) -> None:
    """Do the same as `deliver_spikes` where a convolution starts at the population.

    Args:
        segment: 1 and the number of the population.
        fired: The neurons, (spike,).
        network: The network.
        base: The index of the row of this step in the buffer.
        buffer: The currents of the steps to come.
    """
    one = buffer.dtype.type(1)
    for neuron in fired:
        _deliver_both(network.sizes.channels + np.int64(neuron), segment, network, base, buffer, one)
