"""Autocorrelations by their definition; time constants of exponentials and of autoregressive activity."""

import numpy as np
import pytest
from scipy import signal

from snnsim.analysis.delay_memory import delay_memory
from snnsim.analysis.timescales import Fit, autocorrelation, fit, network_timescales

LAGS = np.arange(31.0)


def activity(tau, steps=20_000, units=3, seed=0):
    """Autoregressive activity of order 1, whose autocorrelation is exp(−n/τ)."""
    noise = np.random.default_rng(seed).standard_normal((steps, units))
    return signal.lfilter([1.0], [1.0, -np.exp(-1 / tau)], noise, axis=0)


def test_autocorrelation_follows_the_definition():
    trials = np.random.default_rng(1).random((2, 40, 3))
    centered = trials - trials.mean(1, keepdims=True)
    wanted = np.stack([(centered[:, : 40 - lag] * centered[:, lag:]).sum(1).mean(0) / (40 - lag) for lag in range(6)])
    np.testing.assert_allclose(autocorrelation(trials, 5), wanted / wanted[0], rtol=1e-10)
    np.testing.assert_allclose(autocorrelation(trials[0], 5), autocorrelation(trials[:1], 5))


def test_exact_exponentials_are_found():
    one = fit(0.8 * np.exp(-LAGS / 4), 1)
    assert one.parameters == pytest.approx((0.8, 4.0), rel=1e-6)
    two = fit(0.9 * (0.3 * np.exp(-LAGS / 2) + 0.7 * np.exp(-LAGS / 20)), 2)
    assert two.parameters == pytest.approx((0.9, 0.3, 2.0, 20.0), rel=1e-4)
    assert two.tau == two.parameters[3]


def test_criteria_count_parameters():
    """31 lags with a mean squared residual of 1: the logarithm is 0, and the penalty remains."""
    one, two = Fit((1.0, 2.0), 31.0, 31), Fit((1.0, 0.5, 1.0, 2.0), 31.0, 31)
    assert [fitted.criterion("aic") for fitted in (one, two)] == [4, 8]
    assert two.criterion("bic") == pytest.approx(4 * np.log(31))


@pytest.mark.parametrize("criterion", ["aic", "bic"])
def test_time_constants_of_autoregressive_activity(criterion):
    constants = network_timescales(np.stack([activity(5.0), activity(5.0, seed=2)]), criterion=criterion)
    first = [fit(column, 1).tau for column in autocorrelation(activity(5.0), 30).T]
    assert np.mean(first) == pytest.approx(5.0, rel=0.1)
    assert set(constants.exponentials) <= {1, 2}
    assert constants.silent == 0


def test_two_scales_need_two_exponentials():
    mixed = np.concatenate([activity(1.5), activity(15.0) / 4], 0)[None].reshape(2, 20_000, 3)
    constants = network_timescales(mixed)
    assert (constants.exponentials == 2).all()
    assert (constants.tau > 8).all()


def test_constant_units_are_silent():
    busy = activity(5.0, units=1)
    constants = network_timescales(np.concatenate([busy, np.full_like(busy, 0.3)], 1))
    assert constants.silent == 1
    assert np.isnan(constants.tau[1])
    assert len(constants.resolved()) == 1


def test_wrong_activity_is_named():
    with pytest.raises(ValueError, match=r"of more than 30 steps, not \(30, 2\)"):
        network_timescales(np.ones((30, 2)))
    with pytest.raises(ValueError, match="5 lags or more"):
        fit(np.ones(4), 1)
    with pytest.raises(ValueError, match="exponentials must be"):
        fit(np.ones(9), 3)
    with pytest.raises(ValueError, match="criterion"):
        network_timescales(np.ones((50, 2)), criterion="ic")


def test_delays_are_weighted_by_the_sizes_of_the_weights():
    memory = delay_memory([[1.0, 3.0, 9.0]], [[1.0, -1.0, 0.0], [2.0, 0.0, 0.0]])
    assert memory.longest == 3
    assert memory.mean == pytest.approx((3 * 1 + 1 * 3) / 4)
    assert memory.spread == pytest.approx(np.sqrt((3 * 0.25 + 1 * 2.25) / 4))
    with pytest.raises(ValueError, match="a weight must differ from 0"):
        delay_memory([1.0], [0.0])
    with pytest.raises(ValueError, match="must fit each other"):
        delay_memory([1.0, 2.0], [1.0, 2.0, 3.0])


def test_the_longest_time_constant_is_a_step_or_more():
    decay = np.exp(-np.arange(9.0))
    assert fit(decay, 2, longest_tau=1).tau == pytest.approx(1, abs=1e-3)
    with pytest.raises(ValueError, match=r"fit: longest_tau must be a finite number of at least 1, not 0\.05"):
        fit(decay, 1, longest_tau=0.05)
