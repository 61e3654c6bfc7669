"""Random numbers of any distribution over 0 to 63 by one look into a table: Walker's alias method.

    column = the highest 6 of 32 random bits;  value = column if the other 26 bits < cut[column], else other[column]

An entry is one integer, 64 cut + other. All are unsigned: compiled code need not ask whether an index is negative.

Shapes   tables uint64 (table, 64)
Source   Walker 1977, ACM TOMS 3:253; tables by Vose 1991, IEEE TSE 17:972
Exact    up to 2⁻³³ in each probability
"""

import numpy as np

from snnsim.kernels.common.jit import njit

COLUMN_BITS, CUT_BITS = 6, 26
COLUMNS = 2**COLUMN_BITS
"""Number of values: 0 to 63."""
_COLUMN, _CUT = np.uint64(COLUMN_BITS), np.uint64(CUT_BITS)
_VALUES, _REST = np.uint64(COLUMNS - 1), np.uint64(2**CUT_BITS - 1)


def tables(probabilities: np.ndarray) -> np.ndarray:
    """Return the tables of distributions, uint64 (table, 64).

    Args:
        probabilities: Probabilities of the values, float64 (table, 64), whose sums are 1.
    """
    return np.stack([_table(row) for row in probabilities])


def _table(probabilities: np.ndarray) -> np.ndarray:
    share, other = probabilities * COLUMNS, np.arange(COLUMNS)
    small, large = [list(np.flatnonzero(which)) for which in (share < 1, share >= 1)]
    while small and large:
        low, high = small.pop(), large.pop()
        other[low] = high
        share[high] -= 1 - share[low]
        (small if share[high] < 1 else large).append(high)
    # what rounding has left in either list is a full column
    share[[*small, *large]] = 1
    cut = np.rint(share * 2**CUT_BITS).astype(np.int64)
    entries: np.ndarray = (cut * COLUMNS + other).astype(np.uint64)
    return entries


@njit(cache=True)
def draw(bits: np.uint64, table: np.ndarray) -> np.int64:
    """Return a value of a distribution.

    Args:
        bits: Random integer below 2³².
        table: Table of the distribution, uint64 (64,).
    """
    column = bits >> _CUT
    entry = table[column]
    return np.int64(column if (bits & _REST) < (entry >> _COLUMN) else entry & _VALUES)
