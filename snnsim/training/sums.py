"""Sums of metrics: of batches, of processes, and in checkpoints."""

import numpy as np

from snnsim.learning.tasks.protocols import Sums
from snnsim.metrics.protocols import added as of_two


def added(before: Sums, more: Sums) -> Sums:
    """Return the sums of two parts of the recordings; no parts are the sums of no recording.

    Args:
        before: Sums of one part, or none.
        more: Sums of the other part.
    """
    if not before:
        return more
    return tuple(of_two(one, other) for one, other in zip(before, more, strict=True))


def split(joined: np.ndarray, like: Sums) -> Sums:
    """Return joined sums as those of each head.

    Args:
        joined: The sums of all heads (sum,).
        like: Sums of the same sizes.
    """
    ends = np.cumsum([len(part) for part in like])[:-1]
    return tuple(np.split(joined, ends))


def of_lists(values: list[list[float]]) -> Sums:
    """Return the sums of a checkpoint.

    Args:
        values: Sums of each head as lists.
    """
    return tuple(np.array(part, np.float64) for part in values)
