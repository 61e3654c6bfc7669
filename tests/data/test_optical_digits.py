"""The images task: every picture once, unchanged in every step."""

from dataclasses import replace

import numpy as np
import pytest

from snnsim.data import heidelberg, registry
from snnsim.data.binning import bin_events
from snnsim.data.synthetic import optical_digits

RECIPE = optical_digits.Recipe()


@pytest.fixture(scope="module")
def generated():
    return optical_digits.make(0)


def frames(recordings):
    binned = bin_events(recordings, time_step_ms=RECIPE.time_step_ms, channels=64)
    return binned.dense(np.arange(len(recordings)))


def test_the_picture_is_the_input_of_every_step(generated):
    gray, digit = optical_digits.pictures()
    for name, index in optical_digits.split(len(digit), 0, RECIPE).items():
        dense, length = frames(generated[name])
        assert (length == RECIPE.steps).all()
        np.testing.assert_array_equal(dense, np.broadcast_to(gray[index], (RECIPE.steps, *gray[index].shape)))
        np.testing.assert_array_equal(generated[name].label, digit[index])
    assert gray.max() == 16


def test_every_picture_is_in_one_split():
    parts = optical_digits.split(1797, 0, RECIPE)
    assert {name: len(part) for name, part in parts.items()} == {"train": 1197, "valid": 300, "test": 300}
    assert sorted(np.concatenate(list(parts.values()))) == list(range(1797))


def test_the_seed_decides_the_split():
    first, second, other = (optical_digits.split(1797, seed, RECIPE)["test"] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_files_have_the_recordings_and_are_cached(tmp_path, monkeypatch, generated):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path))
    folder = optical_digits.IMAGES.prepare()
    result = heidelberg.find(folder, "images")
    assert {name: len(heidelberg.read(path)) for name, path in result.items()} == {
        name: registry.DATASETS["images"].recordings[name] for name in heidelberg.SPLITS
    }
    read = heidelberg.read(result["test"])
    assert (read.units, read.classes) == (64, tuple("0123456789"))
    np.testing.assert_array_equal(frames(read)[0], frames(generated["test"])[0])
    assert replace(optical_digits.IMAGES, generate=None).prepare() == folder


@pytest.mark.parametrize("wrong", [{"valid": 1700, "test": 97}, {"valid": 0}, {"steps": 0}])
def test_invalid_recipes_are_refused(wrong):
    with pytest.raises(ValueError, match="images: every split must have a picture"):
        optical_digits.split(1797, 0, optical_digits.Recipe(**wrong))
