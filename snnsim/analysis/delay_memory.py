"""How far back connections with delays reach.

    mean     m = Σ |w| d / Σ |w|
    spread   √(Σ |w| (d − m)² / Σ |w|)

Shapes   d, w of one shape, or of shapes that broadcast
Units    as the delays
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from snnsim.validation import numbers


class DelayMemory(NamedTuple):
    """Delays of a connection, weighted by the sizes of the weights."""

    longest: float
    """Longest delay of a weight that is not 0."""
    mean: float
    spread: float
    """Standard deviation."""


def delay_memory(delay: ArrayLike, weight: ArrayLike) -> DelayMemory:
    """Return how far back the delays of a connection reach, and how far they are spread.

    Args:
        delay: Delays, (target, source, tap) or any shape that broadcasts.
        weight: Weights, whose sizes count.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If the shapes do not fit each other, or all weights are 0.
    """
    d, w = numbers(delay, who="delay_memory", name="delay"), numbers(weight, who="delay_memory", name="weight")
    try:
        d, size = np.broadcast_arrays(d, np.abs(w))
    except ValueError as error:
        raise ValueError(
            f"delay_memory: delay and weight must fit each other, not be {d.shape} and {w.shape}"
        ) from error
    total = float(size.sum())
    if not total > 0:
        raise ValueError("delay_memory: a weight must differ from 0, and none does; nothing reaches back")
    mean = float((size * d).sum()) / total
    spread = float(np.sqrt((size * (d - mean) ** 2).sum() / total))
    return DelayMemory(float(d[size > 0].max()), mean, spread)
