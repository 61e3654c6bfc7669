"""Coded recordings last as long in training as in evaluation, with and without augmentations and a longest time."""

import numpy as np
import pytest

from helpers.own_data import config, pictures, write, write_idx
from snnsim.data.coding.kinds import Rate
from snnsim.data.sources import loading, picture_source
from snnsim.data.sources.source import Settings
from snnsim.experiment import datasets, own_data

LENGTHS = np.where(np.arange(20) % 2, 100, 60)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "cache"))
    loading._opened.cache_clear()


@pytest.fixture
def path(tmp_path):
    # spikes in the first five steps and in step 39, and a silent end
    frames = np.zeros((20, 100, 4))
    frames[:, :5] = frames[:, 39] = 1.0
    return write(tmp_path / "mine.npz", {"frames": frames, "lengths": LENGTHS, "labels": np.arange(20) % 2})


def training(path, augment, max_time_ms=None):
    """Return the part and the training batches of frames with the threshold coding in steps of 10 ms."""
    values = {"data.coding": "threshold", "data.augment": augment, "data.max_time_ms": max_time_ms}
    run = own_data.resolved(config("frames", path, **values))
    part = datasets.load_splits(run, "train")["train"]
    return part, datasets.training_batches(run, part).of_epoch(0, 0)


@pytest.mark.parametrize(("max_time_ms", "most"), [(None, 100), (400.0, 40), (392.0, 40), (50.0, 5)])
@pytest.mark.parametrize("augment", [[], [{"kind": "event_drop", "probability": 0}]])
def test_training_has_the_frames_of_evaluation(path, augment, max_time_ms, most):
    part, batches = training(path, augment, max_time_ms)
    for batch, share in zip(batches, batches._shares(0), strict=True):
        frames, length = part.binned.dense(share)
        np.testing.assert_array_equal(length, np.minimum(LENGTHS[share], most))
        np.testing.assert_array_equal(batch.length, length)
        np.testing.assert_array_equal(batch.frames, frames)


@pytest.mark.parametrize(("max_time_ms", "most"), [(None, 1000), (700.0, 70)])
@pytest.mark.parametrize("steps", [-20, 20])
def test_the_silent_end_moves_with_the_spikes(path, steps, max_time_ms, most):
    shift = {"kind": "time_shift", "least_ms": 10.0 * steps, "most_ms": 10.0 * steps}
    _, batches = training(path, [shift], max_time_ms)
    for batch, share in zip(batches, batches._shares(0), strict=True):
        np.testing.assert_array_equal(batch.length, np.minimum(LENGTHS[share] + steps, most))


def test_the_longest_time_cuts_coded_pictures(tmp_path):
    write_idx(tmp_path, "train", *pictures())
    file = tmp_path / "train-images-idx3-ubyte"
    uncut, cut = (
        picture_source.source(file, Settings(time_step_ms=5.6, max_time_ms=longest, coding=Rate(steps=300))).gridded()
        for longest in (None, 1400.0)
    )
    frames, length = cut.dense(np.arange(3))
    assert length.tolist() == [250] * 3
    np.testing.assert_array_equal(frames, uncut.dense(np.arange(3))[0][:250])
