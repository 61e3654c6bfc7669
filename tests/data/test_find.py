"""The search for the files of a data set."""

import pytest

from snnsim.data import heidelberg


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_find_prefers_the_unpacked_file(tmp_path):
    touch(tmp_path, "shd_train.h5.xz", "shd_train.h5.zip", "shd_test.h5.gz")
    touch(tmp_path / "SHD", "shd_train.h5")
    assert heidelberg.find(tmp_path, "shd") == {
        "train": tmp_path / "SHD" / "shd_train.h5",
        "test": tmp_path / "shd_test.h5.gz",
    }


def test_find_knows_data_sets_apart(tmp_path):
    touch(tmp_path, "shd_train.h5", "fsdd_train.h5")
    touch(tmp_path / "SSC", "ssc_train.h5", "ssc_valid.h5", "ssc_test.h5")
    assert heidelberg.find(tmp_path, "shd") == {"train": tmp_path / "shd_train.h5"}
    assert list(heidelberg.find(tmp_path, "ssc")) == ["train", "valid", "test"]


def test_find_takes_the_only_other_data_set(tmp_path):
    touch(tmp_path, "fsdd_train.h5.gz", "fsdd_test.h5.gz", ".fsdd_train.h5.x.partial.h5", "notes_test.h5")
    assert heidelberg.find(tmp_path, "shd") == {
        "train": tmp_path / "fsdd_train.h5.gz",
        "test": tmp_path / "fsdd_test.h5.gz",
    }


def test_find_does_not_choose_between_two_others(tmp_path):
    touch(tmp_path, "fsdd_train.h5.gz", "mine_train.h5")
    with pytest.raises(FileNotFoundError, match=r"holds \['fsdd_train.h5.gz', 'mine_train.h5'\].*make shd"):
        heidelberg.find(tmp_path, "shd")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has shd_train.h5.*there is no such folder"):
        heidelberg.find(tmp_path / "none", "shd")
