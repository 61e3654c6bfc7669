"""The loop over steps of a large network, in parallel over blocks of neurons.

A step of a block: add up the weights that arrive; add the Poisson drive; compute the neurons, and list those that fire.
One parallel loop per step is enough, as no delay is shorter than a step. The spikes are the same for any number of
threads and blocks.

Source   order of a step: iaf_psc_exp of NEST, exact integration by Rotter and Diesmann 1999, Biol. Cybern. 81:381
"""

import numpy as np

from snnsim.kernels.circuit.alias import draw
from snnsim.kernels.circuit.types import Drive, Layout, Network, Neurons, Recorder, State, Synapses
from snnsim.kernels.common.counter_rng import GAMMA, mix, row
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.prefetch import prefetch_line
from snnsim.kernels.common.threads import parallel

LEAST = 1e-200
"""Currents in pA at or below this number decay to 0."""
LINE = 32
"""Targets in a cache line."""
AHEAD = 8
"""Number of spikes whose synapses are loaded ahead."""
_LOW, _32, _1 = np.uint64(2**32 - 1), np.uint64(32), np.uint64(1)


@subroutine(nogil=True, cache=True)
def _deliver(block: int, step: int, blocks: int, synapses: Synapses, state: State, arriving: np.ndarray) -> None:
    """Add up the weights that arrive in a block."""
    begin, first, target, weight = synapses.begin, synapses.first, synapses.target, synapses.weight
    recent, when = state.recent[: state.total[0]], state.when[: state.total[0]]
    row, index_of = first.shape[1], first.reshape(-1)
    shift = (step - 1) * blocks + block
    for index in range(-2 * AHEAD, recent.size):
        # synapses lie far apart: their numbers and then themselves are on their way while others are added
        if index + 2 * AHEAD < recent.size:
            prefetch_line(index_of, recent[index + 2 * AHEAD] * row + shift - when[index + 2 * AHEAD] * blocks)
        if 0 <= index + AHEAD < recent.size:
            source = recent[index + AHEAD]
            segment = source * row + shift - when[index + AHEAD] * blocks
            start, stop = begin[source] + index_of[segment], begin[source] + index_of[segment + 1]
            for k in range(start, stop, LINE):
                prefetch_line(target, k)
                prefetch_line(weight, k)
                prefetch_line(weight, k + LINE // 2)
        if index >= 0:
            source = recent[index]
            segment = source * row + shift - when[index] * blocks
            start, stop = begin[source] + index_of[segment], begin[source] + index_of[segment + 1]
            for k in range(start, stop):
                arriving[target[k]] += weight[k]


@subroutine(nogil=True, cache=True)
def _spikes(n: int, start: np.uint64, table: np.ndarray) -> np.int64:
    """Return the number of Poisson spikes of a neuron: two neurons share 64 random bits."""
    bits = mix(start + GAMMA * (np.uint64(n >> 1) + _1))
    return draw(bits & _LOW if n & 1 else bits >> _32, table)


@subroutine(nogil=True, cache=True)
def _drive(begin: int, stop: int, step: int, drive: Drive, arriving: np.ndarray, random: np.ndarray) -> None:
    """Add Poisson spikes to what arrives in this step."""
    start = row(drive.key, 0, step)
    for population in range(drive.weight.size):
        low, high = max(begin, drive.bounds[population]), min(stop, drive.bounds[population + 1])
        weight, table = drive.weight[population], drive.counts[population]
        # populations may begin and end between the neurons of a pair
        if low < high and low & 1:
            arriving[low - begin] += weight * _spikes(low, start, table)
            low += 1
        if low < high and high & 1:
            high -= 1
            arriving[high - begin] += weight * _spikes(high, start, table)
        if low < high:
            first, pairs = np.uint64(low >> 1) + _1, (high - low) >> 1
            # two loops, of which the first one has vector registers
            for k in range(pairs):
                random[k] = mix(start + GAMMA * (first + np.uint64(k)))
            part = arriving[low - begin : high - begin]
            for k in range(pairs):
                part[2 * k] += weight * draw(random[k] >> _32, table)
                part[2 * k + 1] += weight * draw(random[k] & _LOW, table)


@subroutine(nogil=True, cache=True)
def _compute(begin: int, stop: int, neurons: Neurons, state: State, arriving: np.ndarray) -> None:
    """Compute voltages and currents of a block, and forget what has arrived."""
    voltage, current, waiting = state.voltage[begin:stop], state.current[begin:stop], state.waiting[begin:stop]
    constant, p11, p21, p22 = neurons.constant[begin:stop], neurons.p11, neurons.p21, neurons.p22
    for n in range(stop - begin):
        u, i, left = voltage[n], current[n], waiting[n]
        free = p22 * u + p21 * i + constant[n]
        voltage[n] = u if left > 0 else free
        waiting[n] = max(left - 1, 0)
        # numbers near the least float are slow, and too small to change a voltage
        i = p11 * i if abs(i) > LEAST else 0.0
        current[n] = i + arriving[n]
        arriving[n] = 0.0


@subroutine(nogil=True, cache=True)
def _fire(block: int, begin: int, stop: int, neurons: Neurons, state: State) -> None:
    """List the neurons of a block at their threshold, and reset them."""
    voltage, fired, threshold, listed = state.voltage, state.fired, neurons.threshold, begin
    for n in range(begin, stop):
        if voltage[n] >= threshold:
            voltage[n] = neurons.reset
            state.waiting[n] = neurons.refractory
            fired[listed] = n
            listed += 1
    state.listed[block] = listed - begin


@subroutine(nogil=True, cache=True)
def _block(job: int, order: np.ndarray, step: int, network: Network, state: State) -> None:
    """Compute a step of one block."""
    layout, block = network.layout, order[job]
    begin, stop = block * layout.size, min((block + 1) * layout.size, layout.neurons)
    arriving = state.arriving[begin:stop]
    _deliver(block, step, layout.blocks, network.synapses, state, arriving)
    if network.drive.present:
        _drive(begin, stop, step, network.drive, arriving, state.random[begin >> 1 : (stop + 1) >> 1])
    _compute(begin, stop, network.neurons, state, arriving)
    _fire(block, begin, stop, network.neurons, state)


@subroutine(nogil=True, cache=True)
def _remember(step: int, layout: Layout, longest: np.ndarray, state: State) -> int:
    """Forget spikes that have arrived everywhere, and add those of this step; return the number of the latter."""
    recent, when, total = state.recent, state.when, 0
    for index in range(state.total[0]):
        source = recent[index]
        if when[index] + longest[source] > step:
            recent[total], when[total] = source, when[index]
            total += 1
    count = total
    for block in range(layout.blocks):
        begin = block * layout.size
        for index in range(begin, begin + state.listed[block]):
            recent[total], when[total] = state.fired[index], step
            total += 1
    state.total[0] = total
    fired: int = total - count
    return fired


@parallel()
def run(first: int, order: np.ndarray, network: Network, state: State, recorder: Recorder) -> None:
    """Run steps from a state, and leave the state after the last one.

    Args:
        first: Number of the first step, 0 or more.
        order: The blocks in the order in which threads share them out, int64 (block,).
        network: The network.
        state: The state, which changes.
        recorder: Memory for the spikes of all steps, with room for all spikes that refractory neurons can fire.
    """
    recorded = 0
    for index in range(recorder.until.size):
        for_each(_block, order.size, (order, first + index, network, state))
        count, total = _remember(first + index, network.layout, network.synapses.longest, state), state.total[0]
        recorder.neuron[recorded : recorded + count] = state.recent[total - count : total]
        recorded += count
        recorder.until[index] = recorded
