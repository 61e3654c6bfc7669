"""Damaged SHD-format files: one clear error that names the file, or recordings that hold; never an end of Python.

Bytes are changed, cut, doubled or swapped, and HDF5 objects replaced by others. Every file that is new to snnsim starts a
process, so there are few at the default.
"""

import h5py
import numpy as np
import pytest
from fuzzing import cases

from snnsim.data import binning, events, heidelberg
from snnsim.data.events import Recordings

NAMES = ("labels", "spikes/times", "spikes/units", "extra/speaker", "extra/keys", "extra", "spikes")


@pytest.fixture
def content(tmp_path):
    """Return the bytes of a small file."""
    draw = np.random.default_rng(0)
    made = Recordings(
        time_ms=np.sort(draw.random((6, 9)).astype(np.float16)).ravel().astype(np.float32) * 1000,
        unit=draw.integers(0, 20, 54),
        offset=np.arange(7) * 9,
        label=np.arange(6) % 3,
        speaker=np.arange(6) - 1,
        classes=("a", "b", "c"),
        units=20,
    )
    heidelberg.write(tmp_path / "good.h5", made)
    return (tmp_path / "good.h5").read_bytes()


def damaged(content, draw):
    """Return the bytes with some of them changed; most of a small file are zeros, which are chosen less often."""
    made = bytearray(content)
    used = np.flatnonzero(np.frombuffer(content, np.uint8))
    for _ in range(draw.integers(1, 4)):
        place = int(draw.choice(used)) if draw.random() < 0.8 else int(draw.integers(len(made)))
        place = min(place, len(made) - 1)
        length = int(draw.choice([1, 1, 1, 2, 4, 8, 64]))
        how = draw.integers(7)
        if how == 0:
            made[place] ^= 1 << draw.integers(8)
        elif how == 1:
            made[place : place + length] = bytes(length)
        elif how == 2:
            made[place : place + length] = b"\xff" * length
        elif how == 3:
            made[place : place + length] = made[place : place + length][::-1]
        elif how == 4:
            made[place : place + length] = draw.bytes(length)
        elif how == 5:
            other = int(draw.choice(used))
            made[place : place + length] = content[other : other + length]
        else:
            made = made[:place] if draw.random() < 0.2 else made
        made = made or bytearray(b"\x89HDF")
        used = used[used < len(made)]
        used = used if used.size else np.array([0])
    return bytes(made)


def restructured(path, draw):
    """Replace an object of the file by another kind of object."""
    with h5py.File(path, "a") as file:
        for _ in range(draw.integers(1, 3)):
            name = str(draw.choice(NAMES))
            how = draw.integers(10)
            if name in file:
                del file[name]
            elif how:
                continue
            if how == 1:
                file.create_group(name)
            elif how == 2:
                file[name] = draw.choice(np.array([0, 3, -1]))
            elif how == 3:
                file[name] = draw.normal(size=draw.integers(0, 7, draw.integers(1, 3)))
            elif how == 4:
                file[name] = np.array([b"a", b"b", b"c", b"\xff", b"", b"a"])[: draw.integers(1, 7)]
            elif how == 5:
                file[name] = draw.integers(-3, 2**40, 6)
            elif how == 6:
                file[name] = h5py.SoftLink(str(draw.choice(["/labels", f"/{name}", "/nothing", "/"])))
            elif how == 7:
                file[name] = h5py.ExternalLink(str(draw.choice(["/dev/zero", "nothing.h5", str(path)])), "labels")
            elif how == 8:
                file[name] = np.zeros(6, [("x", int), ("y", "S3")])
            elif how == 9:
                made = file.create_dataset(name, (6,), h5py.vlen_dtype(np.dtype(draw.choice(["f4", "i2", "u8", "S1"]))))
                for number in range(6 if made.dtype.kind == "O" else 0):
                    made[number] = draw.integers(0, 20, 9).astype(h5py.check_vlen_dtype(made.dtype))
        odd = ["ms", 2**40, -1, 0.5, np.nan, [1, 2], "s", h5py.Empty("f"), 20]
        for attribute in ("units", "time_unit"):
            if draw.random() < 0.2:
                file.attrs[attribute] = odd[draw.integers(len(odd))]


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
        found = tally.call(lambda: read_named(path), case=f"number {number}")
        if found is not None:
            events.validate(found, "fuzz")
            assert found.units < 2**27
            binned = binning.bin_events(found, time_step_ms=1000.0, channels=1)
            assert binned.count.sum() == len(found.time_ms)


def read_named(path):
    try:
        return heidelberg.read(path)
    except (ValueError, OSError) as error:
        assert str(path) in str(error), error
        raise
