"""Data sets of tonic by name: real layouts are read where they lie, and nothing is downloaded unasked."""

import numpy as np
import pytest

from helpers.own_data import config
from snnsim.data.sources import loading, tonic_files
from snnsim.experiment import datasets, own_data

tonic = pytest.importorskip("tonic")
EVENT = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "cache"))
    loading._opened.cache_clear()


def events(count=20, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, EVENT)
    rows["x"], rows["y"], rows["p"] = rng.integers(0, 30, count), rng.integers(0, 20, count), rng.integers(0, 2, count)
    rows["t"] = np.sort(rng.integers(500, 90_000, count))
    return rows


@pytest.fixture
def nmnist(tmp_path):
    """Return a folder in the layout of tonic's N-MNIST, and the events of its training files by their paths."""
    written = {}
    for split, number in (("Train", 2), ("Test", 1)):
        for label in range(10):
            for index in range(number):
                rows = events(seed=label * 7 + index)
                parts = [rows["x"], rows["y"], rows["p"] << 7 | rows["t"] >> 16, rows["t"] >> 8 & 255, rows["t"] & 255]
                path = tmp_path / "data" / "NMNIST" / split / str(label) / f"{index:05d}.bin"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(np.stack(parts, 1).astype(np.uint8).tobytes())
                written[split, label, index] = rows
    return tmp_path / "data", written


def test_nmnist_is_read_from_its_folder_in_the_order_of_tonic(nmnist):
    folder, written = nmnist
    run = own_data.resolved(config("tonic:NMNIST", folder))
    assert run.data.channels == 34 * 34 * 2
    parts = datasets.load_splits(run, "train", "valid", "test")
    assert (len(parts["train"].indices) + len(parts["valid"].indices), len(parts["test"].indices)) == (20, 10)
    recordings = parts["train"].recordings()
    assert recordings.classes[3] == "3 - three"
    for number in range(20):
        rows = written["Train", number // 2, number % 2]
        assert recordings.label[number] == number // 2
        times, units = recordings.events(number)
        np.testing.assert_allclose(times * 1000, rows["t"] - rows["t"][0], rtol=1e-6)
        np.testing.assert_array_equal(units, (rows["y"] * 34 + rows["x"]) * 2 + rows["p"])


def test_a_second_call_reads_the_converted_files(nmnist, monkeypatch):
    folder, _ = nmnist
    first = tonic_files.parts(folder, "tonic:NMNIST")
    monkeypatch.setattr(tonic_files, "_class", lambda _: pytest.fail("tonic was asked again"))
    assert tonic_files.parts(folder, "tonic:NMNIST") == first


def test_an_empty_folder_starts_no_download(tmp_path, monkeypatch):
    monkeypatch.setattr(tonic.datasets.NMNIST, "download", lambda _: pytest.fail("a download started"))
    with pytest.raises(FileNotFoundError, match="there is nothing; run `snnsim data make tonic:NMNIST --data-path"):
        own_data.resolved(config("tonic:NMNIST", tmp_path / "typo"))


def test_a_program_starts_neither_download_nor_conversion(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing is downloaded because a program says so"):
        own_data.require_present(config("tonic:NMNIST", tmp_path).data)


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"tonic has no data set NMIST; it has .*DVSGesture"):
        tonic_files.parts(tmp_path, "tonic:NMIST")


def fake(**attributes):
    """Return a class of tonic whose files are never missing."""

    def __init__(self, save_to, train=True):
        super(attributes["cls"], self).__init__(save_to)
        self.data = list(range(8 if train else 4))
        self.targets = attributes["targets"][: len(self.data)]
        self.users = [number // 2 for number in self.data]

    def __getitem__(self, index):
        return events(seed=index), self.targets[index]

    cls = type("Fake", (tonic.Dataset,), {
        "__init__": __init__, "__getitem__": __getitem__, "__len__": lambda self: len(self.data),
        "sensor_size": (30, 20, 2), "classes": ["left", "right"],
    })  # fmt: skip
    attributes["cls"] = cls
    return cls


def test_users_of_a_data_set_are_groups_and_names_are_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(tonic.datasets, "Fake", fake(targets=["left", "right"] * 4), raising=False)
    (tmp_path / "Fake").mkdir()
    (tmp_path / "Fake" / "data").touch()
    parts = datasets.load_splits(own_data.resolved(config("tonic:Fake", tmp_path)), "train", "valid")
    binned = parts["train"].binned
    np.testing.assert_array_equal(binned.speaker, np.arange(8) // 2)
    np.testing.assert_array_equal(binned.label, np.arange(8) % 2)
    assert binned.classes == ("left", "right")
    assert not set(binned.speaker[parts["train"].indices]) & set(binned.speaker[parts["valid"].indices])


def test_recordings_without_a_class_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tonic.datasets, "Fake", fake(targets=[np.zeros(2)] * 8), raising=False)
    (tmp_path / "Fake").mkdir()
    (tmp_path / "Fake" / "data").touch()
    with pytest.raises(ValueError, match="every recording must have a class, an integer or a name"):
        tonic_files.parts(tmp_path, "tonic:Fake")
