import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim import units

positive = st.floats(1e-3, 1e4)


@given(positive, positive)
def test_to_ms_inverts_to_steps(time_ms, time_step_ms):
    assert units.to_ms(units.to_steps(time_ms, time_step_ms), time_step_ms) == pytest.approx(time_ms)


def test_known_times():
    assert units.to_steps(250.0, 10.0) == 25
    assert units.to_ms(3, 0.5) == 1.5


@given(st.floats(1, 1e6))
def test_decays_lie_between_0_and_1_and_meet_for_long_times(tau):
    euler, exact = units.euler_decay(tau), units.exact_decay(tau)
    assert 0 <= euler <= exact < 1
    # exp(−x) = 1 − x + x² / 2 − …
    assert exact - euler <= 0.5 / tau**2 + 1e-12


def test_known_decays():
    # DCLS-Delays on SHD: 10.05 ms in steps of 10 ms
    assert units.euler_decay(units.to_steps(10.05, 10.0)) == pytest.approx(0.004975, abs=1e-6)
    assert units.euler_decay(1.0) == 0
    assert units.exact_decay(1 / math.log(2)) == pytest.approx(0.5)


@pytest.mark.parametrize("time_step_ms", [0.0, -1.0, math.nan])
def test_time_step_must_be_positive(time_step_ms):
    with pytest.raises(ValueError, match="the time step must be longer than 0 ms, not"):
        units.to_steps(1.0, time_step_ms)


@pytest.mark.parametrize("tau", [0.99, 0.0, -2.0, math.nan])
def test_euler_needs_at_least_one_step(tau):
    with pytest.raises(ValueError, match=r"tau must be at least 1 step .* give tau in steps"):
        units.euler_decay(tau)


@pytest.mark.parametrize("tau", [0.0, -2.0, math.nan])
def test_exact_decay_needs_a_positive_time(tau):
    with pytest.raises(ValueError, match="tau must be positive, not"):
        units.exact_decay(tau)


@pytest.mark.parametrize(("time_ms", "step_ms"), [(math.inf, 1.0), (math.nan, 1.0), (1e300, 1e-300), (10**400, 1.0)])
def test_steps_are_finite(time_ms, step_ms):
    with pytest.raises(ValueError, match="to_steps: a time must be a finite number of steps, not"):
        units.to_steps(time_ms, step_ms)
