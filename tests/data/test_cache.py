"""Cached files that were altered, cut, renamed or written by several processes: frames are right, Python never ends."""

import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pytest

from snnsim import files
from snnsim.data import binning, cache, heidelberg
from snnsim.data.recordings import Recordings
from snnsim.data.synthetic import files as synthetic_files
from snnsim.data.synthetic import motifs
from snnsim.data.synthetic.motifs import Recipe

GRID = {"time_step_ms": 5.0, "channels": 4, "max_time_ms": 80.0}
TINY = replace(
    motifs.MOTIFS, name="motifs-tiny", recipe=Recipe(recordings=(("train", 40), ("valid", 20), ("test", 20)))
)


def two_recordings(events):
    generator = np.random.default_rng(0)
    return Recordings(
        time_ms=np.sort(generator.uniform(0, 100, events)).astype(np.float32),
        unit=generator.integers(0, 8, events),
        offset=np.array([0, 20, events]),
        label=np.array([0, 1]),
        speaker=np.array([3, 4]),
        classes=("a", "b"),
        units=8,
    )


@pytest.fixture
def file(tmp_path):
    heidelberg.write(tmp_path / "a.h5", two_recordings(60))
    return tmp_path / "a.h5"


def cached_file():
    (path,) = (files.cache_folder() / "binned").iterdir()
    return path


def assert_made_again(file, expected):
    with pytest.warns(UserWarning, match=r"binned.*\.npz: the kept binned data are damaged .* made again"):
        actual = cache.binned(file, **GRID)
    assert_same(actual, expected)


def assert_same(actual, expected):
    for name, value in vars(expected).items():
        np.testing.assert_array_equal(getattr(actual, name), value, err_msg=name)
        assert type(getattr(actual, name)) is type(value), name


def test_the_cache_returns_the_binned_recordings_without_reading(file, monkeypatch):
    expected = binning.bin_events(heidelberg.read(file), **GRID)
    assert expected.dropped > 0
    assert_same(cache.binned(file, **GRID), expected)
    monkeypatch.delattr(heidelberg, "read")
    assert_same(cache.binned(file, **GRID), expected)


def test_cache_names_depend_on_content_and_settings_but_not_on_the_folder(file, tmp_path):
    def count():
        return len(list((files.cache_folder() / "binned").iterdir()))

    cache.binned(file, **GRID)
    cache.binned(file, **{**GRID, "time_step_ms": 5})
    cache.binned(file.rename(tmp_path / "b.h5"), **GRID)
    assert count() == 1
    for change in ({"channels": 2}, {"time_step_ms": 4.0}, {"max_time_ms": None}):
        cache.binned(tmp_path / "b.h5", **{**GRID, **change})
    heidelberg.write(file, two_recordings(61))
    cache.binned(file, **GRID)
    assert count() == 5


@pytest.mark.parametrize("damage", [lambda _: b"", lambda old: old[:-50], lambda old: b"x" * len(old)])
def test_a_damaged_file_is_made_again(file, damage):
    expected = cache.binned(file, **GRID)
    cached_file().write_bytes(damage(cached_file().read_bytes()))
    assert_made_again(file, expected)
    assert_same(cache._load(cached_file()), expected)


def test_a_changed_byte_is_detected(file):
    expected = cache.binned(file, **GRID)
    content = bytearray(cached_file().read_bytes())
    content[content.index(expected.cell.tobytes())] ^= 1
    cached_file().write_bytes(content)
    assert_made_again(file, expected)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        cache.binned(tmp_path / "none.h5", **GRID)


