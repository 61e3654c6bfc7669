"""The blocks of a network, and its synapses from explicit lists.

Shapes   lists of synapses: source, target, weight, delay (synapse,)
Units    weights pA · delays steps
"""

from typing import NamedTuple

import numpy as np

from snnsim.kernels.circuit.types import DELAYS, Layout, Synapses
from snnsim.validation import indices, integer, integers, numbers, require

_MOST_TARGETS = 2**16


class Lists(NamedTuple):
    """Synapses, one by one."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray


def layout(neurons: int, blocks: int | None = None, threads: int = 1) -> Layout:
    """Return the blocks of a network.

    Args:
        neurons: Number of neurons.
        blocks: Number of blocks; None chooses it.
        threads: Number of threads, each of which needs a block.

    Raises:
        TypeError: If the number of blocks is no integer.
        ValueError: If the blocks are fewer than 1, or too large.
    """
    if blocks is None:
        blocks = max(2, threads, -(-neurons // (_MOST_TARGETS - 2)))
    blocks = integer(blocks, who="layout", name="blocks", at_least=1)
    # pairs of neurons share random numbers
    size = 2 * -(-neurons // (2 * blocks))
    require(
        size <= _MOST_TARGETS, f"layout: a block must have at most {_MOST_TARGETS} neurons, not {size}; use more blocks"
    )
    return Layout(neurons, -(-neurons // size), size)


def empty(begin: np.ndarray, blocks: Layout) -> Synapses:
    """Return memory for synapses.

    Args:
        begin: Number of the first synapse of each source, and that of all synapses, int64 (source + 1,).
        blocks: The blocks.
    """
    count = int(begin[-1])
    first = np.zeros((blocks.neurons, DELAYS * blocks.blocks + 1), np.uint32)
    longest = np.zeros(blocks.neurons, np.uint8)
    return Synapses(begin, first, np.empty(count, np.uint16), np.empty(count, np.float32), longest)


def set_longest(synapses: Synapses, blocks: Layout) -> None:
    """Set the longest delay of each source.

    Args:
        synapses: All synapses and their index.
        blocks: The blocks.
    """
    behind = synapses.first[:, blocks.blocks :: blocks.blocks]
    synapses.longest[:] = np.where(behind[:, -1] > 0, 1 + (behind < behind[:, -1:]).sum(1), 0)


def from_lists(lists: Lists, blocks: Layout) -> Synapses:
    """Return the synapses of lists.

    Args:
        lists: Sources, targets, weights and delays (synapse,).
        blocks: The blocks.

    Raises:
        TypeError: If weights or delays are of another type.
        ValueError: If the lists differ in length, or a value is out of range.
    """
    who, neurons = "from_lists", blocks.neurons
    source, target = (
        indices(values, neurons, who=who, name=name)
        for name, values in (("source", lists.source), ("target", lists.target))
    )
    weight = numbers(lists.weight, who=who, name="weight", axes=1)
    delay = integers(lists.delay, who=who, name="delay")
    lengths = {len(values) for values in (source, target, weight, delay)}
    require(len(lengths) == 1, f"{who}: lists must have one length, not {sorted(lengths)}")
    ends = (int(delay.min(initial=1)), int(delay.max(initial=1)))
    require(
        ends[0] >= 1 and ends[1] <= DELAYS,
        f"{who}: delays must be from 1 to {DELAYS} steps, not {ends[0]} to {ends[1]}",
    )
    order = np.lexsort((target, delay, source))
    source, target, delay = source[order], target[order], delay[order]
    result = empty(np.searchsorted(source, np.arange(neurons + 1)), blocks)
    block, local = np.divmod(target, blocks.size)
    result.target[:], result.weight[:] = local, weight[order]
    row = result.first.shape[1]
    segments = source * row + (delay - 1) * blocks.blocks + block
    firsts = np.searchsorted(segments, np.arange(result.first.size)).reshape(result.first.shape)
    result.first[:] = firsts - result.begin[:-1, None]
    return result


def to_lists(synapses: Synapses, blocks: Layout) -> Lists:
    """Return the lists of synapses, in their order.

    Args:
        synapses: The synapses.
        blocks: The blocks.
    """
    source, segment = np.divmod(np.arange(blocks.neurons * DELAYS * blocks.blocks), DELAYS * blocks.blocks)
    counts = np.diff(synapses.first.astype(np.int64), axis=1).ravel()
    source, segment = np.repeat(source, counts), np.repeat(segment, counts)
    delay, block = np.divmod(segment, blocks.blocks)
    return Lists(source, block * blocks.size + synapses.target, synapses.weight.copy(), delay + 1)
