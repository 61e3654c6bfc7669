"""Damaged files of users give an error that names the file, or recordings that pass all checks; nothing else."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.own_data import event_arrays, pictures, write, write_idx
from snnsim.data.sources import event_source, frame_files, picture_source
from snnsim.data.sources.source import Settings

SETTINGS = Settings(time_step_ms=10.0)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "cache"))


def read(function, path):
    """Return a result, or None after an error that names the file."""
    message = ""
    try:
        return function(path)
    except (ValueError, OSError) as error:
        message = str(error)
    assert path.name in message
    return None


damage = st.tuples(st.floats(0, 1), st.integers(0, 255), st.booleans())


def damaged(content, where, byte, cut):
    index = min(int(where * len(content)), len(content) - 1)
    return content[:index] if cut else content[:index] + bytes([byte]) + content[index + 1 :]


@FEW
@given(damage)
def test_event_files(tmp_path, change):
    path = write(tmp_path / "mine.npz", event_arrays(6))
    path.write_bytes(damaged(path.read_bytes(), *change))
    binned = read(lambda path: event_source.EventSource(path, SETTINGS).gridded(), path)
    if binned is not None:
        binned.check("fuzz")
    read(event_source.check, path)


@FEW
@given(damage)
def test_frame_files(tmp_path, change):
    frames = np.random.default_rng(0).normal(size=(4, 5, 2))
    path = write(tmp_path / "mine.npz", {"frames": frames, "labels": np.arange(4)})
    path.write_bytes(damaged(path.read_bytes(), *change))
    source = read(lambda path: frame_files.source(path, SETTINGS), path)
    if source is not None:
        assert np.isfinite(source.gridded().dense(np.arange(len(source)))[0]).all()


@FEW
@given(damage)
def test_idx_files(tmp_path, change):
    write_idx(tmp_path, "train", *pictures(6), packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(damaged(path.read_bytes(), *change))
    source = read(lambda path: picture_source.source(path, SETTINGS), path)
    # damage of the header of the archive alone leaves the pictures as they were
    assert source is None or len(source) == 6


@FEW
@given(st.lists(st.integers(-3, 40), min_size=1, max_size=8), st.lists(st.integers(-2, 9), min_size=0, max_size=30))
def test_arrays_of_any_integers(tmp_path, offsets, times):
    arrays = event_arrays(6) | {"offsets": np.array(offsets), "times": np.array(times, int)}
    path = write(tmp_path / "mine.npz", arrays)
    findings = event_source.check(path)
    binned = read(lambda path: event_source.EventSource(path, SETTINGS).gridded(), path)
    # the check and the reader agree
    assert (binned is None) == bool(findings.errors)
