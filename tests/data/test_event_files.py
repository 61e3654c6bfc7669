"""Event files of users: NPZ and HDF5 agree, every event is counted once, and every error has a name."""

import numpy as np
import pytest

from helpers.own_data import CLASSES, event_arrays, write
from snnsim.data.sources import array_files, event_files, event_source
from snnsim.data.sources.event_source import EventSource, check
from snnsim.data.sources.findings import Findings
from snnsim.data.sources.source import Settings
from snnsim.data.targets import Target

SETTINGS = Settings(time_step_ms=10.0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "cache"))


def expected_frames(arrays, recording, time_step_us=10_000):
    """Return the counts of a recording by plain loops."""
    start, stop = arrays["offsets"][recording : recording + 2]
    times, channels = arrays["times"][start:stop], arrays["channels"][start:stop]
    frames = np.zeros((int(times.max()) // time_step_us + 1, int(arrays["sensor"][0])))
    for time, channel in zip(times, channels, strict=True):
        frames[time // time_step_us, channel] += 1
    return frames


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".hdf5"])
def test_every_event_is_in_its_step_and_channel(tmp_path, suffix):
    arrays = event_arrays()
    source = EventSource(write(tmp_path / f"mine{suffix}", arrays), SETTINGS)
    binned = source.gridded()
    assert (source.units, binned.classes, source.field) == (12, CLASSES, None)
    np.testing.assert_array_equal(binned.label, arrays["labels"])
    np.testing.assert_array_equal(binned.speaker, arrays["groups"])
    for recording in range(len(arrays["labels"])):
        frames, length = binned.dense(np.array([recording]))
        np.testing.assert_array_equal(frames[: length[0], 0], expected_frames(arrays, recording))
    recordings = source.recordings()
    np.testing.assert_array_equal(recordings.time_ms, (arrays["times"] / 1000).astype(recordings.time_ms.dtype))
    np.testing.assert_array_equal(recordings.unit, arrays["channels"])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_units_of_time_are_converted(tmp_path, unit):
    arrays = event_arrays() | {"time_unit": np.array(unit)}
    arrays["times"] = arrays["times"] * {"s": 1e-6, "ms": 1e-3, "us": 1, "ns": 1000}[unit]
    same = EventSource(write(tmp_path / "same.npz", event_arrays()), SETTINGS).gridded()
    binned = EventSource(write(tmp_path / "mine.npz", arrays), SETTINGS).gridded()
    np.testing.assert_array_equal(binned.cell, same.cell)
    np.testing.assert_array_equal(binned.count, same.count)


def test_sensors_of_two_and_three_axes_are_numbered_row_by_row(tmp_path):
    arrays = event_arrays()
    channel = arrays.pop("channels")
    row, column, polarity = np.unravel_index(channel, (2, 3, 2))
    arrays |= {"rows": row, "columns": column, "polarities": polarity.astype(bool), "sensor": np.array([2, 3, 2])}
    source = EventSource(write(tmp_path / "mine.npz", arrays), SETTINGS)
    assert source.field == (2, 3, 2)
    np.testing.assert_array_equal(source.recordings().unit, channel)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_pieces_of_any_size_are_the_same_recordings(tmp_path, suffix):
    path = write(tmp_path / f"mine{suffix}", event_arrays())
    with array_files.opened(path) as file:
        layout = event_files.layout(file, Findings(path))
        for most in (1, 37, 10**6):
            pieces = list(event_files.pieces(file, layout, most=most))
            assert len(pieces) == {1: 30, 10**6: 1}.get(most, len(pieces))
            np.testing.assert_array_equal(np.concatenate([piece.times for piece in pieces]), event_arrays()["times"])


def test_binning_in_pieces_is_binning_at_once(tmp_path, monkeypatch):
    path = write(tmp_path / "mine.npz", event_arrays())
    at_once = EventSource(path, SETTINGS).gridded()
    pieces = event_files.pieces
    monkeypatch.setattr(event_files, "pieces", lambda file, of: pieces(file, of, most=40))
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "other"))
    in_pieces = EventSource(path, SETTINGS).gridded()
    for name in ("cell", "count", "offset", "length", "label", "speaker"):
        np.testing.assert_array_equal(getattr(in_pieces, name), getattr(at_once, name), err_msg=name)


