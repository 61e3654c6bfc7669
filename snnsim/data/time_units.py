"""Units of the times in files, and the steps of a grid before a time."""

import math

IN_MS = {"s": (1000.0, 1.0), "ms": (1.0, 1.0), "us": (1.0, 1000.0), "ns": (1.0, 1e6)}
"""Factor and divisor from a time in these units to milliseconds."""
NEARLY_ONE = 1 - 2.0**-50
"""A factor that takes a quotient of times back to the whole number that it was rounded up from, or below it."""


def steps_before(time_ms: float, time_step_ms: float) -> float:
    """Return the number of steps that begin before a time: a whole number, or infinity for an infinite time.

    Args:
        time_ms: The time.
        time_step_ms: Length of a step.
    """
    steps = time_ms / time_step_ms * NEARLY_ONE
    return steps if math.isinf(steps) else float(math.ceil(steps))
