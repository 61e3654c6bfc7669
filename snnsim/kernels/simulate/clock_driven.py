"""A graph of populations, step by step: every neuron once a step, every spike to its targets at their delays.

    current[t + d, j] += w        for every synapse i → j of a source that fires at t: a row for each step to come
    u[t, j] = membrane(v[t−1, j], current[t, j], j)        then fire, reset and deliver, population by population

Two arithmetics, by the numbers of a network: floats, and integers with a decay in fixed point and saturation.

Shapes   first (node + 1,) · offset, weight (synapse,) · buffer (row · neuron,) · voltage (recording, neuron);
         nodes are the input channels and then the neurons
Names    offset = d · neurons + j: where a synapse adds to, counted from the row of its spike; the rows lie in a line,
         and what is pending slides back to the first ones when the last is reached
Cost     256 → 256, 25 delays, 10 % activity, one core of an AMD EPYC 9004: 1.7e9 synapses a second in float32,
         1.5e9 in float64 (scripts/bench_events/speed.py)
Exact    no fast-math; contributions to a neuron are added in the order of their spikes, whatever the pieces
"""

from typing import Any

import numpy as np
from numba import njit
from numba.extending import overload

from snnsim.kernels.common.counter_rng import logistic, row

HARD, SOFT, READOUT = range(3)
FLOATS = 3
"""Decay, threshold and bias; integers have shift, bits and limit behind them."""


def membrane(voltage: Any, current: Any, numbers: tuple[Any, ...], n: int) -> Any:
    """Return u of neuron n from v and what arrives: `_float`, or `_fixed` if the numbers are integers."""
    return (_float if len(numbers) == FLOATS else _fixed)(voltage, current, numbers, n)


@overload(membrane, inline="never")
def _membrane(voltage, current, numbers, n):  # noqa: ARG001
    return _float if len(numbers) == FLOATS else _fixed


def _float(voltage, current, numbers, n):
    """β v + (I + b)."""
    decay, _, bias = numbers
    return decay[n] * voltage + (current + bias[n])


def _fixed(voltage, current, numbers, n):
    """clip(sign(v) ⌊|v| m / 2^bits⌋ + (I · 2^shift + b))."""
    decay, _, bias, shift, bits, limit = numbers
    product = decay[n] * voltage
    kept = product >> bits if product >= 0 else -((-product) >> bits)
    arrived = (np.int64(current) << shift) + bias[n]
    return min(max(kept + arrived, -limit), limit)


@njit(nogil=True, cache=True)
def largest_count(step, channel, count, offset, seen):
    """Return the largest sum of the sizes of counts that a channel has in a step; `seen` is room of -1 and of sums."""
    last, total = seen
    largest, before = 0, 0
    for recording in range(offset.size - 1):
        for event in range(offset[recording], offset[recording + 1]):
            # a number for each step of each recording, ascending
            now, c = before + step[event], channel[event]
            total[c] = abs(np.int64(count[event])) + (total[c] if last[c] == now else 0)
            last[c] = now
            largest = max(largest, total[c])
        if offset[recording + 1] > offset[recording]:
            before += step[offset[recording + 1] - 1] + 1
    return largest


@njit(nogil=True, cache=True)
def record_membranes(voltage, population, row, recorded):
    """Copy the membranes of the chosen neurons of a population into a row of the trace."""
    neuron, begin = recorded[1]
    for place in range(begin[population], begin[population + 1]):
        recorded[2][row, place] = voltage[neuron[place]]


@njit(nogil=True, cache=True)
def record_spike(recording, node, neuron, step, recorded):
    """Count a spike of a neuron, and write it down if there is room for it."""
    counts, _, _, _, spike_step, spike_neuron, room = recorded
    counts[recording, node] += 1
    place = room[recording, 0]
    if place < room[recording, 1]:
        spike_step[place], spike_neuron[place] = step, neuron
        room[recording, 0] = place + 1


@njit(nogil=True, cache=True)
def _deliver(network, node, base, buffer):
    first, offset, weight, _ = network
    for synapse in range(first[node], first[node + 1]):
        buffer[base + offset[synapse]] += weight[synapse]


@njit(nogil=True, cache=True)
def _deliver_counted(network, node, base, buffer, count):
    first, offset, weight, _ = network
    for synapse in range(first[node], first[node + 1]):
        buffer[base + offset[synapse]] += count * weight[synapse]


@njit(nogil=True, cache=True)
def _slide(buffer, row, longest, neurons):
    """Move the rows that are pending from `row` on to the front, and clear the others."""
    begin, length = row * neurons, longest * neurons
    for place in range(length):
        buffer[place] = buffer[begin + place]
    buffer[length : begin + length] = 0


