"""The confidence interval of a mean has its nominal coverage."""

import numpy as np
import pytest

from snnsim.analysis import intervals


def test_coverage_of_normal_values_is_95_percent():
    rng = np.random.default_rng(0)
    ends = np.array([intervals.of_mean(rng.normal(3, 2, 4)) for _ in range(4000)])
    held = ((ends[:, 0] < 3) & (ends[:, 1] > 3)).mean()
    assert abs(held - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 4000)


def test_interval_of_one_value_is_infinite():
    assert intervals.of_mean([0.7]) == (-np.inf, np.inf)
    assert intervals.of_mean([0.7, 0.7]) == (0.7, 0.7)
    with pytest.raises(ValueError, match="one or more; got shape"):
        intervals.of_mean([])
