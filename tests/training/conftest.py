"""Fixtures of the tests of training."""

import pytest

from snnsim import experiment


@pytest.fixture
def undisturbed(tiny, tmp_path):
    """Train a small network without a stop."""
    return experiment.train("shd", tiny, output=tmp_path / "undisturbed", device="cpu")
