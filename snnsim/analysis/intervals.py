"""Intervals of 95 %: of a share, and of a mean over seeds.

    share   (p̂ + z²/2n ± z √(p̂ (1 − p̂)/n + z²/4n²)) / (1 + z²/n)      Wilson's, from k hits of n
    mean    m ± t s / √n                                               t: Student's, n − 1 degrees of freedom

Source   Wilson 1927, J. Am. Stat. Assoc. 22:209
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def of_share(hits: int, total: int) -> tuple[float, float]:
    """Return the lower and upper end for a share of hits."""
    if not 0 <= hits <= total or total == 0:
        raise ValueError(f"of_share: there must be hits of a total of 1 or more; got {hits} of {total}")
    found = stats.binomtest(hits, total).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def of_mean(values: ArrayLike) -> tuple[float, float]:
    """Return the lower and upper end for the mean of values (value,); without bound for a single one."""
    found = np.asarray(values, float)
    if found.ndim != 1 or len(found) == 0:
        raise ValueError(f"of_mean: values must be (value,), one or more; got shape {found.shape}")
    if len(found) == 1:
        return -math.inf, math.inf
    half = float(stats.t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / math.sqrt(len(found)))
    return float(found.mean()) - half, float(found.mean()) + half
