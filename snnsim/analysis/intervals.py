"""Confidence interval of 95 % of a mean over seeds.

m ± t s / √n      t: Student's, n − 1 degrees of freedom
"""

import math

import scipy
from numpy.typing import ArrayLike

from snnsim.validation import numbers


def of_mean(values: ArrayLike) -> tuple[float, float]:
    """Return the lower and the upper end of the interval; a single value has an infinite one.

    Args:
        values: Finite numbers (value,).

    Raises:
        TypeError: If the values are no numbers.
        ValueError: If there is no value, or the values have more than one axis.
    """
    array = numbers(values, who="of_mean", name="values")
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"of_mean: values must be (value,), one or more; got shape {array.shape}")
    if len(array) == 1:
        return -math.inf, math.inf
    # not scipy.stats.t.interval, which is NaN for equal values
    half = float(scipy.stats.t.ppf(0.975, len(array) - 1) * array.std(ddof=1) / math.sqrt(len(array)))
    return float(array.mean()) - half, float(array.mean()) + half
