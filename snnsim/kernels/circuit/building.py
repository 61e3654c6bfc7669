"""Random connections of a large network: a given number of synapses between each pair of populations.

Each synapse has a uniform source and target, so several may join the same two neurons, and one may join a neuron to
itself. The numbers of synapses of all sources are one multinomial draw; everything else is a function of a counter:

    bits[k] = mix(row(seed, projection, source) + γ (k + 1))    target from the upper 32 bits, delay from the lower 32

A source's synapses are then sorted by delay and target, and get their weights in that order: normal, with the sign of
their mean. A network is the same for any number of threads and blocks.

Shapes   counts (target population, source) · means, deviations, tables (target population, source population, ...)
"""

import math
from typing import NamedTuple

import numpy as np

from snnsim.kernels.circuit.alias import draw
from snnsim.kernels.circuit.types import TARGET_BITS, Layout, Synapses
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
    delays: np.ndarray
    """Tables of delays less one step, see `alias`, uint64 (source population, 64)."""


@subroutine(nogil=True, cache=True)
def _keys(source: int, rules: Rules, keys: np.ndarray) -> None:
    """Draw targets and delays of a source: the number (delay − 1) · 2²⁶ + target of each."""
    population, k = rules.owner[source], 0
    delays = rules.delays[population]
    for target in range(rules.counts.shape[0]):
        start, begin = row(rules.key, target, source), rules.bounds[target]
        size = rules.bounds[target + 1] - begin
        for index in range(rules.counts[target, source]):
            bits = mix(start + GAMMA * (np.uint64(index) + _1))
            post = begin + ((np.int64(bits >> _32) * size) >> 32)
            keys[k] = (draw(bits & _LOW, delays) << TARGET_BITS) + post
            k += 1


@subroutine(nogil=True, cache=True)
def _weights(source: int, rules: Rules, keys: np.ndarray, weight: np.ndarray) -> None:
    """Draw the weights of the sorted synapses of a source: two normal numbers from two uniform ones."""
    population, start = rules.owner[source], row(rules.key, WEIGHTS, source)
    radius, angle = 0.0, 0.0
    for k in range(keys.size):
        if k % 2 == 0:
            radius, angle = math.sqrt(-2 * math.log(uniform(start, k))), 2 * math.pi * uniform(start, k + 1)
        normal = radius * (math.cos(angle) if k % 2 == 0 else math.sin(angle))
        target = rules.owner[np.int64(keys[k]) & (2**TARGET_BITS - 1)]
        mean = rules.mean[target, population]
        drawn = mean + rules.deviation[target, population] * normal
        weight[k] = drawn if drawn * mean > 0 else 0.0


@subroutine(nogil=True, cache=True)
def _source(source: int, layout: Layout, rules: Rules, synapses: Synapses) -> None:
    """Make the synapses of a source."""
    begin, stop = synapses.begin[source], synapses.begin[source + 1]
    keys = np.empty(stop - begin, np.uint32)
    _keys(source, rules, keys)
    keys.sort()
    _weights(source, rules, keys, synapses.weight[begin:stop])
    target, first, segment = synapses.target[begin:stop], synapses.first[source], 0
    for k in range(keys.size):
        block, local = divmod(np.int64(keys[k]) & (2**TARGET_BITS - 1), layout.size)
        target[k] = local
        own = (np.int64(keys[k]) >> TARGET_BITS) * layout.blocks + block
        while segment <= own:
            first[segment] = k
            segment += 1
    first[segment:] = keys.size


@parallel()
def build(layout: Layout, rules: Rules, synapses: Synapses) -> None:
    """Make all synapses.

    Args:
        layout: The blocks.
        rules: The distributions.
        synapses: The memory of the synapses; `begin` has its numbers already.
    """
    for_each(_source, layout.neurons, (layout, rules, synapses))
