"""Tonic reads files of snnsim, its transforms apply to recordings, and nothing else needs it."""

import builtins
import sys

import numpy as np
import pytest

from snnsim.data import heidelberg, registry, tonic_bridge
from snnsim.data.recordings import Recordings


def recordings(count=6, seed=0):
    generator = np.random.default_rng(seed)
    rows = [np.sort(generator.random(50).astype(np.float16)) for _ in range(count)]
    return Recordings(
        time_ms=np.concatenate(rows).astype(np.float32) * 1000,
        unit=generator.integers(0, 700, 50 * count).astype(np.uint16),
        offset=np.arange(count + 1) * 50,
        label=np.arange(count) % 2,
        speaker=np.arange(count) % 3,
        classes=("a", "b"),
    )


@pytest.fixture
def folder(tmp_path):
    """Our files where tonic keeps its own; it asks only whether the archive is there."""
    for name in ("shd_train.h5", "shd_test.h5"):
        heidelberg.write(tmp_path / "SHD" / name, recordings())
        (tmp_path / "SHD" / f"{name}.zip").touch()
    for name in ("ssc_train.h5", "ssc_valid.h5", "ssc_test.h5"):
        heidelberg.write(tmp_path / "SSC" / name, recordings())
        (tmp_path / "SSC" / f"{name}.zip").touch()
    return tmp_path


def test_tonic_reads_the_same_events_from_a_written_file(folder):
    datasets = pytest.importorskip("tonic.datasets")
    result, theirs = recordings(), datasets.SHD(save_to=str(folder), train=True)
    assert len(theirs) == len(result)
    assert theirs.classes.tolist() == [b"a", b"b"]
    assert theirs.speaker.tolist() == result.speaker.tolist()
    for index, (events, label) in enumerate(theirs):
        np.testing.assert_array_equal(tonic_bridge.as_tonic(result, index), events)
        assert label == result.label[index]


@pytest.mark.parametrize("name", ["shd", "ssc"])
def test_existing_files_are_not_downloaded(folder, name):
    pytest.importorskip("tonic")
    paths = tonic_bridge.download(name, folder)
    assert set(paths) == set(registry.DATASETS[name].recordings)
    assert all(path.parent == folder / name.upper() for path in paths.values())


def test_only_shd_and_ssc_can_be_downloaded(tmp_path):
    with pytest.raises(ValueError, match="must be shd or ssc; got 'digits'"):
        tonic_bridge.download("digits", tmp_path)


def test_without_tonic_the_download_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tonic.datasets", None)
    with pytest.raises(ImportError, match=r"pip install snnsim\[tonic\]"):
        tonic_bridge.download("shd", tmp_path)


def test_a_failed_download_names_the_page(tmp_path, monkeypatch):
    datasets = pytest.importorskip("tonic.datasets")

    def fail(**_):
        raise RuntimeError("no route")

    monkeypatch.setattr(datasets, "SHD", fail)
    with pytest.raises(OSError, match=r"must be complete in .*\(no route\).*zenkelab.org"):
        tonic_bridge.download("shd", tmp_path)


def test_nothing_but_the_download_imports_tonic(monkeypatch):
    real = builtins.__import__

    def without_tonic(name, *rest):
        if name.split(".")[0] == "tonic":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_tonic)
    result = recordings()
    same = tonic_bridge.transformed(result, lambda events: events)
    np.testing.assert_array_equal(same.unit, result.unit)
    np.testing.assert_allclose(same.time_ms, result.time_ms, atol=1e-3)
    assert same.unit.dtype == np.uint16


def test_transforms_of_tonic_apply():
    transforms = pytest.importorskip("tonic.transforms")
    result = recordings()
    after = tonic_bridge.transformed(
        result,
        transforms.Compose([transforms.TimeJitter(std=200_000, clip_negative=False), transforms.DropEvent(p=0.2)]),
    )
    assert len(after) == len(result)
    assert 0.5 * len(result.time_ms) < len(after.time_ms) < len(result.time_ms)
    assert after.time_ms.min() == 0, "some of the jitter went below 0"
    for index in range(len(after)):
        assert (np.diff(after.events(index)[0]) >= 0).all()
    np.testing.assert_array_equal(after.label, result.label)


def test_a_transform_that_does_not_return_events_is_refused():
    with pytest.raises(TypeError, match="must return events with t and x; it returned ndarray"):
        tonic_bridge.transformed(recordings(), lambda _: np.zeros((3, 1, 700)))


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (lambda events: events[:0], r"recording 0 \(and 5 more\) holds none"),
        (lambda events: moved(events, 700), "units out of range"),
        (lambda events: moved(events, -700), "units out of range"),
    ],
)
def test_a_transform_that_leaves_the_range_is_refused(transform, words):
    with pytest.raises(ValueError, match=f"^transformed: .*{words}"):
        tonic_bridge.transformed(recordings(), transform)


def moved(events, by):
    events = events.copy()
    events["x"] += by
    return events
