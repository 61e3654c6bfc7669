"""Rows of numbers of a Program: copied and fixed; and the order of its synapses."""

from typing import Any

import numpy as np

from snnsim.validation import is_whole, require, row

__all__ = ["frozen", "is_whole", "order", "require"]


def frozen(values: Any, dtype: Any, who: str) -> np.ndarray:
    """Return a row of numbers as a copy that cannot be written."""
    array: np.ndarray = row(values, dtype, who).copy()
    array.flags.writeable = False
    return array


def order(*keys: np.ndarray) -> np.ndarray:
    """Return the stable order of synapses by several rows of int64 from 0 on, the first of which counts most."""
    sizes = [int(key.max(initial=0)) + 1 for key in keys]
    if np.prod(sizes, dtype=object) >= 2**63:
        # one number for all of them would overflow
        last: np.ndarray = np.lexsort(keys[::-1])
        return last
    whole = keys[0]
    for key, size in zip(keys[1:], sizes[1:], strict=True):
        whole = whole * size + key
    found: np.ndarray = np.argsort(whole, kind="stable")
    return found
