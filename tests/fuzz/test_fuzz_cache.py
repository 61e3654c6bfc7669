"""Kept binned data and archives with changed bytes or arrays: made again, or refused; never other frames."""

import gzip
import io
import lzma
import warnings
import zipfile

import numpy as np
import pytest

from helpers.fuzzing import cases
from snnsim import files
from snnsim.data import archives, cache, heidelberg
from snnsim.data.recordings import Recordings

GRID = {"time_step_ms": 5.0, "channels": 4}


@pytest.fixture
def file(tmp_path):
    """Return a small file of recordings."""
    draw = np.random.default_rng(0)
    recordings = Recordings(
        time_ms=np.sort(draw.uniform(0, 100, 60)),
        unit=draw.integers(0, 8, 60),
        offset=np.array([0, 20, 60]),
        label=np.array([0, 1]),
        speaker=np.array([3, 4]),
        classes=("a", "b"),
        units=8,
    )
    heidelberg.write(tmp_path / "a.h5", recordings)
    return tmp_path / "a.h5"


def mutated(content, draw):
    """Return the bytes with some of them changed or cut off."""
    damaged = bytearray(content)
    for _ in range(draw.integers(1, 4)):
        position, length = int(draw.integers(len(damaged))), int(draw.choice([1, 1, 2, 8]))
        kind = draw.integers(5)
        if kind == 0:
            damaged[position] ^= 1 << draw.integers(8)
        elif kind == 1:
            damaged[position : position + length] = draw.bytes(length)
        elif kind == 2:
            damaged[position : position + length] = b"\xff" * length
        elif kind == 3:
            damaged[position : position + length] = bytes(length)
        else:
            damaged = damaged[: position + 1] if draw.random() < 0.2 else damaged
    return bytes(damaged)


def rewritten(content, draw, key):
    """Return a kept file with consistent checksums and one array that is another, with an honest digest or without."""
    with np.load(io.BytesIO(content)) as stored:
        arrays = {name: stored[name] for name in stored.files}
    name = str(draw.choice(list(arrays)))
    array, kind = arrays[name].copy(), draw.integers(7)
    if kind == 0 and array.dtype.kind in "iuf":
        array[draw.integers(array.size)] = draw.choice([0, 1, 7, 100, 255])
    elif kind == 1 and array.dtype.kind in "iu":
        array[draw.integers(array.size)] = np.iinfo(array.dtype).max
    elif kind == 2:
        array = array[: draw.integers(array.size)]
    elif kind == 3 and array.dtype.kind in "iuf":
        array = array.astype(draw.choice(["i1", "f4", "u8", "c8"]))
    elif kind == 4:
        array = array[::-1]
    elif kind == 5:
        array = array.reshape(-1, 1)
    else:
        array = np.concatenate([array, array])
    arrays[name] = array
    if draw.random() < 0.5:
        arrays["digest"] = cache._digest(arrays, key)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_kept_data_that_changed_are_made_again(tally, file):
    draw, wanted = np.random.default_rng(0), cache.binned(file, **GRID)
    (path,) = (files.cache_folder() / "binned").iterdir()
    content, frames = path.read_bytes(), wanted.dense([0, 1])[0]
    for number in range(cases(300)):
        honest = number % 2 == 1
        path.write_bytes(rewritten(content, draw, path.stem) if honest else mutated(content, draw))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            got = tally.call(lambda: cache.binned(file, **GRID), case=number)
        assert got is not None
        # a file with a new digest can have other numbers, but none that lie outside of the frames
        got.check("fuzz")
        dense = got.dense(np.arange(len(got)))[0]
        assert honest or np.array_equal(dense, frames)


@pytest.mark.parametrize("pack", ["gz", "xz", "zip"])
def test_damaged_archives_are_refused_or_hold_what_they_did(tally, tmp_path, pack):
    draw, path = np.random.default_rng(0), tmp_path / f"a.h5.{pack}"
    original = draw.integers(0, 4, 20_000).astype(np.uint8).tobytes()
    if pack == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.h5", original)
    else:
        path.write_bytes({"gz": gzip, "xz": lzma}[pack].compress(original))
    content = path.read_bytes()
    for number in range(cases(150)):
        path.write_bytes(mutated(content, draw))
        unpacked = tally.call(lambda: archives.unpacked(path), case=number)
        # an archive has a checksum of what it holds; zeros may stand behind it, and a zip may lose its own name
        assert unpacked is None or unpacked == original
