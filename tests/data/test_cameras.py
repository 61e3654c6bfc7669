"""Files of event cameras: every event arrives in its place, in order, and damaged files are named."""

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from helpers.own_data import write
from snnsim.data.cameras import conversion, events
from snnsim.data.cameras.events import Options
from snnsim.data.sources.event_source import EventSource, check
from snnsim.data.sources.source import Settings

AEDAT4 = Path(__file__).parents[1] / "helpers" / "events.aedat4"
"""100 events of 20 x 10 pixels, written by dv-processing 2.0.4."""
RNG = np.random.default_rng(0)
COUNT = 60
TIME = np.sort(RNG.integers(1000, 400_000, COUNT))
ROW, COLUMN, POLARITY = RNG.integers(0, 30, COUNT), RNG.integers(0, 34, COUNT), RNG.integers(0, 2, COUNT)


def nmnist(time=TIME):
    parts = [COLUMN, ROW, POLARITY << 7 | time >> 16, time >> 8 & 255, time & 255]
    return np.stack(parts, 1).astype(np.uint8).tobytes()


def prophesee():
    word = COLUMN | ROW << 14 | POLARITY << 28
    text = b"% Data file containing CD events\n% Version 2\n% Width 40\n% Height 32\n"
    return text + bytes([12, 8]) + np.stack([TIME, word], 1).astype("<u4").tobytes()


def aedat2(camera="DVS128"):
    header = f"#!AER-DAT2.0\r\n# AEChip: eu.seebetter.ini.chips.{camera}\r\n".encode()
    address = POLARITY | COLUMN << 1 | ROW << 8 if camera == "DVS128" else POLARITY << 11 | COLUMN << 12 | ROW << 22
    return header + np.stack([address, TIME], 1).astype(">u4").tobytes()


