"""Recordings of any arrays, indices and grids: refused, or binned, chosen, written and read as plain loops do it."""

import numpy as np
import pytest
from fuzzing import cases

from snnsim.data import binning, heidelberg
from snnsim.data.events import Recordings

FIELDS = ("time_ms", "unit", "offset", "label", "speaker")
ODD = [-1, 2**16, 2**31, 2**40, -(2**63), 2**63 - 1]
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


def altered(made, draw):
    """The same with something of it changed."""
    values = dict(vars(made))
    for name in draw.choice(FIELDS, draw.integers(0, 3)):
        array = values[name]
        how = draw.integers(0, 9)
        if how == 0 and array.size:
            odd = ODD_REAL if array.dtype.kind == "f" else [each for each in ODD if each == array.dtype.type(each & 0x7F)]
            array = array.copy()
            array[draw.integers(array.size)] = draw.choice(odd or [-1 if array.dtype.kind == "i" else 7])
        elif how == 1:
            array = array[: draw.integers(0, array.size + 1)]
        elif how == 2:
            array = array[::-1]
        elif how == 3:
            array = array.astype(draw.choice(["f2", "f8", "U5", "O", "?", "c8", "u8", "i1", "M8[s]"]), casting="unsafe")
        elif how == 4:
            array = array.reshape(-1, 1)
        elif how == 5:
            array = draw.choice([None, 3, "x"])
        elif how == 6:
            array = array.tolist()
        elif how == 7:
            array = draw.permutation(array)
        values[name] = array
    if draw.random() < 0.1:
        values["units"] = draw.choice(np.array([0, -1, 1, 2**40, 0.5, None, "7"], object))
    return Recordings(**values)


def plain(made, time_step_ms, channels, max_time_ms):
    """Frames of every recording, and what was left out, in plain loops."""
    limit, dropped, frames = np.inf if max_time_ms is None else max_time_ms, 0, []
    time, unit, offset = (np.asarray(getattr(made, name)) for name in FIELDS[:3])
    for first, last in zip(offset[:-1], offset[1:], strict=True):
        step = [int(float(each) // time_step_ms) for each in time[first:last] if each < limit]
        dropped += int(last - first) - len(step)
        frame = np.zeros((max(step, default=0) + 1, channels))
        for number, each in zip(step, unit[first:last], strict=False):
            frame[number, int(each) // (made.units // channels)] += 1
        frames.append(frame)
    return frames, dropped


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning", "ignore:invalid value", "ignore:overflow")
def test_any_recordings_are_binned_as_loops_do_it_or_refused(tally):
    draw = np.random.default_rng(0)
    for _ in range(cases(400)):
        with np.errstate(all="ignore"):
            try:
                made = altered(good(draw), draw)
            except (ValueError, TypeError, OverflowError):
                # this array has no such type
                continue
        grid = {
            "time_step_ms": draw.choice(np.array([0.25, 0.5, 1.0, 10.0, 10, 0, -1.0, np.nan, np.inf, "1", None], object)),
            "channels": draw.choice(np.array([1, 2, 4, 12, 0, -1, 2**40, 1.0, None], object)),
            "max_time_ms": draw.choice(np.array([None, 0.25, 20.0, 1e9, np.inf, 0, np.nan, "x"], object)),
        }
        binned = tally.call(lambda made=made, grid=grid: binning.bin_events(made, **grid), case=(made, grid))
        if binned is None:
            continue
        frames, dropped = plain(made, **grid)
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
    for place, number in enumerate(index):
        frame = frames[number]
        np.testing.assert_array_equal(got[0][: len(frame), place], frame)
        assert not got[0][len(frame) :, place].any()
        np.testing.assert_array_equal(other.dense([place])[0][:, 0], frame)


def test_any_recordings_are_written_and_come_back_or_are_refused(tally, tmp_path):
    draw, path = np.random.default_rng(1), tmp_path / "a.h5"
    for _ in range(cases(60)):
        with np.errstate(all="ignore"):
            try:
                made = altered(good(draw), draw)
            except (ValueError, TypeError, OverflowError):
                continue
        before = tally.counts["accepted"]
        tally.call(lambda made=made: heidelberg.write(path, made), case=made)
        if tally.counts["accepted"] == before:
            continue
        found = heidelberg.read(path)
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(found, name), np.asarray(getattr(made, name)).astype(float))
        assert (found.units, found.classes) == (made.units, made.classes)
