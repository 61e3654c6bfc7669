"""Signals of users: both layouts are the same frames, and every error has a name."""

import numpy as np
import pytest

from helpers.own_data import write
from snnsim.data.sources import frame_files
from snnsim.data.sources.source import Settings

SETTINGS = Settings(time_step_ms=10.0)
RNG = np.random.default_rng(0)
FRAMES, LABEL, LENGTHS = RNG.normal(size=(6, 9, 4)), np.arange(6) % 2, np.array([9, 4, 9, 1, 5, 9])


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_both_layouts_are_the_same_frames(tmp_path, suffix):
    padded = write(tmp_path / f"a{suffix}", {"frames": FRAMES, "labels": LABEL, "lengths": LENGTHS})
    rows = np.concatenate([frames[:length] for frames, length in zip(FRAMES, LENGTHS, strict=True)])
    joined = write(tmp_path / f"b{suffix}", {"frames": rows, "labels": LABEL, "offsets": np.cumsum([0, *LENGTHS])})
    for path in (padded, joined):
        grid = frame_files.source(path, SETTINGS).gridded()
        np.testing.assert_array_equal(grid.length, LENGTHS)
        frames, _ = grid.dense(np.arange(6))
        for number, length in enumerate(LENGTHS):
            np.testing.assert_array_equal(frames[:length, number], FRAMES[number, :length].astype(np.float32))
            np.testing.assert_array_equal(frames[length:, number], 0)


def test_arrays_in_the_order_of_fortran_are_read(tmp_path):
    path = write(tmp_path / "mine.npz", {"frames": np.asfortranarray(FRAMES), "labels": LABEL})
    frames, _ = frame_files.source(path, SETTINGS).gridded().dense(np.arange(6))
    np.testing.assert_array_equal(frames, FRAMES.transpose(1, 0, 2).astype(np.float32))


def test_one_label_for_each_step(tmp_path):
    steps = np.random.default_rng(1).integers(0, 3, (6, 9))
    path = write(tmp_path / "mine.npz", {"frames": FRAMES, "lengths": LENGTHS, "step_labels": steps})
    grid = frame_files.source(path, SETTINGS).gridded()
    own = grid.of_targets(np.arange(6), 9)["target"]
    np.testing.assert_array_equal(own, np.where(np.arange(9)[:, None] < LENGTHS, steps.T, -1))


@pytest.mark.parametrize("arrays", [{"label_step": 20.0}, {"label_step": 20_000, "time_unit": np.array("us")}])
def test_labels_of_several_frames(tmp_path, arrays):
    steps = np.random.default_rng(1).integers(0, 3, (6, 5))
    path = write(tmp_path / "mine.npz", {"frames": FRAMES, "step_labels": steps} | arrays)
    source = frame_files.source(path, SETTINGS)
    own = source.gridded().of_targets(np.arange(6), 9)["target"]
    np.testing.assert_array_equal(own, np.repeat(steps, 2, axis=1)[:, :9].T)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": FRAMES[0]}, "offsets must ascend from 0 to the 9 steps of frames"),
        (
            {"frames": np.where(FRAMES > 2, np.nan, FRAMES)},
            "frames must be finite; 2 recordings do not, first recording 2",
        ),
        (
            {"lengths": np.array([9, 4, 9, 0, 5, 10])},
            "lengths must lie in 1..9; 2 recordings do not, first recording 3",
        ),
        ({"frames": np.zeros((6, 0, 4))}, "frames must be numbers"),
        ({"labels": LABEL[:3]}, "labels must have one entry for each of 6 recordings"),
        ({"labels": np.array([0, 1, 0.5, 1, 0, 1])}, "labels must be integers or names, not float64"),
        ({"labels": None, "targets": np.full((6, 2), np.inf)}, "targets must not be infinite; 6 recordings do not"),
        (
            {"labels": None, "step_labels": np.ones((6, 9), int), "label_step": 2, "time_unit": np.array("h")},
            "time_unit must be one of s, ms, us, ns; got ['h']",
        ),
        ({"labels": None, "step_labels": np.full((6, 9), -1)}, "step_labels must have a label in each recording"),
    ],
)
def test_faults_are_named(tmp_path, changes, message):
    arrays = {
        name: value for name, value in ({"frames": FRAMES, "labels": LABEL} | changes).items() if value is not None
    }
    path = write(tmp_path / "mine.npz", arrays)
    assert any(message in error for error in frame_files.check(path).errors), frame_files.check(path).errors
    with pytest.raises(ValueError, match="snnsim data check"):
        frame_files.source(path, SETTINGS)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_a_file_without_frames_is_named(tmp_path, suffix):
    path = write(tmp_path / f"mine{suffix}", {"signal": FRAMES, "labels": LABEL})
    (error,) = frame_files.check(path).errors
    assert error.startswith("frames must be in the file; it has ")
    with pytest.raises(ValueError, match=error):
        frame_files.source(path, SETTINGS)


def test_a_stated_duration_of_a_frame_must_be_the_time_step(tmp_path):
    path = write(tmp_path / "mine.npz", {"frames": FRAMES, "labels": LABEL, "frame_ms": np.array(20.0)})
    with pytest.raises(ValueError, match=r"a frame lasts 20 ms, and data\.time_step_ms is 10; set data"):
        frame_files.source(path, SETTINGS)
    assert len(frame_files.source(path, Settings(time_step_ms=20.0))) == 6


@pytest.mark.parametrize("offsets", [[0, 10.5, 20], ["0", "ten", "20"], [0, np.nan, 20]])
def test_offsets_that_are_no_integers_are_refused(tmp_path, offsets):
    path = write(tmp_path / "mine.npz", {"frames": np.ones((20, 3)), "labels": [0, 1], "offsets": np.array(offsets)})
    assert (
        frame_files.check(path)
        .errors[0]
        .startswith("offsets must ascend from 0 to the 20 steps of frames, in integers")
    )
