"""Fixtures of the tests of training."""

import shutil

import pytest

from snnsim.training.run_folder import RunFolder


@pytest.fixture(scope="module")
def undisturbed(train_once):
    """Train a small network without a stop, for all tests of a module."""
    return train_once({})


@pytest.fixture
def copied(undisturbed, tmp_path):
    """Return a copy of the undisturbed run, which a test may change."""
    shutil.copytree(undisturbed.path, tmp_path / "copied")
    return RunFolder(tmp_path / "copied")
