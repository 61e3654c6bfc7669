"""Random numbers of any distribution over 0 to 63 by one look into a table: Walker's alias method.

    column = the highest 6 of 32 random bits;  value = column if the other 26 bits < cut[column], else other[column]

Shapes   cut, other (table, 64)
Source   Walker 1977, ACM TOMS 3:253; tables by Vose 1991, IEEE TSE 17:972
Exact    up to 2⁻³³ in each probability
"""

from typing import Any, NamedTuple

import numpy as np

from snnsim.kernels.common.jit import njit

COLUMN_BITS, CUT_BITS = 6, 26
COLUMNS = 2**COLUMN_BITS
"""Number of values: 0 to 63."""


class AliasTables(NamedTuple):
    """Tables of several distributions."""

    cut: np.ndarray
    """int64 (table, column)."""
    other: np.ndarray
    """int64 (table, column)."""


def tables(probabilities: np.ndarray) -> AliasTables:
    """Return the tables of distributions.

    Args:
        probabilities: Probabilities of the values, float64 (table, 64), whose sums are 1.
    """
    pairs = [_table(row) for row in probabilities]
    return AliasTables(np.stack([cut for cut, _ in pairs]), np.stack([other for _, other in pairs]))


def _table(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    share, other = probabilities * COLUMNS, np.arange(COLUMNS)
    small, large = [list(np.flatnonzero(which)) for which in (share < 1, share >= 1)]
    while small and large:
        low, high = small.pop(), large.pop()
        other[low] = high
        share[high] -= 1 - share[low]
        (small if share[high] < 1 else large).append(high)
    # what rounding has left in either list is a full column
    share[[*small, *large]] = 1
    return np.rint(share * 2**CUT_BITS).astype(np.int64), other


@njit(cache=True)
def draw(bits: int | np.int64, cut: np.ndarray, other: np.ndarray) -> int:
    """Return a value of a distribution.

    Args:
        bits: Random integer of 32 bits.
        cut: Row of the table, int64 (64,).
        other: Row of the table, int64 (64,).
    """
    column = bits >> CUT_BITS
    value: Any = column if (bits & (2**CUT_BITS - 1)) < cut[column] else other[column]
    return int(value)
