"""Warps of channels and of time: random curves, linear between knots."""

import math

import numpy as np

from helpers.random_numbers import assert_uniform
from helpers.recordings import random_recordings, spikes
from snnsim.data.augment import ChannelWarp, TimeWarp
from snnsim.data.augment import augment as changed
from snnsim.data.recordings import Recordings


def test_a_channel_warp_is_a_line_between_knots():
    count, units = 40, 701
    every = Recordings(
        time_ms=np.tile(np.arange(units, dtype=float), count),
        unit=np.tile(np.arange(units), count),
        offset=np.arange(count + 1) * units,
        label=np.zeros(count, int),
        speaker=np.zeros(count, int),
        classes=("a",),
        units=units,
    )
    at_knots = []
    for new in spikes(changed(every, [ChannelWarp(knots=8, most=30)], seed=0)):
        # every channel had a spike of its own time
        shift = {int(time): unit - int(time) for time, unit in new}
        knots = np.arange(0, units, 100)
        inner = [shift[knot] for knot in knots[1:-1]]
        at_knots += inner
        # the curve between the inner knots, whose shifts are rounded
        line = np.interp(np.arange(100, 601), knots[1:-1], inner)
        np.testing.assert_allclose([shift[unit] for unit in range(100, 601)], line, atol=1.01)
        assert all(abs(value) <= 30 for value in shift.values())
        # knots are farther apart than twice the largest shift
        assert np.all(np.diff([unit + shift[unit] for unit in sorted(shift)]) >= 0)
    assert_uniform(at_knots, -30.5, 30.5)


def test_a_time_warp_multiplies_every_part_by_a_factor_of_its_own():
    times = np.linspace(0, 800, 81)
    recordings = Recordings(
        time_ms=np.tile(times, 300),
        unit=np.zeros(81 * 300, int),
        offset=np.arange(301) * 81,
        label=np.zeros(300, int),
        speaker=np.zeros(300, int),
        classes=("a",),
    )
    result = changed(recordings, [TimeWarp(parts=4, most=1.3)], seed=0)
    steps = np.diff(result.time_ms.reshape(300, 81), axis=1).reshape(300, 4, 20) / 10
    np.testing.assert_allclose(steps, np.broadcast_to(steps[..., :1], steps.shape), rtol=1e-9)
    factors = np.log(steps[..., 0])
    assert_uniform(factors.ravel(), -math.log(1.3), math.log(1.3))
    # the factors of a recording are independent
    assert np.abs(np.corrcoef(factors.T) - np.eye(4)).max() < 0.25


def test_a_recording_without_spikes_is_not_warped():
    result = changed(random_recordings(0, [0, 5]), [TimeWarp(), ChannelWarp()], seed=0)
    assert result.offset[1] == 0
