"""The clock-driven engine: every neuron once a step, every spike to its targets at their delays.

    current[t + d, j] += w        for every synapse i → j of a source that fires at t: a row for each step to come
    u[t, j] = membrane(v[t−1, j], current[t, j], j)        then fire, reset and deliver, population by population

The parameters of a network decide between floats, and integers with a decay in fixed point and saturation.

Shapes   buffer (row · neuron,): the rows of currents lie in a line; when the last row is reached, the pending rows
         move to the front · voltage (recording, neuron)
Source   256 → 256, 25 delays, 10 % activity, one core of an AMD EPYC 9004: 1.7e9 synapses a second in float32,
         1.5e9 in float64 (scripts/bench_events/speed.py)
Exact    no fast-math; contributions to a neuron are added in the order of their spikes, for any chunks of time
"""

from typing import Any

import numpy as np
from numba.extending import overload

from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.counter_rng import logistic
from snnsim.kernels.common.counter_rng import row as row_start
from snnsim.kernels.common.jit import njit, subroutine
from snnsim.kernels.simulate.clock_delivery import (
    deliver_input,
    deliver_input_by_both,
    deliver_spikes,
    deliver_spikes_by_both,
)
from snnsim.kernels.simulate.record import record_membranes, record_spikes
from snnsim.kernels.simulate.two_state import compute_two_state
from snnsim.kernels.simulate.types import (
    HARD,
    READOUT,
    ClockNetwork,
    EventArrays,
    FixedParameters,
    Noise,
    Parameters,
    Position,
    Recorder,
    StreamArrays,
)


def membrane(voltage: Any, current: Any, parameters: Parameters, n: int) -> Any:
    """Return u of a neuron.

    Args:
        voltage: v of the step before.
        current: The sum of the events of the step.
        parameters: The parameters of all neurons, which decide between floats and integers.
        n: The neuron.
    """
    if isinstance(parameters, FixedParameters):
        return _fixed(voltage, current, parameters, n)
    return _float(voltage, current, parameters, n)


@overload(membrane, inline="never")
def _membrane(voltage: Any, current: Any, parameters: Any, n: Any) -> Any:  # noqa: ARG001
    return _fixed if parameters.instance_class is FixedParameters else _float


# Numba compares the annotations of the forms of an overload
def _float(voltage: Any, current: Any, parameters: Any, n: Any) -> Any:
    """β v + (I + b)."""
    return parameters.decay[n] * voltage + (current + parameters.bias[n])


def _fixed(voltage: Any, current: Any, parameters: Any, n: Any) -> Any:
    """clip(sign(v) ⌊|v| m / 2^bits⌋ + (I · 2^shift + b))."""
    product = parameters.decay[n] * voltage
    # a shift of a negative number would round away from 0
    leak = product >> parameters.bits if product >= 0 else -((-product) >> parameters.bits)
    total = (np.int64(current) << parameters.shift) + parameters.bias[n]
    return min(max(leak + total, -parameters.limit), parameters.limit)


@njit(nogil=True, cache=True)
def largest_count(
    step: np.ndarray, channel: np.ndarray, count: np.ndarray, indptr: np.ndarray, last: np.ndarray, total: np.ndarray
) -> int:
    """Return the largest sum of the sizes of counts that a channel has in a step.

    Args:
        step: The steps of the events, ascending within a recording.
        channel: Their channels.
        count: Their counts.
        indptr: The first event of each recording, (recording + 1,).
        last: Scratch memory of −1, int64 (channel,).
        total: Scratch memory, int64 (channel,).
    """
    largest, before = 0, 0
    for recording in range(indptr.size - 1):
        for event in range(indptr[recording], indptr[recording + 1]):
            # a number for each step of each recording, ascending
            now, c = before + step[event], channel[event]
            total[c] = abs(np.int64(count[event])) + (total[c] if last[c] == now else 0)
            last[c] = now
            largest = max(largest, total[c])
        if indptr[recording + 1] > indptr[recording]:
            before += step[indptr[recording + 1] - 1] + 1
    return largest


@subroutine(nogil=True, cache=True)
def _slide(buffer: np.ndarray, row: int, longest: int, neurons: int) -> None:
    """Move the rows that are pending from `row` on to the front, and clear the others."""
    begin, length = row * neurons, longest * neurons
    for index in range(length):
        buffer[index] = buffer[begin + index]
    buffer[length : begin + length] = 0


@subroutine(nogil=True, cache=True)
def _integrate(begin: int, end: int, parameters: Parameters, voltage: np.ndarray, current: np.ndarray) -> None:
    # unsigned, as an index that might be negative costs a test of its own: 2 ns a neuron instead of 0.5
    for n in range(np.uint64(begin), np.uint64(end)):
        voltage[n] = membrane(voltage[n], current[n], parameters, n)


@subroutine(nogil=True, cache=True)
def _fire(begin: int, end: int, hard: bool, threshold: np.ndarray, voltage: np.ndarray, fired: np.ndarray) -> int:
    """Reset the neurons of a population that are at their threshold; list them in `fired`, and return their number."""
    count = 0
    for n in range(np.uint64(begin), np.uint64(end)):
        if voltage[n] >= threshold[n]:
            voltage[n] = 0 if hard else voltage[n] - threshold[n]
            fired[count] = n
            count += 1
    return count