@pytest.mark.parametrize("honest", [False, True])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cell", lambda old: old + np.uint32(2**31)),
        ("cell", lambda old: old.astype(float)),
        ("count", lambda old: old[:-1]),
        ("offset", lambda old: old[::-1].copy()),
        ("offset", lambda old: old + 10**9),
        ("length", lambda old: old * 0),
        ("label", lambda old: old + 7),
        ("speaker", lambda old: old[:1]),
        ("numbers", lambda old: old * -1),
        ("numbers", lambda old: old * np.nan),
        ("classes", lambda old: old[:0]),
    ],
)
def test_altered_arrays_are_made_again(file, name, value, honest):
    expected = cache.binned(file, **GRID)
    with np.load(cached_file()) as stored:
        arrays = {each: stored[each] for each in stored.files}
    arrays[name] = value(arrays[name])
    if honest:
        # an alteration with a matching digest
        arrays["digest"] = cache._digest(arrays, cached_file().stem)
    np.savez(cached_file(), **arrays)
    assert_made_again(file, expected)


def test_data_of_another_source_under_this_name_are_made_again(file):
    expected = cache.binned(file, **GRID)
    path = cached_file()
    cache.binned(file, **{**GRID, "time_step_ms": 4.0})
    (other,) = set(path.parent.iterdir()) - {path}
    other.replace(path)
    assert_made_again(file, expected)


def test_a_cache_that_cannot_be_written_causes_a_warning(file, monkeypatch, tmp_path):
    expected = cache.binned(file, **GRID)
    (tmp_path / "no folder").touch()
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "no folder"))
    with pytest.warns(UserWarning, match="cannot be kept"):
        actual = cache.binned(file, **GRID)
    np.testing.assert_array_equal(actual.cell, expected.cell)


def _make(folder, barrier, results):
    os.environ["SNNSIM_CACHE"] = folder
    barrier.wait()
    folder = TINY.prepare(0)
    results.put(cache.binned(folder / "motifs-tiny_train.h5", time_step_ms=10.0, channels=20).cell.sum())


def test_processes_that_generate_the_same_files_all_get_them(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    makers = [context.Process(target=_make, args=(str(tmp_path), barrier, results)) for _ in range(4)]
    for maker in makers:
        maker.start()
    sums = [results.get(timeout=120) for _ in makers]
    for maker in makers:
        maker.join()
        assert maker.exitcode == 0
    assert len(set(sums)) == 1
    assert not [path for path in tmp_path.rglob("*") if ".partial" in path.name]


@pytest.mark.parametrize("damage", [lambda _: b"", lambda old: old[:-9], lambda old: old[:-9] + b"123456789"])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_damaged_generated_file_is_generated_again_with_a_warning(damage, sealed):
    folder = TINY.prepare(0)
    path = folder / "motifs-tiny_valid.h5"
    content = path.read_bytes()
    if not sealed:
        # older versions wrote no seals
        synthetic_files._seal(path).unlink()
        if damage(content)[:-9] == content[:-9] and len(damage(content)) == len(content):
            pytest.skip("a change of numbers is only found by a seal")
    path.write_bytes(damage(content))
    with pytest.warns(UserWarning, match=r"motifs-tiny_valid\.h5: the file is damaged; the data set is made again"):
        TINY.prepare(0)
    assert path.read_bytes() == content


def test_generated_files_without_seals_are_accepted():
    folder = TINY.prepare(0)
    for seal in folder.glob(".*.sha256"):
        seal.unlink()
    assert replace(TINY, generate=None).prepare(0) == folder
    assert len(list(folder.glob(".*.sha256"))) == 3


def test_counts_on_a_grid_keep_their_steps_in_a_file(tmp_path):
    count = np.random.default_rng(0).integers(0, 2, (3, 5000, 4))
    for time_step_ms in (0.1, 1 / 3, 10.0):
        recordings = synthetic_files.recordings(count, np.zeros(3, int), ("a",), time_step_ms=time_step_ms)
        heidelberg.write(tmp_path / "a.h5", replace(recordings))
        binned = cache.binned(tmp_path / "a.h5", time_step_ms=time_step_ms, channels=4)
        frames, _ = binned.dense(np.arange(3))
        np.testing.assert_array_equal(frames.swapaxes(0, 1), count[:, : len(frames)])
