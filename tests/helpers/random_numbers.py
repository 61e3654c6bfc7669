"""Checks of random numbers."""

import math

import numpy as np
import pytest


def assert_uniform(values, low, high):
    """Mean and deviation of uniform numbers within five standard errors, and the range nearly filled."""
    values = np.asarray(values, float)
    spread = (high - low) / math.sqrt(12)
    assert values.min() >= low - 1e-9
    assert values.max() <= high + 1e-9
    assert abs(values.mean() - (low + high) / 2) < 5 * spread / math.sqrt(len(values))
    assert values.std() == pytest.approx(spread, rel=0.06)
