"""The interval of a mean holds it as often as it says."""

import numpy as np
import pytest

from snnsim.analysis import intervals


def test_holds_the_mean_of_normal_values_in_95_percent():
    rng = np.random.default_rng(0)
    found = np.array([intervals.of_mean(rng.normal(3, 2, 4)) for _ in range(4000)])
    held = ((found[:, 0] < 3) & (found[:, 1] > 3)).mean()
    assert abs(held - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 4000)


def test_one_value_says_nothing_of_its_spread():
    assert intervals.of_mean([0.7]) == (-np.inf, np.inf)
    assert intervals.of_mean([0.7, 0.7]) == (0.7, 0.7)
    with pytest.raises(ValueError, match="one or more; got shape"):
        intervals.of_mean([])
