"""Splits of users' data: nothing leaks over them, test files are not read in training, and a missing split says so."""

import numpy as np
import pytest

from helpers.own_data import config, event_arrays, write
from snnsim.data.sources import loading
from snnsim.experiment import datasets, own_data


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "cache"))
    loading._opened.cache_clear()


def load(path, *names, **values):
    return datasets.load_splits(own_data.resolved(config("events", path, **values)), *names)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_groups_and_recordings_are_in_one_split_alone(tmp_path, seed):
    path = write(tmp_path / "mine.npz", event_arrays(60))
    parts = load(path, "train", "valid", "test", **{"data.test_share": 0.3, "data.seed": seed})
    indices = [part.indices for part in parts.values()]
    np.testing.assert_array_equal(np.sort(np.concatenate(indices)), np.arange(60))
    groups = [set(part.binned.speaker[part.indices].tolist()) for part in parts.values()]
    assert sum(map(len, groups)) == len(set().union(*groups)) == 6
    repeated = load(path, "valid", **{"data.test_share": 0.3, "data.seed": seed})["valid"]
    np.testing.assert_array_equal(repeated.indices, parts["valid"].indices)


def test_the_split_depends_on_the_seed_and_the_test_split_not_on_that_of_validation(tmp_path):
    path = write(tmp_path / "mine.npz", event_arrays(60))
    held = [load(path, "valid", **{"data.seed": seed})["valid"].indices.tolist() for seed in range(4)]
    assert len({tuple(each) for each in held}) > 1
    tests = [load(path, "test", **{"data.test_share": 0.3, "data.valid_share": share})["test"] for share in (0.1, 0.5)]
    np.testing.assert_array_equal(tests[0].indices, tests[1].indices)


def test_a_split_by_class_has_a_share_of_each_class(tmp_path):
    path = write(tmp_path / "mine.npz", event_arrays(60))
    part = load(path, "valid", **{"data.split_by": "class", "data.valid_share": 0.25})["valid"]
    np.testing.assert_array_equal(np.bincount(part.binned.label[part.indices]), [5, 5, 5])


def test_splits_of_the_file_are_taken(tmp_path):
    names = np.array(["train", "valid", "test", "train", "train"] * 6)
    path = write(tmp_path / "mine.npz", event_arrays() | {"splits": names})
    for name, part in load(path, "train", "valid", "test").items():
        np.testing.assert_array_equal(part.indices, np.flatnonzero(names == name))


def test_validation_recordings_come_from_the_training_file_alone(tmp_path):
    write(tmp_path / "train.npz", event_arrays(30))
    test = write(tmp_path / "test.npz", event_arrays(9, seed=1))
    test.write_bytes(b"not a file of arrays")
    parts = load(tmp_path, "train", "valid")
    np.testing.assert_array_equal(np.sort(np.concatenate([part.indices for part in parts.values()])), np.arange(30))
    with pytest.raises(ValueError, match=r"test\.npz: it is no \.npz file"):
        load(tmp_path, "test")


def test_a_set_without_a_test_split_says_so(tmp_path):
    path = write(tmp_path / "mine.npz", event_arrays())
    with pytest.raises(ValueError, match=r"mine\.npz: the data have no test split; .*data\.test_share=0\.2"):
        load(path, "test")
    write(tmp_path / "train.npz", event_arrays())
    write(tmp_path / "test.npz", event_arrays())
    path.unlink()
    with pytest.raises(ValueError, match=r"the data have a test split; leave data\.test_share at 0"):
        load(tmp_path, "train", **{"data.test_share": 0.2})


def test_files_of_splits_must_share_channels_and_classes(tmp_path):
    write(tmp_path / "train.npz", event_arrays(30))
    write(tmp_path / "test.npz", event_arrays(9) | {"classes": np.array(["up", "down", "still"])})
    with pytest.raises(ValueError, match="it must have the channels and classes of"):
        load(tmp_path, "test")
    write(tmp_path / "test.npz", event_arrays(9, channels=15))
    with pytest.raises(ValueError, match="it must have the channels and classes of"):
        load(tmp_path, "test")


def test_classes_without_names_are_those_of_the_training_file(tmp_path):
    training, test = event_arrays(30), event_arrays(9)
    del training["classes"], test["classes"]
    write(tmp_path / "train.npz", training)
    write(tmp_path / "test.npz", test | {"labels": np.zeros(9, int)})
    assert load(tmp_path, "test")["test"].binned.classes == ("0", "1", "2")


def test_the_number_of_channels_and_the_field_are_those_of_the_data(tmp_path):
    arrays = event_arrays()
    row, column, polarity = np.unravel_index(arrays.pop("channels"), (3, 2, 2))
    arrays |= {"rows": row, "columns": column, "polarities": polarity, "sensor": np.array([3, 2, 2])}
    path = write(tmp_path / "mine.npz", arrays)
    values = {"network.convolutions": [4], "network.pool": 1, "network.delays": "none"}
    result = own_data.resolved(config("events", path, **values)).data
    assert (result.channels, result.height, result.width) == (12, 3, 2)
    plain = write(tmp_path / "plain.npz", event_arrays())
    with pytest.raises(ValueError, match=r"network\.convolutions need rows and columns, and the data have 12 channels"):
        own_data.resolved(config("events", plain, **values))


def test_a_path_is_needed_and_named():
    with pytest.raises(ValueError, match=r"data\.path must lead to the events: a file \.npz or \.h5"):
        own_data.resolved(config("events", "x").with_values({"data.path": None}))
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such file or folder"):
        own_data.resolved(config("events", "nowhere"))


def test_a_folder_with_two_sets_is_not_guessed(tmp_path):
    for name in ("a_train.npz", "b_train.npz"):
        write(tmp_path / name, event_arrays())
    with pytest.raises(ValueError, match=r"the train split must be one file; there are a_train\.npz, b_train\.npz"):
        load(tmp_path, "train")
