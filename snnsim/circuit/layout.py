"""The blocks of a network, and its synapses from explicit lists.

Shapes   lists of synapses: source, target, weight, delay (synapse,)
Units    weights pA · delays steps
"""

from typing import NamedTuple

import numpy as np

from snnsim.kernels.circuit.types import Layout, Synapses
from snnsim.validation import indices, integers, numbers, require

BLOCK_BITS = (6, 11)
"""Binary logarithms of the smallest and largest number of neurons of a block."""
MOST_BLOCKS = 32
"""Number of blocks at which blocks grow, where they may."""
SLOT_BITS = 6
"""Binary logarithm of the longest delay in steps: 64."""


class Lists(NamedTuple):
    """Synapses, one by one."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray


def layout(neurons: int, block_bits: int | None = None) -> Layout:
    """Return the blocks of a network.

    Args:
        neurons: Number of neurons.
        block_bits: Binary logarithm of the number of neurons of a block; None chooses it.
    """
    if block_bits is None:
        block_bits = BLOCK_BITS[0]
        while block_bits < BLOCK_BITS[1] and neurons > MOST_BLOCKS << block_bits:
            block_bits += 1
    require(1 <= block_bits <= 16, f"layout: block_bits must be from 1 to 16, not {block_bits}")
    blocks = -(-neurons >> block_bits) if neurons % (1 << block_bits) == 0 else (neurons >> block_bits) + 1
    return Layout(neurons, blocks, block_bits, SLOT_BITS)


def empty(count: int, blocks: Layout) -> Synapses:
    """Return memory for synapses.

    Args:
        count: Number of synapses.
        blocks: The blocks.
    """
    first = np.zeros(blocks.neurons * blocks.blocks + 1, np.int64)
    first[-1] = count
    return Synapses(first, np.empty(count, np.uint32), np.empty(count, np.float32))


def from_lists(lists: Lists, blocks: Layout) -> Synapses:
    """Return the synapses of lists.

    Args:
        lists: Sources, targets, weights and delays (synapse,).
        blocks: The blocks.

    Raises:
        TypeError: If sources, targets or delays are no integers.
        ValueError: If the lists differ in length, or a value is out of range.
    """
    who, neurons, longest = "from_lists", blocks.neurons, 1 << blocks.slot_bits
    source, target = (
        indices(values, who=who, name=name, size=neurons)
        for name, values in (("source", lists.source), ("target", lists.target))
    )
    weight = numbers(lists.weight, who=who, name="weight", axes=1)
    delay = integers(lists.delay, who=who, name="delay")
    lengths = {len(values) for values in (source, target, weight, delay)}
    require(len(lengths) == 1, f"{who}: lists must have one length, not {sorted(lengths)}")
    ends = (int(delay.min(initial=1)), int(delay.max(initial=1)))
    require(
        ends[0] >= 1 and ends[1] <= longest, f"{who}: delays must be from 1 to {longest} steps, not {ends[0]}, {ends[1]}"
    )
    result = empty(len(source), blocks)
    segment = source * blocks.blocks + (target >> blocks.block_bits)
    place = (delay << blocks.block_bits) + (target & ((1 << blocks.block_bits) - 1))
    order = np.lexsort((place, segment))
    result.place[:], result.weight[:] = place[order], weight[order]
    result.first[:] = np.searchsorted(segment[order], np.arange(len(result.first)))
    return result


def to_lists(synapses: Synapses, blocks: Layout) -> Lists:
    """Return the lists of synapses, in their order.

    Args:
        synapses: The synapses.
        blocks: The blocks.
    """
    segment = np.repeat(np.arange(len(synapses.first) - 1), np.diff(synapses.first))
    source, block = np.divmod(segment, blocks.blocks)
    delay, local = np.divmod(synapses.place.astype(np.int64), 1 << blocks.block_bits)
    return Lists(source, (block << blocks.block_bits) + local, synapses.weight.copy(), delay)
