"""The interval of 95 % of a mean over seeds.

m ± t s / √n      t: Student's, n − 1 degrees of freedom
"""

import math

from numpy.typing import ArrayLike
from scipy import stats

from snnsim.validation import numbers


def of_mean(values: ArrayLike) -> tuple[float, float]:
    """Return the lower and upper end for the mean of values (value,); without bound for a single one."""
    found = numbers(values, who="of_mean", name="values")
    if found.ndim != 1 or len(found) == 0:
        raise ValueError(f"of_mean: values must be (value,), one or more; got shape {found.shape}")
    if len(found) == 1:
        return -math.inf, math.inf
    half = float(stats.t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / math.sqrt(len(found)))
    return float(found.mean()) - half, float(found.mean()) + half
