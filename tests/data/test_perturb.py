from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from snnsim.data import perturb
from snnsim.data.recordings import Recordings, validate

SIZES = [4000, 1, 6000]


def recordings():
    rng = np.random.default_rng(0)
    time = np.concatenate([np.sort(rng.uniform(50, 1000, size)) for size in SIZES]).astype(np.float32)
    unit = rng.integers(0, 70, len(time)).astype(np.uint16)
    offset = np.concatenate([[0], np.cumsum(SIZES)])
    return Recordings(time, unit, offset, np.arange(3), np.full(3, -1), ("a", "b", "c"), units=70)


def rng():
    return np.random.default_rng(1)


def perturbed(function, value):
    original = recordings()
    before = [each.copy() for each in (original.time_ms, original.unit, original.offset)]
    changed = function(original, value, rng())
    for each, copy in zip((original.time_ms, original.unit, original.offset), before, strict=True):
        np.testing.assert_array_equal(each, copy)
    assert (changed.time_ms.dtype, changed.unit.dtype, changed.label.tolist()) == (np.float32, np.uint16, [0, 1, 2])
    return original, changed


def test_deleted_spikes_have_their_share_and_the_others_stay():
    original, changed = perturbed(perturb.deleted, 0.3)
    for index in (0, 2):
        remaining = len(changed.events(index)[0])
        interval = stats.binomtest(remaining, SIZES[index]).proportion_ci(0.999)
        assert interval.low < 0.7 < interval.high
        assert set(zip(*changed.events(index), strict=True)) <= set(zip(*original.events(index), strict=True))
    everything = perturb.deleted(original, 0.0, rng())
    np.testing.assert_array_equal(everything.time_ms, original.time_ms)
    assert perturb.deleted(original, 1.0, rng()).offset.tolist() == [0, 0, 0, 0]


def test_spikes_move_by_the_standard_deviation():
    original, changed = perturbed(perturb.jittered, 15.0)
    validate(changed, "jittered")
    np.testing.assert_array_equal(changed.offset, original.offset)
    for index in (0, 2):
        ours, theirs = (sorted(zip(*each.events(index)[::-1], strict=True)) for each in (changed, original))
        # the order of spikes changes, so only the channels are compared
        assert [unit for unit, _ in ours] == [unit for unit, _ in theirs]
    alone = [float(perturb.jittered(original, 15.0, np.random.default_rng(s)).events(1)[0][0]) for s in range(400)]
    assert np.std(alone) == pytest.approx(15.0, rel=0.15)
    assert np.mean(alone) == pytest.approx(float(original.events(1)[0][0]), abs=3.5 * 15 / 20)
    assert (perturb.jittered(original, 500.0, rng()).time_ms >= 0).all()


def test_added_spikes_are_uniform_in_time():
    original, changed = perturbed(perturb.added, 0.5)
    validate(changed, "added")
    for index in (0, 2):
        additional = len(changed.events(index)[0]) - SIZES[index]
        assert abs(additional - SIZES[index] / 2) < 4 * np.sqrt(SIZES[index] / 2)
        assert changed.events(index)[0].max() <= original.events(index)[0].max()
    early = changed.time_ms[changed.time_ms < 40]
    expected = (SIZES[0] + SIZES[2]) / 2 * 40 / 1000
    assert abs(len(early) - expected) < 4 * np.sqrt(expected)
    np.testing.assert_array_equal(perturb.added(original, 0.0, rng()).time_ms, original.time_ms)


@pytest.mark.parametrize(
    ("function", "value", "message"),
    [
        (perturb.deleted, 1.5, "deleted: share must be from 0 to 1, not 1.5"),
        (perturb.jittered, -1.0, "jittered: spread_ms must be 0 or more, not -1.0"),
        (perturb.added, -0.1, "added: share must be 0 or more, not -0.1"),
    ],
)
def test_values_are_checked(function, value, message):
    with pytest.raises(ValueError, match=message):
        function(recordings(), value, rng())


def test_added_spikes_lie_in_channels_that_the_type_of_the_others_does_not_hold():
    original = replace(recordings(), units=150_000)
    added = perturb.added(original, 1.0, rng())
    validate(added, "added")
    assert added.unit.max() > 130_000


def test_whole_numbers_of_milliseconds_are_jittered_by_fractions():
    original = recordings()
    original = replace(original, time_ms=original.time_ms.astype(np.int64))
    moved = perturb.jittered(original, 0.1, rng()).time_ms
    assert stats.kstest((moved - np.round(moved)) / 0.1, "norm").pvalue > 1e-3
