"""SHD-format files of other writers, damaged files, and paths to other things."""

import gzip
import lzma
import os
import re
import signal
import struct
import subprocess
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest

from snnsim.data import archives, binning, columns, hdf5, heidelberg
from snnsim.data.recordings import Recordings


def recordings(units=700, time_ms=(1.0, 2.0, 3.0), label=(0, 2, 1, 0, 3), speaker=(0, 1, 2, -1, 1)):
    count = len(label)
    return Recordings(
        time_ms=np.tile(np.array(time_ms), count),
        unit=np.tile(np.array([0, 1, units - 1]), count),
        offset=np.arange(count + 1) * 3,
        label=np.array(label),
        speaker=np.array(speaker),
        classes=("a", "b", "fünf", "d"),
        units=units,
    )


@pytest.fixture
def file(tmp_path):
    heidelberg.write(tmp_path / "mine_train.h5", recordings())
    return tmp_path / "mine_train.h5"


def put(path, name, value, **options):
    with h5py.File(path, "a") as opened:
        if name in opened:
            del opened[name]
        opened.create_dataset(name, data=value, **options)
    return path


LABEL = np.array([0, 2, 1, 0, 3])
NAMES = np.array(["a", "fünf", "b", "a", "d"])


@pytest.mark.parametrize(
    "value",
    [
        LABEL[:, None],
        LABEL.astype(np.float64),
        LABEL.astype(np.uint8)[:, None],
        np.eye(4)[LABEL],
        np.eye(4, dtype=bool)[LABEL],
        np.char.encode(NAMES),
        np.char.encode(NAMES)[:, None],
        NAMES.astype(object),
    ],
)
def test_unambiguous_labels_are_read(file, value):
    text = {"dtype": h5py.string_dtype()} if value.dtype.kind == "O" else {}
    assert heidelberg.read(put(file, "labels", value, **text)).label.tolist() == LABEL.tolist()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (LABEL + 0.7, r"labels must be integers; entry 0 is 0\.7"),
        (np.where(LABEL == 3, np.nan, LABEL), "labels must be integers; entry 4 is nan"),
        (np.array([0, 0, 0, 0, 2**64 - 1], np.uint64), "labels must be integers; entry 4 is 18446744073709551615"),
        (np.eye(4)[LABEL] * 2, "labels of shape .* must be one-hot"),
        (np.ones((5, 4)), "labels of shape .* must be one-hot"),
        (np.array([b"a", b"b", b"c", b"d", b"a"]), "labels that are names must be in extra/keys"),
        (np.zeros((5, 2, 2)), "labels must have one entry per recording"),
        (3, "labels must have one entry per recording"),
        (np.zeros(5, [("x", int)]), "labels must be integers or names"),
        (np.array([0, 0, 0, 0, 4]), "recording 4 holds label 4"),
    ],
)
def test_ambiguous_labels_are_refused(file, value, words):
    with pytest.raises(ValueError, match=rf"mine_train\.h5: .*{words}"):
        heidelberg.read(put(file, "labels", value))


def test_names_as_labels_need_the_names_of_the_classes(file):
    put(file, "labels", np.char.encode(NAMES))
    with h5py.File(file, "a") as opened:
        del opened["extra/keys"]
    with pytest.raises(ValueError, match="with no names there"):
        heidelberg.read(file)


def test_labels_without_names_may_not_claim_a_billion_classes(file):
    put(file, "labels", np.array([0, 1, 2, 3, 2**31]))
    with h5py.File(file, "a") as opened:
        del opened["extra/keys"]
    with pytest.raises(ValueError, match="labels without extra/keys must be below 1,048,576"):
        heidelberg.read(file)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.array([b"eve", b"adam", b"eve", b"", b"kim"]), [2, 1, 2, 0, 3]),
        (np.array([0, 1, 2, 65535, 1], np.uint16), [0, 1, 2, -1, 1]),
        (np.array([0, 1, 2, 65535, -1]), [0, 1, 2, 65535, -1]),
        (np.array([[0], [1], [2], [3], [4.0]]), [0, 1, 2, 3, 4]),
    ],
)
def test_speakers_are_numbers_or_names(file, value, wanted):
    assert heidelberg.read(put(file, "extra/speaker", value)).speaker.tolist() == wanted


@pytest.mark.parametrize("value", [[0, 1, np.nan, 0, 0], [0, 1, 0.5, 0, 0], [0, 1, np.inf, 0, 0], np.ones((5, 3))])
def test_speakers_that_are_no_integers_are_refused(file, value):
    with pytest.raises(ValueError, match=r"mine_train\.h5: extra/speaker must"):
        heidelberg.read(put(file, "extra/speaker", np.array(value)))