def test_targets_of_all_pieces_are_made_once(tmp_path, monkeypatch):
    arrays = event_arrays() | {"step_labels": np.arange(90).reshape(30, 3) % 3}
    del arrays["labels"]
    source = EventSource(write(tmp_path / "mine.npz", arrays), SETTINGS)
    pieces, of, calls = event_files.pieces, Target.of, []
    monkeypatch.setattr(event_files, "pieces", lambda file, layout: pieces(file, layout, most=40))
    monkeypatch.setattr(Target, "of", lambda *values, **options: calls.append(values) or of(*values, **options))
    for read in (source.gridded, source.recordings):
        calls.clear()
        np.testing.assert_array_equal(read().targets["target"].values, np.arange(90) % 3)
        assert len(calls) == 1


def test_step_labels_and_targets_become_targets(tmp_path):
    arrays = event_arrays()
    del arrays["labels"]
    labels = np.random.default_rng(0).integers(-1, 3, (30, 4))
    labels[:, 0] = 2
    path = write(tmp_path / "steps.npz", arrays | {"step_labels": labels, "label_step": np.array(20_000)})
    binned = EventSource(path, SETTINGS).gridded()
    assert binned.classes == ()
    assert binned.targets["target"].names == CLASSES
    # a step of 10 ms has the label of the 20 ms that its middle lies in
    own = binned.of_targets(np.array([3]), 8)["target"][:, 0]
    inside = np.arange(8) < binned.length[3]
    np.testing.assert_array_equal(own, np.where(inside, np.repeat(labels[3], 2), -1))
    numbers = np.arange(60.0).reshape(30, 2)
    del arrays["classes"]
    binned = EventSource(write(tmp_path / "targets.npz", arrays | {"targets": numbers}), SETTINGS).gridded()
    np.testing.assert_array_equal(binned.of_targets(np.array([7]), 1)["target"], numbers[7:8])


def broken(**changes):
    arrays = event_arrays()
    for name, value in changes.items():
        arrays.pop(name, None)
        if value is not None:
            arrays[name] = np.asarray(value)
    return arrays


def changed(name, index, value, *, dtype=None):
    values = event_arrays()[name].astype(dtype or event_arrays()[name].dtype)
    values[index] = value
    return broken(**{name: values})


