"""The images task: every picture once, unchanged in every step."""

import numpy as np
import pytest

from snnsim.data import heidelberg, optical_digits, registry
from snnsim.data.binning import bin_events

RECIPE = optical_digits.Recipe()


@pytest.fixture(scope="module")
def made():
    return optical_digits.make(0)


def frames(recordings):
    binned = bin_events(recordings, time_step_ms=RECIPE.time_step_ms, channels=64)
    return binned.dense(np.arange(len(recordings)))


def test_the_picture_is_the_input_of_every_step(made):
    gray, digit = optical_digits.pictures()
    for name, some in optical_digits.split(len(digit), 0, RECIPE).items():
        dense, length = frames(made[name])
        assert (length == RECIPE.steps).all()
        np.testing.assert_array_equal(dense, np.broadcast_to(gray[some], (RECIPE.steps, *gray[some].shape)))
        np.testing.assert_array_equal(made[name].label, digit[some])
    assert gray.max() == 16


def test_every_picture_is_in_one_split():
    parts = optical_digits.split(1797, 0, RECIPE)
    assert {name: len(part) for name, part in parts.items()} == {"train": 1197, "valid": 300, "test": 300}
    assert sorted(np.concatenate(list(parts.values()))) == list(range(1797))


def test_the_seed_decides_the_split():
    first, again, other = (optical_digits.split(1797, seed, RECIPE)["test"] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_files_are_the_recordings_and_kept(tmp_path, monkeypatch, made):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path))
    folder = optical_digits.prepare()
    found = heidelberg.find(folder, "images")
    assert {name: len(heidelberg.read(path)) for name, path in found.items()} == {
        name: registry.SOURCES["images"].recordings[name] for name in heidelberg.SPLITS
    }
    read = heidelberg.read(found["test"])
    assert (read.units, read.classes) == (64, tuple("0123456789"))
    np.testing.assert_array_equal(frames(read)[0], frames(made["test"])[0])
    monkeypatch.delattr(optical_digits, "make")
    assert optical_digits.prepare() == folder


@pytest.mark.parametrize("wrong", [{"valid": 1700, "test": 97}, {"valid": 0}, {"steps": 0}])
def test_a_recipe_that_cannot_be_made_is_refused(wrong):
    with pytest.raises(ValueError, match="images: every split must have a picture"):
        optical_digits.split(1797, 0, optical_digits.Recipe(**wrong))