def test_class_names_in_latin_1_and_numbers_are_read(file):
    keys = np.array([b"a", b"b", "fünf".encode("latin-1"), b"d"])
    assert heidelberg.read(put(file, "extra/keys", keys)).classes == ("a", "b", "fünf", "d")
    assert heidelberg.read(put(file, "extra/keys", np.arange(4))).classes == ("0", "1", "2", "3")


@pytest.mark.parametrize("name", ["labels", "extra/keys", "extra/speaker", "spikes/times"])
def test_a_group_in_place_of_a_data_set_is_named(file, name):
    with h5py.File(file, "a") as opened:
        del opened[name]
        opened.create_group(name)
    with pytest.raises(ValueError, match=rf"mine_train\.h5: {name} must be a data set; it is a group"):
        heidelberg.read(file)


@pytest.mark.parametrize("value", ["ms", b"us", 2**40, 0, -1, 0.5, np.nan, [1, 2]])
def test_the_number_of_channels_must_be_one(file, value):
    with h5py.File(file, "a") as opened:
        opened.attrs["units"] = value
    with pytest.raises(ValueError, match=r"mine_train\.h5: the attribute units.*number of channels"):
        heidelberg.read(file)


def put_times(path, rows, kind):
    with h5py.File(path, "a") as opened:
        del opened["spikes/times"]
        dataset = opened.create_dataset("spikes/times", (len(rows),), h5py.vlen_dtype(np.dtype(kind)))
        for number, row in enumerate(rows):
            dataset[number] = row


@pytest.mark.parametrize(("unit", "factor"), [("ms", 1e3), ("us", 1e6)])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_milliseconds_and_microseconds_need_the_attribute_time_unit(tmp_path, unit, factor, kind):
    wanted, path = recordings(time_ms=(125.0, 250.0, 1000.0)), tmp_path / "mine_train.h5"
    heidelberg.write(path, wanted)
    put_times(path, [(np.array([0.125, 0.25, 1.0]) * factor).astype(kind)] * 5, kind)
    with pytest.raises(ValueError, match=r"mine_train\.h5: spikes/times must be .*time_unit"):
        heidelberg.read(path)
    with h5py.File(path, "a") as opened:
        opened.attrs["time_unit"] = unit
    np.testing.assert_array_equal(heidelberg.read(path).time_ms, wanted.time_ms)
    with h5py.File(path, "a") as opened:
        opened.attrs["time_unit"] = "hours"
    with pytest.raises(ValueError, match="the attribute time_unit must be one of s, ms, us, ns, not 'hours'"):
        heidelberg.read(path)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_every_kind_of_nan_is_refused_by_name(file, kind):
    """A signalling NaN makes NumPy warn, which is an error in these tests."""
    row = np.array([0.1, 0.2, 0.3], kind)
    row.view(f"u{row.itemsize}")[2] = {2: 0x7C01, 4: 0x7F800001, 8: 0x7FF0000000000001}[row.itemsize]
    put_times(file, [row] * 5, kind)
    with pytest.raises(ValueError, match=r"mine_train\.h5: spike times must be finite; recording 0 \(and 4 more\)"):
        heidelberg.read(file)


def test_written_long_recordings_are_seconds(tmp_path):
    written = recordings(time_ms=(0.0, 5e6, 1e8))
    heidelberg.write(tmp_path / "a.h5", written)
    np.testing.assert_array_equal(heidelberg.read(tmp_path / "a.h5").time_ms, written.time_ms)


@pytest.mark.parametrize("units", [65_536, 65_537, 179_920, 921_600])
def test_channels_beyond_16_bits_are_kept(tmp_path, units):
    heidelberg.write(tmp_path / "a.h5", recordings(units=units))
    read = heidelberg.read(tmp_path / "a.h5")
    assert read.unit[:3].tolist() == [0, 1, units - 1]
    binned = binning.bin_events(read, time_step_ms=1.0, channels=units)
    assert (binned.cell[:3] % units).tolist() == [0, 1, units - 1]


def test_labels_and_speakers_beyond_16_bits_are_kept(tmp_path):
    names = tuple(map(str, range(70_000)))
    written = replace(recordings(label=(0, 65_535, 65_536, 69_999, 1), speaker=(-1, 65_534, 65_535, 70_000, 2**40)))
    written = replace(written, classes=names)
    heidelberg.write(tmp_path / "a.h5", written)
    read = heidelberg.read(tmp_path / "a.h5")
    assert (read.label.tolist(), read.speaker.tolist()) == (written.label.tolist(), written.speaker.tolist())