@subroutine(nogil=True, cache=True)
def draws(noise: Noise, position: Position) -> tuple[bool, np.uint64]:
    """Return whether a population draws in a step of a recording, and the start of its row of random numbers.

    Args:
        noise: Noise of the neurons of all populations.
        position: Recording, population and step; the step counts from the start of this run.
    """
    population = position.population
    start = row_start(noise.keys[population], position.recording, noise.step + position.step)
    return noise.noisy[population] and noise.drawn, start


@subroutine(nogil=True, cache=True)
def level(noise: Noise, threshold: np.ndarray, start: np.uint64, n: int, begin: int) -> Any:
    """Return the noisy threshold of a neuron.

    Args:
        noise: The noise of all neurons.
        threshold: The thresholds of all neurons.
        start: The start of the population's row of random numbers.
        n: The neuron.
        begin: The first neuron of its population.
    """
    return threshold[n] - noise.scale[n] * noise.scale.dtype.type(logistic(start, np.int64(n) - begin))


@subroutine(nogil=True, cache=True)
def _fire_noisy(position: Position, network: ClockNetwork, voltage: np.ndarray, fired: np.ndarray) -> int:
    """Do the same as `_fire` for stochastic neurons."""
    population, count, noise = position.population, 0, network.noise
    bounds, hard = network.populations.bounds, network.populations.model[population] == HARD
    threshold, begin = network.parameters.threshold, bounds[population]
    drawn, start = draws(noise, position)
    for n in range(begin, bounds[population + 1]):
        if voltage[n] >= (level(noise, threshold, start, n, begin) if drawn else threshold[n]):
            lower = 0 if hard else voltage[n] - threshold[n]
            voltage[n] = lower + noise.reset_value[n]
            fired[count] = n
            count += 1
    return count


@subroutine(nogil=True, cache=True)
def _run_recording(  # noqa: C901, PLR0915 - a function for a part would count references in every step
    recording: int, network: ClockNetwork, events: EventArrays, voltage: np.ndarray, buffer: np.ndarray,
    recorder: Recorder,
) -> None:  # fmt: skip
    neurons, longest, row = network.sizes.neurons, network.sizes.longest, 0
    bounds, model, noisy = network.populations.bounds, network.populations.model, network.noise.noisy
    event, end, event_step = events.indptr[recording], events.indptr[recording + 1], events.step
    fired, parameters, two_states = np.empty(neurons, np.int32), network.parameters, network.second.present
    channels, synapses, shared = network.sizes.channels, network.synapses, network.convolutions.indptr_of_segment
    threshold, traces, first_row = parameters.threshold, recorder.neurons.size > 0, recorder.row[recording]
    length, rows, populations = events.length[recording], network.rows, model.size
    for step in range(length):
        if row == rows:
            _slide(buffer, row, longest, neurons)
            row = 0
        base = row * neurons
        if event < end and event_step[event] == step:
            if shared[0] < shared[1]:
                event = deliver_input_by_both(step, event, end, events, network, base, buffer)
            else:
                event = deliver_input(step, event, end, events, synapses, base, buffer)
        for population in range(populations):
            begin, stop = bounds[population], bounds[population + 1]
            position = Position(recording, population, step)
            current, traced = buffer[base : base + neurons], first_row + step
            if two_states[population]:
                spikes = compute_two_state(population, traced, network, voltage, current, recorder, fired)
            else:
                _integrate(begin, stop, parameters, voltage, current)
                if traces:
                    record_membranes(voltage, population, traced, recorder)
                spikes = 0
                if noisy[population]:
                    spikes = _fire_noisy(position, network, voltage, fired)
                elif model[population] != READOUT:
                    spikes = _fire(begin, stop, model[population] == HARD, threshold, voltage, fired)
            if spikes > 0:
                record_spikes(recording, channels, fired[:spikes], step, recorder)
                if shared[population + 1] < shared[population + 2]:
                    deliver_spikes_by_both(population + 1, fired[:spikes], network, base, buffer)
                else:
                    deliver_spikes(channels, fired[:spikes], synapses, base, buffer)
        row += 1
    _slide(buffer, row, longest, neurons)


@njit(nogil=True, cache=True)
def run(
    recordings: np.ndarray, network: ClockNetwork, events: EventArrays, state: StreamArrays, buffer: np.ndarray,
    recorder: Recorder,
) -> None:  # fmt: skip
    """Run recordings from their state, and leave their state after the last step.

    Args:
        recordings: The recordings, int64.
        network: The network.
        events: The input events.
        state: The voltages and pending currents of all recordings.
        buffer: Scratch memory for the currents of the steps to come, (row · neuron,).
        recorder: The memory for results.
    """
    voltage, pending = state.voltage, state.pending
    for recording in recordings:
        buffer[:] = 0
        if len(pending):
            copy_row(pending[recording], buffer[: pending.shape[1]])
        _run_recording(recording, network, events, voltage[recording], buffer, recorder)
        if len(pending):
            copy_row(buffer, pending[recording])
