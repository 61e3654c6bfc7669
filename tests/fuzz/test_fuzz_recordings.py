"""Recordings of any arrays, indices and grids: refused, or binned, chosen, written and read as plain loops do it."""

from itertools import pairwise

import numpy as np
import pytest

from helpers.fuzzing import cases
from snnsim.data import binning, heidelberg
from snnsim.data.recordings import Recordings

FIELDS = ("time_ms", "unit", "offset", "label", "speaker")
ODD = [-1, 2**16, 2**31, 2**40, -(2**63), 2**63 - 1, 200]
ODD_REAL = [np.nan, np.inf, -np.inf, -1.0, 1e300, 65505.0, 1e7]


def good(draw):
    """Recordings whose times are quarters of a ms, so that float steps of 0.25, 0.5, 1 and 10 ms are exact."""
    sizes = draw.integers(0, 12, draw.integers(1, 5))
    units = int(draw.choice([1, 4, 12, 700, 70_000]))
    kind = draw.choice([np.float16, np.float32, np.float64])
    rows = [np.sort(draw.integers(0, 400, size)) / 4 for size in sizes]
    return Recordings(
        time_ms=np.concatenate(rows).astype(kind),
        unit=draw.integers(0, units, sizes.sum()).astype(draw.choice([np.uint32, np.int64, np.int32])),
        offset=np.concatenate([[0], np.cumsum(sizes)]),
        label=draw.integers(0, 3, len(sizes)),
        speaker=draw.integers(-1, 4, len(sizes)),
        classes=("a", "b", "c"),
        units=units,
    )


def odd(array, draw):
    """Put a number that makes no sense into the array."""
    array = array.copy()
    if array.size:
        info = np.finfo(array.dtype) if array.dtype.kind == "f" else np.iinfo(array.dtype)
        fits = [each for each in (ODD_REAL if array.dtype.kind == "f" else ODD) if not abs(each) > info.max]
        array[draw.integers(array.size)] = draw.choice(np.array(fits, array.dtype))
    return array


TYPES = ["f2", "f8", "U5", "O", "?", "c8", "u8", "i1", "M8[s]"]
CHANGES = (
    odd,
    lambda array, draw: array[: draw.integers(0, array.size + 1)],
    lambda array, _: array[::-1],
    lambda array, draw: array.astype(draw.choice(TYPES), casting="unsafe"),
    lambda array, _: array.reshape(-1, 1),
    lambda _, draw: (None, 3, "x")[draw.integers(3)],
    lambda array, _: array.tolist(),
    lambda array, draw: draw.permutation(array),
)


def altered(recordings, draw):
    """The same with something of it changed."""
    values = dict(vars(recordings))
    for name in draw.choice(FIELDS, draw.integers(0, 3), replace=False):
        values[name] = CHANGES[draw.integers(len(CHANGES))](values[name], draw)
    if draw.random() < 0.1:
        values["units"] = draw.choice(np.array([0, -1, 1, 2**40, 0.5, None, "7"], object))
    return Recordings(**values)


def usual(good, wrong, draw):
    """Return a good value most of the time."""
    values = wrong if draw.random() < 0.05 else good
    return values[draw.integers(len(values))]


def plain(recordings, time_step_ms, channels, max_time_ms):
    """Frames of every recording, and what was left out, in plain loops."""
    limit, dropped, frames = np.inf if max_time_ms is None else max_time_ms, 0, []
    time, unit, offset = (np.asarray(getattr(recordings, name)) for name in FIELDS[:3])
    for first, last in pairwise(offset):
        step = [int(float(each) // time_step_ms) for each in time[first:last] if each < limit]
        dropped += int(last - first) - len(step)
        frame = np.zeros((max(step, default=0) + 1, channels))
        for number, each in zip(step, unit[first:last], strict=False):
            frame[number, int(each) // (recordings.units // channels)] += 1
        frames.append(frame)
    return frames, dropped


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning", "ignore:invalid value", "ignore:overflow")
def test_any_recordings_are_binned_as_loops_do_it_or_refused(tally):
    draw = np.random.default_rng(0)
    for _ in range(cases(400)):
        with np.errstate(all="ignore"):
            try:
                recordings = altered(good(draw), draw)
            except (ValueError, TypeError, OverflowError):
                # this array has no such type
                continue
        fits = [
            number for number in (1, 2, 4, 12) if isinstance(recordings.units, int) and recordings.units % number == 0
        ]
        grid = {
            "time_step_ms": usual([0.25, 0.5, 1.0, 10.0, 10], [0, -1.0, np.nan, np.inf, "1", None], draw),
            "channels": usual(fits or [1], [0, 3, -1, 2**40, 1.0, None], draw),
            "max_time_ms": usual([None, 0.25, 20.0, 1e9, np.inf], [0, np.nan, "x"], draw),
        }
        binned = tally.call(
            lambda recordings=recordings, grid=grid: binning.bin_events(recordings, **grid), case=(recordings, grid)
        )
        if binned is None:
            continue
        frames, dropped = plain(recordings, **grid)
        assert binned.dropped == dropped
        binned_ok = binned.label.size and binned.label.min() >= 0 and binned.label.max() < 3
        if binned_ok:
            binned.check("fuzz")
        _check_indices(binned, frames, draw, tally)


def _check_indices(binned, frames, draw, tally):
    chosen = draw.choice(np.array([-9, -2, -1, 0, 1, 2, 9]), draw.integers(0, 4))
    kind = draw.choice(["i8", "u1", "f8", "?", "O"])
    chosen = chosen.astype(kind)
    got = tally.call(lambda: binned.dense(chosen), case=(binned, chosen))
    other = tally.call(lambda: binned.select(chosen), case=(binned, chosen))
    assert (got is None) == (other is None)
    if got is None:
        return
    index = np.arange(len(frames))[chosen if chosen.size else []]
    for column, number in enumerate(index):
        frame = frames[number]
        np.testing.assert_array_equal(got[0][: len(frame), column], frame)
        assert not got[0][len(frame) :, column].any()
        np.testing.assert_array_equal(other.dense([column])[0][:, 0], frame)


def test_any_recordings_are_written_and_come_back_or_are_refused(tally, tmp_path):
    draw, path = np.random.default_rng(1), tmp_path / "a.h5"
    for _ in range(cases(60)):
        with np.errstate(all="ignore"):
            try:
                recordings = altered(good(draw), draw)
            except (ValueError, TypeError, OverflowError):
                continue
        before = tally.counts["accepted"]
        tally.call(lambda recordings=recordings: heidelberg.write(path, recordings), case=recordings)
        if tally.counts["accepted"] == before:
            continue
        result = heidelberg.read(path)
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(result, name), np.asarray(getattr(recordings, name)).astype(float))
        assert (result.units, result.classes) == (recordings.units, recordings.classes)
