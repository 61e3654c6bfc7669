"""Arrays of a Program: read-only copies, the order of synapses, and ranks within equal keys."""

from typing import Any

import numpy as np

from snnsim.validation import row

__all__ = ["frozen", "order", "rank_within"]


def frozen(values: Any, dtype: Any, who: str) -> np.ndarray:
    """Return numbers as a read-only copy of a type.

    Args:
        values: The numbers (number,).
        dtype: The type of the copy, of NumPy.
        who: Name of the array, for messages, such as "population 'a': decay".

    Raises:
        ValueError: If the values are no row of numbers, or the type does not hold them.
    """
    array = row(values, dtype, who).copy()
    array.flags.writeable = False
    return array


def order(*keys: np.ndarray) -> np.ndarray:
    """Return the stable ascending order of synapses by several keys, the first key first.

    Args:
        keys: Rows of int64 of at least 0 (synapse,).
    """
    sizes = [int(key.max(initial=0)) + 1 for key in keys]
    if np.prod(sizes, dtype=object) >= 2**63:
        # a single number that combines the keys would overflow
        lexicographic: np.ndarray = np.lexsort(keys[::-1])
        return lexicographic
    # one sort of combined numbers is several times faster than a sort by each key
    combined = keys[0]
    for key, size in zip(keys[1:], sizes[1:], strict=True):
        combined = combined * size + key
    return np.argsort(combined, kind="stable")


def rank_within(*keys: np.ndarray) -> np.ndarray:
    """Return the number of earlier elements with the same keys, for each element.

    The rank of a synapse among those of its pair of neurons, for instance, is `rank_within(pre, post)`.

    Args:
        keys: Rows of int64 of at least 0 (element,).

    Returns:
        int64 (element,), from 0.
    """
    position = order(*keys)
    index = np.arange(len(position))
    first = np.zeros(len(position), bool)
    first[:1] = True
    for key in keys:
        first[1:] |= key[position][1:] != key[position][:-1]
    rank = np.empty(len(position), np.int64)
    rank[position] = index - np.maximum.accumulate(np.where(first, index, 0))
    return rank
