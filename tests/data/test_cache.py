"""Kept files that were altered, cut, renamed or made by several at once: never wrong frames, never an end of Python."""

import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pytest

from snnsim import files
from snnsim.data import cache, heidelberg, motifs, synthetic_files
from snnsim.data.motifs import Recipe
from snnsim.data.recordings import Recordings

GRID = {"time_step_ms": 5.0, "channels": 4}


@pytest.fixture
def file(tmp_path):
    generator = np.random.default_rng(0)
    recordings = Recordings(
        time_ms=np.sort(generator.uniform(0, 100, 60)).astype(np.float32),
        unit=generator.integers(0, 8, 60),
        offset=np.array([0, 20, 60]),
        label=np.array([0, 1]),
        speaker=np.array([3, 4]),
        classes=("a", "b"),
        units=8,
    )
    heidelberg.write(tmp_path / "a.h5", recordings)
    return tmp_path / "a.h5"


def kept():
    (path,) = (files.cache_folder() / "binned").iterdir()
    return path


def assert_made_again(file, wanted):
    with pytest.warns(UserWarning, match=r"binned.*\.npz: the kept binned data are damaged .* made again"):
        got = cache.binned(file, **GRID)
    for name, value in vars(wanted).items():
        np.testing.assert_array_equal(getattr(got, name), value)


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
    wanted = cache.binned(file, **GRID)
    with np.load(kept()) as stored:
        arrays = {each: stored[each] for each in stored.files}
    arrays[name] = value(arrays[name])
    if honest:
        # as someone would who knows how the digest is made
        arrays["digest"] = cache._digest(arrays, kept().stem)
    np.savez(kept(), **arrays)
    assert_made_again(file, wanted)


def test_data_of_another_source_under_this_name_are_made_again(file):
    wanted = cache.binned(file, **GRID)
    path = kept()
    cache.binned(file, time_step_ms=4.0, channels=4)
    (other,) = set(path.parent.iterdir()) - {path}
    other.replace(path)
    assert_made_again(file, wanted)


def test_a_cache_that_cannot_be_written_costs_a_word(file, monkeypatch, tmp_path):
    wanted = cache.binned(file, **GRID)
    (tmp_path / "no folder").touch()
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "no folder"))
    with pytest.warns(UserWarning, match="cannot be kept"):
        got = cache.binned(file, **GRID)
    np.testing.assert_array_equal(got.cell, wanted.cell)


def _make(folder, barrier, found):
    os.environ["SNNSIM_CACHE"] = folder
    barrier.wait()
    task = motifs.Task("motifs-tiny", Recipe(recordings=(("train", 40), ("valid", 20), ("test", 20))))
    place = task.prepare(0)
    found.put(cache.binned(place / "motifs-tiny_train.h5", time_step_ms=10.0, channels=20).cell.sum())


def test_several_that_make_the_same_at_once_all_get_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, found = context.Barrier(4), context.Queue()
    makers = [context.Process(target=_make, args=(str(tmp_path), barrier, found)) for _ in range(4)]
    for maker in makers:
        maker.start()
    sums = [found.get(timeout=120) for _ in makers]
    for maker in makers:
        maker.join()
        assert maker.exitcode == 0
    assert len(set(sums)) == 1
    assert not [path for path in tmp_path.rglob("*") if ".partial" in path.name]


@pytest.mark.parametrize("damage", [lambda _: b"", lambda whole: whole[:-9], lambda whole: whole[:-9] + b"123456789"])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_damaged_made_file_is_made_again_with_a_word(damage, sealed):
    task = motifs.Task("motifs-tiny", Recipe(recordings=(("train", 40), ("valid", 20), ("test", 20))))
    place = task.prepare(0)
    path = place / "motifs-tiny_valid.h5"
    whole = path.read_bytes()
    if not sealed:
        # as made before there were seals
        synthetic_files._seal(path).unlink()
        if damage(whole)[:-9] == whole[:-9] and len(damage(whole)) == len(whole):
            pytest.skip("a change of numbers is only found by a seal")
    path.write_bytes(damage(whole))
    with pytest.warns(UserWarning, match=r"motifs-tiny_valid\.h5: the file is damaged; the data set is made again"):
        task.prepare(0)
    assert path.read_bytes() == whole


def test_made_files_of_before_there_were_seals_are_taken(monkeypatch):
    task = motifs.Task("motifs-tiny", Recipe(recordings=(("train", 40), ("valid", 20), ("test", 20))))
    place = task.prepare(0)
    for seal in place.glob(".*.sha256"):
        seal.unlink()
    monkeypatch.delattr(motifs, "make")
    assert task.prepare(0) == place
    assert len(list(place.glob(".*.sha256"))) == 3


def test_counts_on_a_grid_keep_their_steps_in_a_file(tmp_path):
    count = np.random.default_rng(0).integers(0, 2, (3, 5000, 4))
    for time_step_ms in (0.1, 1 / 3, 10.0):
        recordings = synthetic_files.recordings(count, np.zeros(3, int), ("a",), time_step_ms=time_step_ms)
        heidelberg.write(tmp_path / "a.h5", replace(recordings))
        binned = cache.binned(tmp_path / "a.h5", time_step_ms=time_step_ms, channels=4)
        frames, _ = binned.dense(np.arange(3))
        np.testing.assert_array_equal(frames.swapaxes(0, 1), count[:, : len(frames)])
