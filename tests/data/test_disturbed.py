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


def left_alone(function, value):
    given = recordings()
    before = [part.copy() for part in (given.time_ms, given.unit, given.offset)]
    made = function(given, value, rng())
    for part, was in zip((given.time_ms, given.unit, given.offset), before, strict=True):
        np.testing.assert_array_equal(part, was)
    assert (made.time_ms.dtype, made.unit.dtype, made.label.tolist()) == (np.float32, np.uint16, [0, 1, 2])
    return given, made


def test_spikes_are_deleted_and_the_others_stay():
    given, made = left_alone(perturb.deleted, 0.3)
    for index in (0, 2):
        kept = len(made.events(index)[0])
        interval = stats.binomtest(kept, SIZES[index]).proportion_ci(0.999)
        assert interval.low < 0.7 < interval.high
        assert set(zip(*made.events(index), strict=True)) <= set(zip(*given.events(index), strict=True))
    everything = perturb.deleted(given, 0.0, rng())
    np.testing.assert_array_equal(everything.time_ms, given.time_ms)
    assert perturb.deleted(given, 1.0, rng()).offset.tolist() == [0, 0, 0, 0]


def test_spikes_are_moved_by_what_is_said():
    given, made = left_alone(perturb.jittered, 15.0)
    validate(made, "jittered")
    np.testing.assert_array_equal(made.offset, given.offset)
    for index in (0, 2):
        ours, theirs = (sorted(zip(*part.events(index)[::-1], strict=True)) for part in (made, given))
        # a channel's spikes, sorted, lie apart by less than their own jitter; what is told is the mean place
        assert [unit for unit, _ in ours] == [unit for unit, _ in theirs]
    alone = [float(perturb.jittered(given, 15.0, np.random.default_rng(s)).events(1)[0][0]) for s in range(400)]
    assert np.std(alone) == pytest.approx(15.0, rel=0.15)
    assert np.mean(alone) == pytest.approx(float(given.events(1)[0][0]), abs=3.5 * 15 / 20)
    assert (perturb.jittered(given, 500.0, rng()).time_ms >= 0).all()


def test_spikes_are_added_anywhere():
    given, made = left_alone(perturb.added, 0.5)
    validate(made, "added")
    for index in (0, 2):
        more = len(made.events(index)[0]) - SIZES[index]
        assert abs(more - SIZES[index] / 2) < 4 * np.sqrt(SIZES[index] / 2)
        assert made.events(index)[0].max() <= given.events(index)[0].max()
    early = made.time_ms[made.time_ms < 40]
    expected = (SIZES[0] + SIZES[2]) / 2 * 40 / 1000
    assert abs(len(early) - expected) < 4 * np.sqrt(expected)
    np.testing.assert_array_equal(perturb.added(given, 0.0, rng()).time_ms, given.time_ms)


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
