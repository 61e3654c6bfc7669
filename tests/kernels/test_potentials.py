"""The course of one input is highest at its peak time, and 1 there."""

import numpy as np
import pytest

from snnsim.kernels.plasticity import psp


@pytest.mark.parametrize(("tau", "tau_s"), [(15.0, 3.75), (10.0, 2.5), (20.0, 19.0)])
def test_the_peak_is_one(tau, tau_s):
    time = np.linspace(0, 200, 200_001)
    course = psp.scale(tau, tau_s) * (np.exp(-time / tau) - np.exp(-time / tau_s))
    assert course.max() == pytest.approx(1, abs=1e-6)
    assert time[course.argmax()] == pytest.approx(psp.peak_time(tau, tau_s), abs=2e-3)


def test_a_rise_slower_than_the_fall_is_refused():
    with pytest.raises(ValueError, match=r"tau_s must be positive and shorter than tau; they are 5\.0 and 4\.0"):
        psp.scale(4.0, 5.0)
