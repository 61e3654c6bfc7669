"""The chaotic series: the integration, its order, the code of spikes, and the windows."""

import math

import numpy as np
import pytest

from snnsim.data.synthetic import mackey_glass
from snnsim.data.synthetic.mackey_glass import BETA, GAMMA, SETTINGS, Recipe


def test_until_the_delay_the_series_is_the_solution_for_a_constant_past():
    setting = SETTINGS[30]
    count = 30 * 75 // setting.lyapunov_time + 1
    time = np.arange(count) * setting.lyapunov_time / 75
    limit = BETA * setting.start / (1 + setting.start**10) / GAMMA
    expected = limit + (setting.start - limit) * np.exp(-GAMMA * time)
    np.testing.assert_allclose(mackey_glass.points(30, count), expected, rtol=1e-9)
    assert time[-1] <= 30
    assert count > 10


def test_no_points_are_an_empty_series():
    assert mackey_glass.points(17, 0).shape == (0,)
    with pytest.raises(ValueError, match="count"):
        mackey_glass.points(17, -1)


@pytest.mark.parametrize("tau", [17, 30])
def test_the_error_falls_with_the_fourth_power_of_the_step(tau):
    """Four delays long: every segment between two multiples of the delay has other derivatives."""
    count = 4 * tau * 75 // SETTINGS[tau].lyapunov_time
    fine = mackey_glass.points(tau, count, steps_per_unit=64)
    errors = [np.abs(mackey_glass.points(tau, count, steps_per_unit=steps) - fine).max() for steps in (2, 4, 8)]
    assert 3.3 < math.log2(errors[0] / errors[1]) < 5
    assert 3.3 < math.log2(errors[1] / errors[2]) < 5
    assert np.abs(mackey_glass.points(tau, count) - fine).max() < 1e-6


@pytest.mark.parametrize("tau", SETTINGS)
def test_all_series_vary_within_the_range_of_the_channels(tau):
    series = mackey_glass.points(tau, 2251)
    assert series.min() > mackey_glass.LOW
    assert series.max() < mackey_glass.HIGH
    assert series[1500:].std() > 0.2


def test_a_later_start_is_a_part_of_the_same_series():
    np.testing.assert_array_equal(mackey_glass.points(20, 40, first=60), mackey_glass.points(20, 100)[60:])


def test_another_delay_is_refused():
    with pytest.raises(ValueError, match="an integer from 17 to 30, not 31"):
        mackey_glass.points(31, 10)


def test_neighboring_channels_fire_around_a_value():
    recipe = Recipe(channels=15, active=3)
    # centers 0.1, 0.2 … 1.5
    assert np.flatnonzero(mackey_glass.raster(np.array(0.71), recipe)).tolist() == [5, 6, 7]
    assert mackey_glass.raster(np.linspace(0.2, 1.4, 200), recipe).sum(-1).max() == 3


def test_a_graded_code_counts_how_near_a_channel_is():
    recipe = Recipe(channels=15, active=4, levels=10)
    # half of the width is 0.2
    assert mackey_glass.raster(np.array(0.72), recipe)[3:9].tolist() == [0, 0, 4, 9, 6, 1]
    assert mackey_glass.raster(np.linspace(0.3, 1.3, 101), recipe).sum(-1).min() >= 18


def test_noise_moves_inputs_and_changes_lead_back_to_the_series():
    series, recipe = mackey_glass.points(17, 301), Recipe(copies=2, window=100, stride=100, warm_up=4)
    raster, change = mackey_glass.windows(series, recipe, np.random.default_rng(0))
    assert raster.shape == (6, 100, 128)
    assert change.shape == (6, 100, 1)
    assert np.isnan(change[:, :4]).all()
    assert not np.isnan(change[:, 4:]).any()
    np.testing.assert_array_equal(raster[1], mackey_glass.raster(series[100:200], recipe))
    np.testing.assert_allclose(change[1, 4:, 0], recipe.gain * np.diff(series[104:201]))
    noisy = series[5:101] - change[3, 4:, 0] / recipe.gain
    assert 0.005 < (noisy - series[4:100]).std() < 0.02
    np.testing.assert_array_equal(raster[3, 4:], mackey_glass.raster(noisy, recipe))


def test_splits_are_parts_of_one_series_without_overlap():
    splits = mackey_glass.make(0, Recipe(copies=2))
    series = mackey_glass.points(17, 2251)
    for split, first in (("train", 0), ("test", 750), ("valid", 1500)):
        change = splits[split].targets["change"].values.reshape(-1, 150)
        windows = [np.diff(series[begin : begin + 151])[25:] for begin in range(first, first + 601, 50)]
        np.testing.assert_allclose(change[: len(windows), 25:], 10 * np.array(windows), rtol=1e-5, atol=1e-6)
    assert [len(splits[split].label) for split in ("train", "valid", "test")] == [26, 13, 13]
