"""Recording of membranes and spikes by both engines."""

from typing import Any

import numpy as np

from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.simulate.types import Recorder

Index = int | np.integer[Any]


@subroutine(nogil=True, cache=True)
def record_membranes(voltage: np.ndarray, population: int, row: int, recorder: Recorder) -> None:
    """Copy the membranes of the recorded neurons of a population into a row of the trace.

    Args:
        voltage: The membranes of all neurons, (neuron,).
        population: The population.
        row: The row.
        recorder: The memory for results.
    """
    neurons, trace = recorder.neurons, recorder.trace
    for index in range(recorder.begin[population], recorder.begin[population + 1]):
        trace[row, index] = voltage[neurons[index]]


@subroutine(nogil=True, cache=True)
def record_spike(recording: int, node: Index, neuron: Index, step: int, recorder: Recorder) -> None:
    """Count a spike of a neuron, and record the spike itself if there is memory for it.

    Args:
        recording: The recording.
        node: The node of the neuron.
        neuron: The neuron.
        step: The step of the spike.
        recorder: The memory for results.
    """
    span = recorder.spike_span
    recorder.counts[recording, node] += 1
    index = span[recording, 0]
    if index < span[recording, 1]:
        recorder.spike_step[index], recorder.spike_neuron[index] = step, neuron
        span[recording, 0] = index + 1


@subroutine(nogil=True, cache=True)
def record_spikes(recording: int, channels: int, fired: np.ndarray, step: int, recorder: Recorder) -> None:
    """Count the spikes of neurons in a step, and record those for which there is memory.

    Args:
        recording: The recording.
        channels: Number of channels, which are the first nodes.
        fired: The neurons, (spike,).
        step: The step of the spikes.
        recorder: The memory for results.
    """
    counts, spike_step, spike_neuron = recorder.counts, recorder.spike_step, recorder.spike_neuron
    index, end = recorder.spike_span[recording, 0], recorder.spike_span[recording, 1]
    for neuron in fired:
        counts[recording, channels + np.int64(neuron)] += 1
        if index < end:
            spike_step[index], spike_neuron[index] = step, neuron
            index += 1
    recorder.spike_span[recording, 0] = index
