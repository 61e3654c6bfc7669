"""Networks whose neurons send graded messages when a value has changed, for both engines.

    a[t, j] = a[t−1, j] + Σ_synapses(i → j) w m[t − d, i]      the sum of all messages so far
    x = a + b,  y = max(x, 0)
    delta          k = round(y / θ), ties to the even integer;  m[t] = k[t] − k[t−1]
    sigma_delta    e = y − z[t−1];  m[t] = e if |e| > θ, else 0;  z[t] = z[t−1] + m[t]
    sigma          sends nothing; x is its membrane
    integers       a grows by I · 2^shift;  sigma_delta: m = ⌊e / 2^shift⌋, z grows by m · 2^shift

A neuron that no message reaches has the value of the step before, and so has nothing to send: the event-driven form
computes the neurons that messages reach, and in the first step of a stream all neurons, for their biases. The
clock-driven form computes every neuron in every step. Both add messages in the order of their sources, so that their
sums are equal, bit for bit. A message of 0 is not sent.

Shapes   the state of a recording is a, then k or z (2 · neuron,)
Exact    no fast-math; nothing saturates: the largest value is noted, and the caller refuses one beyond the word
"""

from typing import Any

import numpy as np
from numba.extending import overload

from snnsim.kernels.common.jit import njit
from snnsim.kernels.simulate import convolutions
from snnsim.kernels.simulate.event_driven import arrive
from snnsim.kernels.simulate.event_queue import has_room, keep_pending, queue_pending, send
from snnsim.kernels.simulate.record import record_membranes, record_spike
from snnsim.kernels.simulate.types import (
    DELTA,
    READOUT,
    EventArrays,
    EventNetwork,
    FixedParameters,
    GradedWork,
    Parameters,
    Position,
    Recorder,
    StreamArrays,
)


def total_after(total: Any, current: Any, parameters: Parameters) -> Any:
    """Return the sum of all messages after a step.

    Args:
        total: The sum before.
        current: The sum of the weighted messages of the step.
        parameters: The parameters of all neurons, which decide between floats and integers.
    """
    form = _fixed_total if isinstance(parameters, FixedParameters) else _float_total
    return form(total, current, parameters)


def message(y: Any, sent: Any, delta: Any, parameters: Parameters, n: int) -> tuple[Any, Any]:
    """Return the message of a neuron, 0 for none, and what all its messages so far add up to.

    Args:
        y: The value after the activation.
        sent: The level k, or the sum z, of the messages before.
        delta: Whether the coding is that of delta; otherwise it is that of sigma_delta.
        parameters: The parameters of all neurons, which decide between floats and integers.
        n: The neuron.
    """
    form = _fixed if isinstance(parameters, FixedParameters) else _float
    result: tuple[Any, Any] = form(y, sent, delta, parameters, n)
    return result


@overload(total_after, inline="never")
def _total_after(total: Any, current: Any, parameters: Any) -> Any:  # noqa: ARG001
    return _fixed_total if parameters.instance_class is FixedParameters else _float_total


@overload(message, inline="never")
def _message(y: Any, sent: Any, delta: Any, parameters: Any, n: Any) -> Any:  # noqa: ARG001
    return _fixed if parameters.instance_class is FixedParameters else _float


# Numba compares the annotations of the forms of an overload
def _float_total(total: Any, current: Any, parameters: Any) -> Any:  # noqa: ARG001
    return total + current


def _fixed_total(total: Any, current: Any, parameters: Any) -> Any:
    return total + (current << parameters.shift)


def _float(y: Any, sent: Any, delta: Any, parameters: Any, n: Any) -> Any:
    threshold = parameters.threshold[n]
    if delta:
        level = np.rint(y / threshold)
        return level - sent, level
    change = y - sent
    if abs(change) > threshold:
        return change, y
    return change - change, sent


def _fixed(y: Any, sent: Any, delta: Any, parameters: Any, n: Any) -> Any:
    threshold, shift = parameters.threshold[n], parameters.shift
    if delta:
        twice = 2 * y + threshold
        level = twice // (2 * threshold)
        if level % 2 == 1 and twice == level * 2 * threshold:
            # halfway between two levels
            level -= 1
        return level - sent, level
    change = y - sent
    if abs(change) > threshold:
        units = change >> shift
        return units, sent + (units << shift)
    return change - change, sent