def aedat3():
    content = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DAVIS240C\r\n#!END-HEADER\r\n"
    word = 1 | POLARITY << 1 | ROW << 2 | COLUMN << 17
    for part in (slice(0, 25), slice(25, COUNT)):
        body = np.stack([word[part], TIME[part]], 1).astype("<u4").tobytes()
        # a packet of another type lies between
        content += struct.pack("<HHIIIIII", 0, 1, 8, 4, 0, 2, 2, 2) + bytes(16)
        content += struct.pack("<HHIIIIII", 1, 1, 8, 4, 0, len(body) // 8, len(body) // 8, len(body) // 8) + body
    return content


def text():
    lines = [f"{time},{column},{row},{polarity}" for time, column, row, polarity in zip(TIME, COLUMN, ROW, POLARITY)]  # noqa: B905
    return "\n".join(["# recorded here", "t,x,y,p", *lines, ""]).encode()


CAMERAS = {
    "a.bin": (nmnist(), (34, 34, 2)),
    "a.dat": (prophesee(), (32, 40, 2)),
    "dvs.aedat": (aedat2(), (128, 128, 2)),
    "davis.aedat": (aedat2("davis.Davis346B"), (260, 346, 2)),
    "three.aedat": (aedat3(), (180, 240, 2)),
    "a.csv": (text(), (int(ROW.max()) + 1, int(COLUMN.max()) + 1, 2)),
}


def converted(folder, content, name, **options):
    path = folder / "source" / "left" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    settings = Options(**({"unit": "us"} | options))
    return conversion.convert(folder / "source", folder / "out.h5", options=settings, progress=False)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("piece", [7, 2**20])
def test_every_event_is_converted(tmp_path, name, piece, monkeypatch):
    monkeypatch.setattr(events, "PIECE", piece)
    content, sensor = CAMERAS[name]
    result = converted(tmp_path, content, name)
    assert (result.recordings, result.events, result.sensor, result.classes) == (1, COUNT, sensor, ("left",))
    assert not check(tmp_path / "out.h5").errors
    source = EventSource(tmp_path / "out.h5", Settings(time_step_ms=1.0))
    recordings = source.recordings()
    np.testing.assert_allclose(recordings.time_ms * 1000, TIME - TIME[0], rtol=1e-6)
    _, columns, polarities = sensor
    np.testing.assert_array_equal(recordings.unit, (ROW * columns + COLUMN) * polarities + POLARITY)


@pytest.mark.parametrize("name", CAMERAS)
def test_files_that_were_cut_off_are_named(tmp_path, name):
    content, _ = CAMERAS[name]
    cut = content[:-3] if name != "a.csv" else content[:-10] + b"x\n"
    with pytest.raises(ValueError, match=name):
        converted(tmp_path, cut, name)
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("name", CAMERAS)
def test_files_of_noise_are_named_or_converted(tmp_path, name):
    for seed in range(6):
        noise = np.random.default_rng(seed).integers(0, 256, 400).astype(np.uint8).tobytes()
        content, _ = CAMERAS[name]
        for damaged in (noise, content[:40] + noise, content[: len(content) // 2] + noise):
            message = ""
            try:
                converted(tmp_path, damaged, name)
            except ValueError as error:
                message = str(error)
            assert not message or str(tmp_path) in message


def test_overflows_of_nmnist_and_wraps_of_aedat_add_to_the_times(tmp_path):
    overflow = np.array([[0, 240, 0, 0, 0]], np.uint8).tobytes()
    content = nmnist()
    converted(tmp_path, content[: 5 * 20] + overflow + content[5 * 20 :], "a.bin")
    times = EventSource(tmp_path / "out.h5", Settings(time_step_ms=1.0)).recordings().time_ms
    expected = np.sort(TIME + 2**13 * (np.arange(COUNT) >= 20))
    np.testing.assert_allclose(times * 1000, expected - expected[0], rtol=1e-6)
    header = b"#!AER-DAT2.0\r\n# DVS128\r\n"
    times = np.array([[0, 2**32 - 5], [2, 3], [4, 9]]).astype(">u4")
    (tmp_path / "source" / "left" / "a.bin").unlink()
    converted(tmp_path, header + times.tobytes(), "b.aedat")
    result = EventSource(tmp_path / "out.h5", Settings(time_step_ms=1.0)).recordings()
    np.testing.assert_allclose(result.time_ms * 1000, [0, 8, 14], rtol=1e-6)


@pytest.mark.parametrize("end", [b"#End Of ASCII Header\r\n", b"# End of ASCII Header\r\n"])
def test_the_last_line_of_a_header_ends_it(tmp_path, end):
    # row 140 of DAVIS begins with the byte of #
    address = 140 << 22 | np.arange(6) << 12
    events = np.stack([address, 1000 * np.arange(6)], 1).astype(">u4").tobytes()
    assert events[:1] == b"#"
    assert converted(tmp_path, b"#!AER-DAT2.0\r\n# DAVIS240C\r\n" + end + events, "a.aedat").events == 6


def test_aedat4_is_read_by_its_library(tmp_path):
    pytest.importorskip("aedat")
    result = converted(tmp_path, AEDAT4.read_bytes(), "a.aedat4")
    assert (result.events, result.sensor) == (100, (10, 20, 2))
    own = EventSource(tmp_path / "out.h5", Settings(time_step_ms=1.0)).recordings()
    number = np.arange(100)
    np.testing.assert_allclose(own.time_ms * 1000, number * 10, rtol=1e-6)
    np.testing.assert_array_equal(own.unit, (number % 10 * 20 + number % 20) * 2 + (number % 2 == 0))
    for cut in (5, 100, 600):
        with pytest.raises(ValueError, match=r"a\.aedat4"):
            converted(tmp_path, AEDAT4.read_bytes()[:cut], "a.aedat4")


def test_tactile_recordings_are_read(tmp_path):
    matrix = np.zeros((101, 5))
    matrix[[3, 40, 99, 3], [0, 1, 2, 4]] = [1, -1, 1, -1]
    matrix[-1] = [0.5, 0.6, 0.75, 0.8, 1.0]
    path = tmp_path / "source" / "7" / "a.mat"
    path.parent.mkdir(parents=True)
    savemat(path, {"spiketrain": matrix})
    result = conversion.convert(tmp_path / "source", tmp_path / "out.h5", options=Options(), progress=False)
    assert (result.events, result.sensor) == (4, (10, 10, 2))
    own = EventSource(tmp_path / "out.h5", Settings(time_step_ms=1.0)).recordings()
    np.testing.assert_allclose(own.time_ms, [0, 100, 250, 500], rtol=1e-6)
    row, column = np.array([3, 0, 9, 3]), np.array([0, 4, 9, 0])
    np.testing.assert_array_equal(own.unit, (row * 10 + column) * 2 + [1, 0, 1, 0])
    savemat(path, {"other": matrix})
    with pytest.raises(ValueError, match="it must have a matrix spiketrain"):
        conversion.convert(tmp_path / "source", tmp_path / "out.h5", options=Options(), progress=False)


@pytest.mark.parametrize("mark", ["#", "%", "  %"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("head", ["", "t,x,y,p\n"])
def test_marks_and_comments_of_event_lists_are_left_out(tmp_path, mark, start, head):
    content = f"{start}{head}{mark} first\n1,2,3,1\n{mark} 7,7,7,1\n{mark}\n2,3,3,0\n{mark} last"
    result = converted(tmp_path, content.encode(), "a.csv")
    assert (result.events, result.sensor) == (2, (4, 4, 2))


def test_splits_and_subjects_of_folders_are_taken_over(tmp_path):
    for split, names in (("Train", "ab"), ("Test", "a")):
        for name in names:
            for subject in (3, 5):
                path = tmp_path / "source" / split / name / f"user{subject:02d}_1.bin"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(nmnist())
    result = conversion.convert(tmp_path / "source", tmp_path / "out", options=Options(), progress=False)
    assert set(result.files) == {"train", "test"}
    training = EventSource(tmp_path / "out" / "train.h5", Settings(time_step_ms=10.0)).annotations
    assert training.classes == ("a", "b")
    assert (training.group.tolist(), training.label.tolist()) == ([3, 5, 3, 5], [0, 0, 1, 1])
    assert EventSource(tmp_path / "out" / "test.h5", Settings(time_step_ms=10.0)).annotations.classes == ("a", "b")


def test_what_a_file_does_not_say_is_asked_for(tmp_path):
    with pytest.raises(ValueError, match="a text says no unit of its times; name it: --time-unit"):
        converted(tmp_path, text(), "a.csv", unit=None)
    with pytest.raises(ValueError, match="the camera must be dvs128 or davis; the header names none"):
        converted(tmp_path, b"#!AER-DAT2.0\r\n" + bytes(16), "a.aedat")
    path = tmp_path / "plain"
    path.mkdir()
    with pytest.raises(FileNotFoundError, match=": recordings must lie in CLASS/FILE"):
        conversion.convert(path, tmp_path / "out.h5", options=Options(), progress=False)


def test_a_sensor_that_is_too_small_is_refused(tmp_path):
    path = tmp_path / "source" / "left" / "a.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(nmnist())
    with pytest.raises(ValueError, match="all events must lie in the sensor of 20 x 34 x 2; they need 29 x 34 x 2"):
        conversion.convert(
            tmp_path / "source", tmp_path / "out.h5", options=Options(), sensor=(20, 34, 2), progress=False
        )


def test_hidden_folders_are_no_classes(tmp_path):
    hidden = tmp_path / "source" / ".ipynb_checkpoints" / "a.csv"
    hidden.parent.mkdir(parents=True)
    hidden.write_bytes(text())
    assert converted(tmp_path, text(), "a.csv").classes == ("left",)


def test_recordings_without_an_event_make_no_file(tmp_path):
    with pytest.raises(ValueError, match="source: a recording must have an event; none has"):
        converted(tmp_path, b"", "a.bin")
    assert not (tmp_path / "out.h5").exists()
    for split, content in (("train", nmnist()), ("test", b"")):
        path = tmp_path / "splits" / split / "left" / "a.bin"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    with pytest.raises(ValueError, match="a recording of the split test must have an event; none has"):
        conversion.convert(tmp_path / "splits", tmp_path / "out", options=Options(), progress=False)
    assert not list((tmp_path / "out").glob("*"))


def test_long_recordings_are_converted_in_pieces_and_must_ascend(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "PIECE", 8)
    monkeypatch.setattr(conversion, "MOST_SORTED", 16)
    assert converted(tmp_path, nmnist(), "a.bin").events == COUNT
    own = EventSource(tmp_path / "out.h5", Settings(time_step_ms=1.0)).recordings()
    np.testing.assert_allclose(own.time_ms * 1000, TIME - TIME[0], rtol=1e-6)
    with pytest.raises(ValueError, match="must ascend; they do not; sort it"):
        converted(tmp_path, nmnist(TIME[::-1]), "a.bin")


def test_the_converted_file_is_a_file_of_arrays(tmp_path):
    converted(tmp_path, nmnist(), "a.bin")
    arrays = {
        "times": TIME - TIME[0], "rows": ROW, "columns": COLUMN, "polarities": POLARITY, "offsets": [0, COUNT],
        "sensor": [34, 34, 2], "time_unit": "us", "labels": [0], "classes": ["left"],
    }  # fmt: skip
    path = write(tmp_path / "same.npz", {name: np.asarray(values) for name, values in arrays.items()})
    own, same = (EventSource(each, Settings(time_step_ms=10.0)).gridded() for each in (tmp_path / "out.h5", path))
    np.testing.assert_array_equal(own.cell, same.cell)
    np.testing.assert_array_equal(own.count, same.count)