def test_a_data_set_that_claims_more_than_the_file_can_hold_is_refused_before_it_is_read(file):
    with h5py.File(file, "a") as opened:
        del opened["labels"]
        opened.create_dataset("labels", (10**12,), np.uint16, chunks=(10**4,))
    with pytest.raises(ValueError, match=r"labels claims \(1000000000000,\) numbers.*SNNSIM_READ_LIMIT"):
        heidelberg.read(file)


@pytest.mark.parametrize("pack", ["gz", "xz", "zip"])
def test_bombs_stop_early_and_the_limit_can_be_raised(tmp_path, pack, monkeypatch):
    path, zeros = tmp_path / f"a.h5.{pack}", bytes(100 * 2**20)
    if pack == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.h5", zeros)
    else:
        path.write_bytes({"gz": gzip, "xz": lzma}[pack].compress(zeros))
    with pytest.raises(ValueError, match=r"unpacks to more than [67]\d MB.*SNNSIM_READ_LIMIT=10"):
        archives.unpacked(path)
    monkeypatch.setenv("SNNSIM_READ_LIMIT", "10")
    assert len(archives.unpacked(path)) == len(zeros)
    monkeypatch.setenv("SNNSIM_READ_LIMIT", "much")
    with pytest.raises(ValueError, match="SNNSIM_READ_LIMIT: the factor must be a number above 0"):
        archives.unpacked(path)


def test_archives_in_several_parts_are_joined(tmp_path):
    for pack, module in (("gz", gzip), ("xz", lzma)):
        path = tmp_path / f"a.h5.{pack}"
        path.write_bytes(module.compress(b"one") + module.compress(b"two"))
        assert archives.unpacked(path) == b"onetwo"


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".zip"])
def test_folders_and_pipes_are_refused_at_once(tmp_path, suffix):
    pipe, folder, link = (tmp_path / f"{name}.h5{suffix}" for name in ("pipe", "folder", "link"))
    os.mkfifo(pipe)
    folder.mkdir()
    link.symlink_to("/dev/zero")
    for path, words in ((pipe, "a pipe, a socket or a device"), (folder, "a folder"), (link, "a device")):
        with pytest.raises(OSError, match=rf"{path.name}: data must be a file; this is .*{words}"):
            heidelberg.read(path)


def test_files_that_crash_or_stall_libhdf5_are_refused(file, monkeypatch, tmp_path):
    """A second process stands for libhdf5 on such a file."""
    script = tmp_path / "child.py"
    file.write_bytes(file.read_bytes() + b"\0")
    monkeypatch.setattr(hdf5, "__file__", str(script))
    script.write_text("import os\nprint('reading', flush=True)\nos.abort()")
    with pytest.raises(ValueError, match=rf"mine_train\.h5: .*damaged or cut off .*{-signal.SIGABRT}"):
        heidelberg.read(file)
    monkeypatch.setenv("SNNSIM_READ_LIMIT", "0.05")
    script.write_text("import time\nprint('reading', flush=True)\ntime.sleep(60)")
    with pytest.raises(ValueError, match=r"mine_train\.h5: .*does not come to an end of it within 1 s"):
        heidelberg.read(file)


def test_a_row_that_claims_gigabytes_is_refused(file):
    content, refused = file.read_bytes(), 0
    # length, place and number of a row of three
    for row in re.finditer(re.escape(struct.pack("<I", 3)) + b".{6}\0\0.\0\0\0", content, re.DOTALL):
        damaged = bytearray(content)
        damaged[row.start() : row.start() + 4] = struct.pack("<I", 2**32 - 1)
        file.write_bytes(damaged)
        try:
            read = heidelberg.read(file)
        except ValueError as error:
            assert str(error).startswith(f"{file}: ")  # noqa: PT017 - some of what looks like a row is none
            refused += 1
        else:
            np.testing.assert_array_equal(read.time_ms, recordings().time_ms)
    assert refused >= 10


def test_a_file_is_tried_once_and_remembered(file, monkeypatch, tmp_path):
    other = tmp_path / "other.h5"
    # bytes that this process has not written
    other.write_bytes(file.read_bytes() + b"\0")
    calls = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *rest, **options: (calls.append(1), run(*rest, **options))[1])
    wanted = heidelberg.read(file)
    assert calls == []
    for _ in range(2):
        np.testing.assert_array_equal(heidelberg.read(other).time_ms, wanted.time_ms)
        assert calls == [1]
    monkeypatch.setattr(hdf5, "_good", set())
    heidelberg.read(other)
    assert calls == [1], "the cache folder remembers it for other processes"


def test_limits_are_module_constants():
    assert columns.MOST_UNITS >= 2**20
    assert columns.MOST_UNNAMED >= 2**16
