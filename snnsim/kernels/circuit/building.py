"""Random connections of a large network: a given number of synapses between each pair of populations.

Each synapse has a uniform source and target, so several may join the same two neurons, and one may join a neuron to
itself. The numbers of synapses of all sources are one multinomial draw; everything else is a function of a counter:

    bits[k] = mix(row(seed, projection, source) + γ (k + 1))    target from the upper 32 bits, delay from the lower 32

A source's synapses are then sorted, and get their weights in that order: normal, with the sign of their mean. A network
is the same for any number of threads.

Shapes   counts (target population, source) · means, deviations, tables (target population, source population, ...)
"""

import math
from typing import NamedTuple

import numpy as np

from snnsim.kernels.circuit.alias import AliasTables, draw
from snnsim.kernels.circuit.types import Layout, Synapses
from snnsim.kernels.common.counter_rng import GAMMA, mix, row, uniform
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel

_LOW, _32, _1 = np.uint64(2**32 - 1), np.uint64(32), np.uint64(1)
WEIGHTS = 255
"""Number of the row of random numbers for weights; targets and delays have those of their target population."""


class Rules(NamedTuple):
    """The distributions of synapses."""

    key: np.uint64
    """Hash of the seed."""
    bounds: np.ndarray
    """First neuron of each population, and the number of neurons, int64 (population + 1,)."""
    owner: np.ndarray
    """Population of each neuron, uint8 (neuron,)."""
    counts: np.ndarray
    """Number of synapses of each source, int64 (target population, source)."""
    mean: np.ndarray
    """Mean weight, float64 (target population, source population)."""
    deviation: np.ndarray
    """Standard deviation of the weight, float64 (target population, source population)."""
    delays: AliasTables
    """Delays less one step, a table for each source population."""


@subroutine(nogil=True, cache=True)
def _keys(source: int, layout: Layout, rules: Rules, keys: np.ndarray) -> None:
    """Draw targets and delays of a source: the number block · slots · 2^b + (delay − 1) · 2^b + target of each."""
    population, bits, k = rules.owner[source], layout.block_bits, 0
    cut, other = rules.delays.cut[population], rules.delays.other[population]
    for target in range(rules.counts.shape[0]):
        start, begin = row(rules.key, target, source), rules.bounds[target]
        size = rules.bounds[target + 1] - begin
        for index in range(rules.counts[target, source]):
            random = mix(start + GAMMA * (np.uint64(index) + _1))
            post = begin + ((np.int64(random >> _32) * size) >> 32)
            later = draw(np.int64(random & _LOW), cut, other)
            block, local = post >> bits, post & ((1 << bits) - 1)
            keys[k] = (((block << layout.slot_bits) + later) << bits) + local
            k += 1


@subroutine(nogil=True, cache=True)
def _weights(source: int, layout: Layout, rules: Rules, keys: np.ndarray, weight: np.ndarray) -> None:
    """Draw the weights of the sorted synapses of a source: two normal numbers from two uniform ones."""
    population, bits = rules.owner[source], layout.block_bits
    start, size = row(rules.key, WEIGHTS, source), (1 << bits) - 1
    radius, angle = 0.0, 0.0
    for k in range(keys.size):
        if k % 2 == 0:
            radius, angle = math.sqrt(-2 * math.log(uniform(start, k))), 2 * math.pi * uniform(start, k + 1)
        normal = radius * (math.cos(angle) if k % 2 == 0 else math.sin(angle))
        post = ((np.int64(keys[k]) >> (bits + layout.slot_bits)) << bits) + (np.int64(keys[k]) & size)
        mean = rules.mean[rules.owner[post], population]
        drawn = mean + rules.deviation[rules.owner[post], population] * normal
        weight[k] = drawn if drawn * mean > 0 else 0.0


@subroutine(nogil=True, cache=True)
def _source(source: int, begin: np.ndarray, layout: Layout, rules: Rules, synapses: Synapses) -> None:
    """Make the synapses of a source."""
    keys = np.empty(begin[source + 1] - begin[source], np.uint32)
    _keys(source, layout, rules, keys)
    keys.sort()
    _weights(source, layout, rules, keys, synapses.weight[begin[source] : begin[source + 1]])
    bits, index = layout.block_bits + layout.slot_bits, begin[source]
    place, first, k = synapses.place, synapses.first, 0
    for block in range(layout.blocks):
        first[source * layout.blocks + block] = index + k
        while k < keys.size and np.int64(keys[k]) >> bits == block:
            place[index + k] = (np.int64(keys[k]) & ((1 << bits) - 1)) + (1 << layout.block_bits)
            k += 1


@parallel()
def build(begin: np.ndarray, layout: Layout, rules: Rules, synapses: Synapses) -> None:
    """Make all synapses.

    Args:
        begin: Number of the first synapse of each source, and that of all synapses, int64 (source + 1,).
        layout: The blocks.
        rules: The distributions.
        synapses: The memory of the synapses; `first` has its last number already.
    """
    for_each(_source, layout.neurons, (begin, layout, rules, synapses))