@njit(nogil=True, cache=True)
def _list_all(population: int, network: EventNetwork, work: GradedWork) -> None:
    bounds = network.populations.bounds
    for n in range(bounds[population], bounds[population + 1]):
        work.marks.touched[n] = n
    work.marks.listed[population] = bounds[population + 1] - bounds[population]


@njit(nogil=True, cache=True)
def _compute(
    position: Position, network: EventNetwork, state: np.ndarray, work: GradedWork, recorder: Recorder
) -> None:
    """Compute the listed neurons of a population, and queue their messages."""
    recording, population, step = position.recording, position.population, position.step
    begin, model = network.populations.bounds[population], network.populations.model[population]
    channels, neurons, parameters = network.sizes.channels, network.sizes.neurons, network.parameters
    current, value, bias = work.current, work.value, parameters.bias
    chosen = work.marks.touched[begin : begin + work.marks.listed[population]]
    # in the order of the neurons, so that the sums of their targets have the same order in both engines
    chosen.sort()
    shared = convolutions.any_from(network.convolutions, population + 1)
    for n in chosen:
        state[n] = total_after(state[n], current[n], parameters)
        value[n], current[n] = state[n] + bias[n], 0
        work.largest[0] = max(work.largest[0], abs(value[n]), abs(state[n]))
        if model == READOUT:
            continue
        y = max(value[n], value.dtype.type(0))
        sent, state[neurons + n] = message(y, state[neurons + n], model == DELTA, parameters, n)
        if sent != 0:
            record_spike(recording, channels + n, n, step, recorder)
            send(channels + n, sent, step, network.synapses, work.queue)
            if shared:
                convolutions.send(network.convolutions, population + 1, channels + n, sent, step, work.queue)


@njit(nogil=True, cache=True)
def _begin(recording: int, network: EventNetwork, state: StreamArrays, work: GradedWork) -> None:
    """Fill the queue with the pending messages of a recording, and compute the values of its state."""
    voltage, queue, neurons = state.voltage[recording], work.queue, network.sizes.neurons
    queue.used[:], work.current[:], work.marks.stamp[:], work.marks.listed[:] = 0, 0, -1, 0
    for n in range(neurons):
        work.value[n] = voltage[n] + network.parameters.bias[n]
    queue_pending(recording, neurons, state.pending, queue)


@njit(nogil=True, cache=True)
def run(
    recording: int, network: EventNetwork, events: EventArrays, state: StreamArrays, work: GradedWork,
    recorder: Recorder,
) -> bool:  # fmt: skip
    """Run one recording from its state, and leave its state after the last step.

    Args:
        recording: The recording.
        network: The network.
        events: The input events, changes of the channels' values.
        state: The sums and sent values, and the pending messages, of all recordings.
        work: Scratch memory.
        recorder: The memory for results.

    Returns:
        Whether the queue had room for all messages; otherwise state and results are of no use.
    """
    queue, channel, count = work.queue, events.channel, events.counts
    event, last = events.indptr[recording], events.indptr[recording + 1]
    shared = convolutions.any_from(network.convolutions, 0)
    _begin(recording, network, state, work)
    for step in range(events.length[recording]):
        work.marks.listed[:] = 0
        while event < last and events.step[event] == step:
            send(channel[event], count[event], step, network.synapses, queue)
            if shared:
                convolutions.send(network.convolutions, 0, channel[event], count[event], step, queue)
            event += 1
        for population in range(network.populations.model.size):
            if not has_room(queue):
                return False
            arrive(step, network, work)
            if work.every or step + network.noise.step == 0:
                _list_all(population, network, work)
            _compute(Position(recording, population, step), network, state.voltage[recording], work, recorder)
            record_membranes(work.value, population, recorder.row[recording] + step, recorder)
    if not has_room(queue):
        return False
    keep_pending(recording, events.length[recording], network.sizes.neurons, state.pending, queue)
    return True
