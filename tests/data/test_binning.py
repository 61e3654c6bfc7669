"""Binning against plain loops."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.data import binning
from snnsim.data.recordings import Recordings

UNITS = 12


def reference(recordings, time_step_ms, channels, max_time_ms):
    """Frames (recording, step, channel), lengths, and the number of dropped events, in plain loops."""
    steps = 1 + int(recordings.time_ms.max(initial=0) // time_step_ms)
    frames = np.zeros((len(recordings), steps, channels))
    length, dropped = np.ones(len(recordings), int), 0
    for number in range(len(recordings)):
        for time, unit in zip(*recordings.events(number), strict=True):
            if max_time_ms is not None and time >= max_time_ms:
                dropped += 1
                continue
            step = int(float(time) // time_step_ms)
            frames[number, step, int(unit) * channels // recordings.units] += 1
            length[number] = max(length[number], step + 1)
    return frames, length, dropped


def recordings_of(sizes, generator):
    rows = [np.sort(generator.integers(0, 200, size)) / 4 for size in sizes]
    return Recordings(
        time_ms=np.concatenate(rows).astype(np.float32),
        unit=generator.integers(0, UNITS, sum(sizes)).astype(np.uint16),
        offset=np.concatenate([[0], np.cumsum(sizes)]),
        label=np.arange(len(sizes)) % 2,
        speaker=np.arange(len(sizes)) - 1,
        classes=("a", "b"),
        units=UNITS,
    )


@st.composite
def recordings(draw):
    sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=5))
    return recordings_of(sizes, np.random.default_rng(draw(st.integers(0, 2**32 - 1))))


@st.composite
def grids(draw):
    return {
        "time_step_ms": draw(st.sampled_from([0.5, 1.0, 10.0, 100.0])),
        "channels": draw(st.sampled_from([1, 2, 4, 6, 12])),
        "max_time_ms": draw(st.sampled_from([None, 0.25, 20.0, 23.0, 1000.0])),
    }


@given(recordings(), grids())
@settings(deadline=None)
def test_equals_the_loops(sample, grid):
    binned = binning.bin_events(sample, **grid)
    frames, length, dropped = reference(sample, **grid)
    dense, dense_length = binned.dense(np.arange(len(sample)))
    np.testing.assert_array_equal(dense, frames.swapaxes(0, 1)[: length.max()])
    np.testing.assert_array_equal(dense_length, length)
    assert dense.dtype == np.float32
    assert binned.dropped == dropped


@given(recordings(), grids())
@settings(deadline=None)
def test_no_event_is_lost_and_cells_are_unique(sample, grid):
    binned = binning.bin_events(sample, **grid)
    assert binned.count.sum(dtype=np.int64) + binned.dropped == len(sample.time_ms)
    assert (binned.count > 0).all()
    for number in range(len(sample)):
        cells = binned.cell[binned.offset[number] : binned.offset[number + 1]]
        assert len(np.unique(cells)) == len(cells)


@given(recordings(), grids(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_padding_changes_nothing(sample, grid, random):
    """Frames of a recording are the same in any selection; the padding is zeros."""
    binned = binning.bin_events(sample, **grid)
    every, _ = binned.dense(np.arange(len(sample)))
    chosen = np.array(random.choices(range(len(sample)), k=3))
    frames_of_chosen, length = binned.dense(chosen)
    assert len(frames_of_chosen) == length.max()
    np.testing.assert_array_equal(frames_of_chosen, every[: len(frames_of_chosen), chosen])
    assert not every[len(frames_of_chosen) :, chosen].any()
    selected, _ = binned.select(chosen).dense(np.arange(3))
    np.testing.assert_array_equal(selected, frames_of_chosen)


def test_the_grid_starts_at_zero_and_not_at_the_first_event():
    sample = replace(recordings_of([2], np.random.default_rng(0)), time_ms=np.array([19.75, 20], np.float32))
    frames, length = binning.bin_events(sample, time_step_ms=10, channels=1).dense(np.array([0]))
    assert frames[:, 0, 0].tolist() == [0, 1, 1]
    assert length.tolist() == [3]


@pytest.mark.parametrize("events", [255, 256, 70_000])
def test_many_events_in_one_cell_are_all_counted(events):
    sample = replace(
        recordings_of([events], np.random.default_rng(0)),
        time_ms=np.zeros(events, np.float32),
        unit=np.zeros(events, np.uint16),
    )
    binned = binning.bin_events(sample, time_step_ms=1, channels=UNITS)
    assert binned.count.tolist() == [events]
    assert (binned.count.dtype == np.uint8) == (events < 256)


def test_a_recording_with_late_events_only_has_one_empty_step():
    sample = replace(recordings_of([1], np.random.default_rng(0)), time_ms=np.array([30], np.float32))
    binned = binning.bin_events(sample, time_step_ms=1, channels=1, max_time_ms=30)
    assert (binned.length.tolist(), binned.dropped, len(binned.cell)) == ([1], 1, 0)
    assert binned.dense(np.array([0]))[0].tolist() == [[[0.0]]]


def test_no_recordings_give_no_frames():
    binned = binning.bin_events(recordings_of([3], np.random.default_rng(0)), time_step_ms=1, channels=4)
    assert binned.dense(np.array([], int))[0].shape == (0, 0, 4)


@pytest.mark.parametrize("channels", [0, 5, 13, -3])
def test_channels_that_do_not_divide_are_refused(channels):
    sample = recordings_of([3], np.random.default_rng(0))
    with pytest.raises(ValueError, match=rf"must divide the 12 units; got {channels}; .* 4"):
        binning.bin_events(sample, time_step_ms=1, channels=channels)


@pytest.mark.parametrize("wrong", [{"time_step_ms": 0}, {"time_step_ms": 1, "max_time_ms": -1}])
def test_times_must_be_positive(wrong):
    sample = recordings_of([3], np.random.default_rng(0))
    with pytest.raises(ValueError, match="must be above 0 ms"):
        binning.bin_events(sample, channels=4, **wrong)


def test_a_grid_too_fine_for_its_numbers_is_refused():
    sample = replace(recordings_of([1], np.random.default_rng(0)), time_ms=np.array([1e6], np.float32))
    with pytest.raises(ValueError, match=r"must stay below 2\*\*32"):
        binning.bin_events(sample, time_step_ms=1e-3, channels=12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unit": [0, 12, 1]}, "units must lie in 0..11; recording 1 holds units out of range"),
        ({"unit": [0, 60_000, 1]}, "units must lie in 0..11; recording 1 holds"),
        ({"unit": [0, 1, -1]}, "recording 1 holds units out of range"),
        ({"unit": np.array([0, 1, 2**64 - 1], np.uint64)}, "recording 1 holds units out of range"),
        ({"time_ms": [-5.0, 1.0, 2.0]}, "recording 0 holds negative"),
        ({"time_ms": [5.0, 2.0, 1.0]}, "recording 1 holds unsorted"),
        ({"time_ms": [5.0, np.nan, 1.0]}, "recording 1 holds NaN"),
        ({"time_ms": [5.0, 1.0, np.inf]}, "recording 1 holds NaN or infinite"),
        ({"offset": [0, 4, 3]}, "offsets must ascend"),
        ({"offset": [0, 1, 4]}, "offsets must ascend"),
        ({"offset": [-1, 1, 3]}, "offsets must ascend"),
        ({"unit": [0, 1]}, "2 units"),
        ({"label": [0]}, "1 labels"),
        ({"time_ms": [[0.0, 1.0, 2.0]]}, "one axis"),
        ({"units": 0}, "number of units must be"),
        ({"unit": [0.0, 1.0, 2.0]}, "unit must hold integers"),
        ({"time_ms": ["0", "1", "2"]}, "time_ms must hold real numbers"),
    ],
)
def test_recordings_built_in_memory_are_checked(change, words):
    sample = replace(recordings_of([1, 2], np.random.default_rng(0)), time_ms=np.array([5.0, 1.0, 2.0]))
    change = {name: value if name == "units" else np.asarray(value) for name, value in change.items()}
    with pytest.raises((ValueError, TypeError), match=f"^bin_events: .*{words}"):
        binning.bin_events(replace(sample, **change), time_step_ms=1.0, channels=UNITS if "units" not in change else 1)


def test_indices_follow_numpy_or_are_refused():
    binned = binning.bin_events(recordings_of([5, 9, 3], np.random.default_rng(0)), time_step_ms=1.0, channels=4)
    every, length = binned.dense(np.arange(3))
    for chosen in ([-1, -3], [True, False, True], np.array([2, 0], np.uint8), [], [1, 1]):
        index = np.asarray(chosen) if len(chosen) else np.array([], int)
        frames, actual = binned.dense(chosen)
        np.testing.assert_array_equal(actual, length[index])
        np.testing.assert_array_equal(frames, every[: len(frames), index])
        np.testing.assert_array_equal(binned.select(chosen).dense(np.arange(len(actual)))[0], frames)
    for wrong in ([3], [-4], [0.5], ["a"], 1, [[0]], [True, False], None):
        for call in (binned.dense, binned.select):
            with pytest.raises((ValueError, TypeError), match=r"^Binned\.(dense|select): (the indices|a mask) must"):
                call(wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"cell": np.full(3, 2**32 - 1, np.uint32)},
        {"cell": np.array([0, 1, 8], np.uint32)},
        {"offset": np.array([0, 3, 2])},
        {"offset": np.array([0, 1, 2**40])},
        {"offset": np.array([-7, 1, 3])},
        {"offset": np.array([0, 3])},
        {"length": np.array([1, -1], np.int32)},
        {"length": np.array([1, 1], np.int32)},
        {"count": np.ones(2, np.uint8)},
        {"count": np.ones(3)},
        {"channels": 0},
        {"channels": 3},
        {"label": np.zeros(2)},
    ],
)
def test_binned_data_whose_arrays_do_not_fit_are_refused_before_compiled_code(change):
    good = binning.Binned(
        cell=np.array([0, 1, 7], np.uint32),
        count=np.ones(3, np.uint8),
        offset=np.array([0, 1, 3]),
        length=np.array([1, 2], np.int32),
        label=np.zeros(2, int),
        speaker=np.zeros(2, int),
        classes=("a",),
        channels=4,
        time_step_ms=1.0,
    )
    good.check("good")
    wrong = replace(good, **change)
    with pytest.raises((ValueError, TypeError), match=r"^Binned\.dense: "):
        wrong.dense(np.array([0, 1]))
    with pytest.raises((ValueError, TypeError), match=r"^file: "):
        wrong.check("file")


def test_frames_larger_than_memory_are_refused():
    sample = binning.Binned(
        *(np.zeros(0, np.uint32), np.zeros(0, np.uint8), np.zeros(2, int), np.full(1, 2**31 - 1, np.int32)),
        *(np.zeros(1, int), np.zeros(1, int), ("a",), 2**31, 1.0),
    )
    with pytest.raises(
        MemoryError, match=r"Binned\.dense: 1 recordings of 2147483647 steps and 2147483648 channels need"
    ):
        sample.dense(np.array([0]))
