"""Damaged SHD-format files: one clear error that names the file, or recordings that hold; never an end of Python.

Bytes are changed, cut, doubled or swapped, and HDF5 objects replaced by others. Every file that is new to snnsim starts
a process, so there are few at the default.
"""

import h5py
import numpy as np
import pytest

from helpers.fuzzing import cases
from snnsim.data import binning, heidelberg, recordings
from snnsim.data.recordings import Recordings

NAMES = ("labels", "spikes/times", "spikes/units", "extra/speaker", "extra/keys", "extra", "spikes")


@pytest.fixture
def content(tmp_path):
    """Return the bytes of a small file."""
    draw = np.random.default_rng(0)
    good = Recordings(
        time_ms=np.sort(draw.random((6, 9)).astype(np.float16)).ravel().astype(np.float32) * 1000,
        unit=draw.integers(0, 20, 54),
        offset=np.arange(7) * 9,
        label=np.arange(6) % 3,
        speaker=np.arange(6) - 1,
        classes=("a", "b", "c"),
        units=20,
    )
    heidelberg.write(tmp_path / "good.h5", good)
    return (tmp_path / "good.h5").read_bytes()


def damaged(content, draw):
    """Return the bytes with some of them changed; most of a small file are zeros, which are chosen less often."""
    changed = bytearray(content)
    used = np.flatnonzero(np.frombuffer(content, np.uint8))
    for _ in range(draw.integers(1, 4)):
        position = int(draw.choice(used)) if draw.random() < 0.8 else int(draw.integers(len(changed)))
        position = min(position, len(changed) - 1)
        length = int(draw.choice([1, 1, 1, 2, 4, 8, 64]))
        kind = draw.integers(7)
        if kind == 0:
            changed[position] ^= 1 << draw.integers(8)
        elif kind == 1:
            changed[position : position + length] = bytes(length)
        elif kind == 2:
            changed[position : position + length] = b"\xff" * length
        elif kind == 3:
            changed[position : position + length] = changed[position : position + length][::-1]
        elif kind == 4:
            changed[position : position + length] = draw.bytes(length)
        elif kind == 5:
            other = int(draw.choice(used))
            changed[position : position + length] = content[other : other + length]
        else:
            changed = changed[:position] if draw.random() < 0.2 else changed
        changed = changed or bytearray(b"\x89HDF")
        used = used[used < len(changed)]
        used = used if used.size else np.array([0])
    return bytes(changed)


def rows(file, name, draw):
    """Put rows of another type there."""
    kind = np.dtype(draw.choice(["f4", "f8", "i2", "u8", "?"]))
    dataset = file.create_dataset(name, (6,), h5py.vlen_dtype(kind))
    for number in range(6):
        dataset[number] = draw.integers(0, 20, draw.choice([0, 8, 9])).astype(kind)


def put(make):
    """Return a function that puts an object there."""

    def change(file, name, draw):
        file[name] = make(name, draw)

    return change


OBJECTS = (
    lambda *_: None,
    lambda file, name, _: file.create_group(name),
    lambda file, name, _: file.create_dataset(name, (10**12,), "u2", chunks=(1000,)),
    rows,
    put(lambda _, draw: draw.choice(np.array([0, 3, -1]))),
    put(lambda _, draw: draw.normal(size=draw.integers(0, 7, draw.integers(1, 3)))),
    put(lambda _, draw: np.array([b"a", b"b", b"c", b"\xff", b"", b"a"])[: draw.integers(1, 7)]),
    put(lambda _, draw: draw.integers(-3, 2**40, 6)),
    put(lambda _, draw: draw.integers(0, 3, (6, draw.integers(1, 4)))),
    put(lambda name, draw: h5py.SoftLink(str(draw.choice(["/labels", f"/{name}", "/nothing", "/"])))),
    put(lambda _, draw: h5py.ExternalLink(str(draw.choice(["/dev/zero", "nothing.h5"])), "labels")),
    put(lambda *_: np.zeros(6, [("x", int), ("y", "S3")])),
)
ODD = ["ms", 2**40, -1, 0.5, np.nan, [1, 2], "s", h5py.Empty("f"), 20]


def restructured(path, draw):
    """Replace objects of the file by others."""
    with h5py.File(path, "a") as file:
        for name in draw.choice(NAMES, draw.integers(1, 3), replace=False):
            if name in file:
                del file[name]
                OBJECTS[draw.integers(len(OBJECTS))](file, name, draw)
        for attribute in ("units", "time_unit"):
            if draw.random() < 0.2:
                file.attrs[attribute] = ODD[draw.integers(len(ODD))]


def test_damaged_files_are_refused_or_read(tally, tmp_path, content):
    draw, path = np.random.default_rng(0), tmp_path / "mine_train.h5"
    for number in range(cases(10)):
        path.unlink(missing_ok=True)
        path.write_bytes(content if number % 4 == 0 else damaged(content, draw))
        if number % 4 == 0:
            try:
                restructured(path, draw)
            except (ValueError, TypeError, OSError, RuntimeError, KeyError):
                # h5py does not make such an object
                continue
        result = tally.call(lambda: read_named(path), case=f"number {number}")
        if result is not None:
            recordings.validate(result, "fuzz")
            assert result.units < 2**27
            binned = binning.bin_events(result, time_step_ms=1000.0, channels=1)
            assert binned.count.sum() == len(result.time_ms)


def read_named(path):
    try:
        return heidelberg.read(path)
    except (ValueError, OSError) as error:
        if str(path) not in str(error):
            raise AssertionError(f"the file is not named: {error}") from error
        raise