@njit(nogil=True, cache=True)
def _integrate(begin, end, numbers, voltage, current):
    # unsigned, as an index that might be negative costs a test of its own: 2 ns a neuron instead of 0.5
    for n in range(np.uint64(begin), np.uint64(end)):
        voltage[n] = membrane(voltage[n], current[n], numbers, n)


@njit(nogil=True, cache=True)
def _fire(place, network, neuron, voltage, buffer, recorded):
    """Reset the neurons of a population that are at their threshold, and deliver their spikes."""
    recording, population, step, base = place
    (bounds, rule, _), numbers = neuron
    threshold, channels = numbers[1], network[3][0]
    for n in range(np.uint64(bounds[population]), np.uint64(bounds[population + 1])):
        if voltage[n] >= threshold[n]:
            voltage[n] = 0 if rule[population] == HARD else voltage[n] - threshold[n]
            record_spike(recording, channels + np.int64(n), n, step, recorded)
            _deliver(network, channels + np.int64(n), np.uint64(base), buffer)


@njit(nogil=True, cache=True)
def draws(noise, place):
    """Return whether a population draws in a step of a recording, and where its row starts."""
    recording, population, step = place
    noisy, _, _, drawn, keys, first = noise
    return noisy[population] and drawn, row(keys[population], recording, first + step)


@njit(nogil=True, cache=True)
def level(noise, threshold, start, n, begin):
    """Return what the membrane of neuron n is compared with, in a population that begins at neuron `begin`."""
    return threshold[n] - noise[1][n] * noise[1].dtype.type(logistic(start, np.int64(n) - begin))


@njit(nogil=True, cache=True)
def _fire_by_chance(place, network, neuron, voltage, buffer, recorded):
    """Fire as `_fire` does, at levels that are drawn."""
    recording, population, step, base = place
    (bounds, rule, noise), numbers = neuron
    threshold, channels, begin = numbers[1], network[3][0], bounds[population]
    drawn, start = draws(noise, (recording, population, step))
    for n in range(begin, bounds[population + 1]):
        if voltage[n] >= (level(noise, threshold, start, n, begin) if drawn else threshold[n]):
            lower = 0 if rule[population] == HARD else voltage[n] - threshold[n]
            voltage[n] = lower + noise[2][n]
            record_spike(recording, channels + n, n, step, recorded)
            _deliver(network, channels + n, np.uint64(base), buffer)


@njit(nogil=True, cache=True)
def _one(recording, network, neuron, events, state, recorded):
    (_, neurons, longest, rows), (bounds, rule, noise) = network[3], neuron[0]
    event_step, channel, count, offset, length = events
    voltage, buffer, row = state[0][recording], state[2], 0
    event, end = offset[recording], offset[recording + 1]
    for step in range(length[recording]):
        if row == rows:
            _slide(buffer, row, longest, neurons)
            row = 0
        base = row * neurons
        while event < end and event_step[event] == step:
            _deliver_counted(network, channel[event], np.uint64(base), buffer, count[event])
            event += 1
        for population in range(rule.size):
            begin, stop = bounds[population], bounds[population + 1]
            _integrate(begin, stop, neuron[1], voltage, buffer[base : base + neurons])
            record_membranes(voltage, population, recorded[3][recording] + step, recorded)
            if noise[0][population]:
                _fire_by_chance((recording, population, step, base), network, neuron, voltage, buffer, recorded)
            elif rule[population] != READOUT:
                _fire((recording, population, step, base), network, neuron, voltage, buffer, recorded)
        row += 1
    _slide(buffer, row, longest, neurons)


@njit(nogil=True, cache=True)
def run(which, network, neuron, events, state, recorded):
    """Run the recordings `which` from their voltages and what is pending, and leave both as they are in the end.

    network    first, offset, weight, (channels, neurons, longest delay, rows of the buffer)
    neuron     (bounds, rule, noise) of the populations, numbers; noise: which are noisy, width and back of neurons,
               whether there are draws, a key for each population, the number of the first step
    events     step, channel, count (event,), offset (recording + 1,), length (recording,)
    state      voltage, pending (recording, delay · neuron) or (0, 0) for none, buffer
    recorded   counts, chosen neurons and where each population's begin, trace, first row of each recording in it,
               step and neuron of spikes, room (recording, 2) for them from and to
    """
    pending, buffer = state[1], state[2]
    for recording in which:
        buffer[:] = 0
        if len(pending):
            buffer[: pending.shape[1]] = pending[recording]
        _one(recording, network, neuron, events, state, recorded)
        if len(pending):
            pending[recording] = buffer[: pending.shape[1]]