FAULTS = {
    "unsorted": (changed("times", 0, 95_000), "times must ascend within a recording; 1 does not, first event 1 in rec"),
    "negative": (changed("times", 0, -1), "times must not be negative; 1 does not, first event 0 in recording 0"),
    "nan": (changed("times", 3, np.nan, dtype=float), "times must be finite; 1 does not, first event 3 in recording 0"),
    "outside": (changed("channels", 5, 12), "channels must lie in 0..11; 1 does not, first event 5 in recording 0"),
    "no labels": (broken(labels=None), "labels, step_labels, targets must be one array; the file has none of them"),
    "label": (
        changed("labels", 4, 3),
        "labels must lie in 0..2, one for each class name; 1 recording does not, first",
    ),
    "missing label": (
        changed("labels", 4, -1),
        "labels must lie in 0..2, one for each class name; 1 recording does not",
    ),
    "empty": (
        broken(
            offsets=np.insert(event_arrays()["offsets"], 1, 0)[:-1] * 0 + np.r_[0, 0, event_arrays()["offsets"][2:]]
        ),
        "offsets must give each recording an event; 1 recording does not, first recording 0",
    ),
    "offsets": (changed("offsets", -1, 10**6), "offsets must ascend from 0 to the"),
    "unit": (broken(time_unit="minutes"), "time_unit must be one of s, ms, us, ns; got 'minutes'"),
    "no unit": (broken(time_unit=None), "time_unit must be in the file; it has times, channels"),
    "sensor": (
        broken(sensor=[0]),
        "sensor must be (channels,), (rows, columns) or (rows, columns, polarities); got [0]",
    ),
    "classes": (broken(classes=["a", "a", "b"]), "classes must be different names; 'a' occur twice"),
    "groups": (broken(groups=np.zeros(3, int)), "groups must have one entry for each of 30 recordings; got shape (3,)"),
    "splits": (
        broken(splits=["train"] * 29 + ["tset"]),
        "splits must be one of train, valid, test; 1 recording does not",
    ),
    "lengths": (broken(channels=np.zeros(3, int)), "channels must be integers, one for each of"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_the_check_and_named_by_the_reader(tmp_path, name):
    arrays, message = FAULTS[name]
    path = write(tmp_path / "mine.npz", arrays)
    assert any(error.startswith(message) for error in check(path).errors), check(path).errors
    with pytest.raises(ValueError, match="snnsim data check") as error:
        EventSource(path, SETTINGS).gridded()
    assert message in str(error.value)


def test_the_check_lists_all_faults_at_once_with_counts(tmp_path):
    arrays = event_arrays()
    arrays["times"] = arrays["times"].astype(float)
    arrays["times"][[2, 60, 90]] = [np.nan, -5, -6]
    arrays["channels"] = np.where(np.arange(len(arrays["channels"])) % 50 == 0, 99, arrays["channels"])
    findings = check(write(tmp_path / "mine.npz", arrays))
    outside = int(np.ceil(len(arrays["channels"]) / 50))
    assert len(findings.errors) == 4
    assert any(f"channels must lie in 0..11; {outside} do not, first event 0" in error for error in findings.errors)
    assert any("times must not be negative; 2 do not" in error for error in findings.errors)
    assert dict(findings.facts)["sensor"] == "12: 12 channels"


def test_the_check_counts_labels_groups_and_splits(tmp_path):
    arrays = event_arrays() | {"splits": np.array(["train"] * 20 + ["test"] * 10)}
    facts = dict(check(write(tmp_path / "mine.npz", arrays)).facts)
    assert facts["labels"] == f"3 classes of recordings: {', '.join(f'{name} 10' for name in CLASSES)}"
    assert (facts["groups"], facts["splits"]) == ("6", "train 20, valid 0, test 10")
    label = arrays.pop("labels")
    numbers = arrays | {"targets": np.zeros((30, 7, 2))}
    facts = dict(check(write(tmp_path / "numbers.npz", numbers)).facts)
    assert facts["targets"] == "2 numbers for each of 7 steps of each recording"
    steps = arrays | {"step_labels": np.stack([label, np.full(30, -1)], axis=1)}
    facts = dict(check(write(tmp_path / "steps.npz", steps)).facts)
    assert facts["labels"].startswith("3 classes of steps, 2 of each recording: ")
    one = check(write(tmp_path / "one.npz", arrays | {"labels": np.ones(30, int)}))
    assert "all are the same class" in one.warnings[0]


def test_the_check_doubts_groups_that_some_recordings_lack(tmp_path):
    groups = event_arrays()["groups"]
    assert not check(write(tmp_path / "all.npz", event_arrays() | {"groups": groups})).warnings
    assert not check(write(tmp_path / "none.npz", event_arrays() | {"groups": np.full(30, -1)})).warnings
    groups[[4, 9]] = -1
    (warning,) = check(write(tmp_path / "some.npz", event_arrays() | {"groups": groups})).warnings
    assert warning.startswith("groups may be incomplete: 2 of 30 recordings have none, first recording 4")


def test_faulty_labels_do_not_hide_faulty_events(tmp_path):
    arrays = event_arrays() | {"labels": np.full(30, 7)}
    arrays["times"][0] = -1
    assert len(check(write(tmp_path / "mine.npz", arrays)).errors) == 2


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_a_doubtful_unit_is_a_doubt_and_no_fault(tmp_path, unit):
    arrays = event_arrays() | {"time_unit": np.array(unit)}
    findings = check(write(tmp_path / "mine.npz", arrays))
    assert not findings.errors
    assert "time_unit may be wrong" in findings.warnings[0]


def test_nothing_is_unpickled(tmp_path):
    arrays = event_arrays()
    arrays["labels"] = np.array([print] * 30, dtype=object)
    with pytest.raises(ValueError, match="labels cannot be read: it must hold numbers or texts, not object"):
        EventSource(write(tmp_path / "mine.npz", arrays), SETTINGS)


def test_an_array_larger_than_its_file_is_refused(tmp_path):
    path = write(tmp_path / "mine.npz", event_arrays())
    np.savez_compressed(path, **(event_arrays() | {"labels": np.zeros(2**29, np.uint8)}))
    with pytest.raises(ValueError, match=r"labels cannot be read: it claims .* bytes, and may take"):
        EventSource(path, SETTINGS)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_a_file_that_was_cut_off_is_refused_with_its_name(tmp_path, suffix):
    path = write(tmp_path / f"mine{suffix}", event_arrays())
    content = path.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(ValueError, match=rf"mine\{suffix}"):
            EventSource(path, SETTINGS).gridded()


def test_a_second_array_of_a_name_is_refused(tmp_path):
    import zipfile

    path = write(tmp_path / "mine.npz", event_arrays())
    with zipfile.ZipFile(path) as archive:
        content = archive.read("labels.npy")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.npy", content)
    assert any("labels must be one array; the file has it twice" in error for error in check(path).errors)


def test_binned_files_are_read_from_the_cache(tmp_path, monkeypatch):
    path = write(tmp_path / "mine.npz", event_arrays())
    first = EventSource(path, SETTINGS).gridded()
    monkeypatch.setattr(event_source.binning, "bin_events", lambda *_, **__: pytest.fail("it was binned again"))
    np.testing.assert_array_equal(EventSource(path, SETTINGS).gridded().cell, first.cell)
