"""What all tests share: a cache of their own, and a small data set that a network learns in seconds."""

import itertools
from collections import Counter

import numpy as np
import pytest

from snnsim import experiment
from snnsim.data import heidelberg
from snnsim.data.recordings import Recordings
from snnsim.experiment import plot_run

# so that a failed assert in a helper shows its values
pytest.register_assert_rewrite("helpers")

CLASSES = ("low", "middle", "high")
NUMBERS = itertools.count()


def pytest_collection_modifyitems(items):
    """Begin with files that have slow tests, then with those of many, so that no worker waits for the last file."""
    tests_of = Counter(item.path for item in items)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, -tests_of[item.path]))


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory):
    """Keep the fixtures that several tests share out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNNSIM_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def own_cache(session_cache, monkeypatch):
    """Keep the tests out of the user's cache and out of one another's."""
    # numbered here: mktemp lists all folders of the tests before, for every test
    folder = session_cache / f"test-{next(NUMBERS)}"
    folder.mkdir()
    monkeypatch.setenv("SNNSIM_CACHE", str(folder))


@pytest.fixture
def without_pictures(monkeypatch):
    """Leave out the pictures that a training ends with, which take longer than the training."""
    monkeypatch.setattr(plot_run, "AFTER_TRAINING", ())


@pytest.fixture(scope="module")
def train_once(tiny, tmp_path_factory):
    """Return a function that trains the preset shd for all tests of a module, without pictures."""

    def train(values):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plot_run, "AFTER_TRAINING", ())
            return experiment.train("shd", tiny | values, output=tmp_path_factory.mktemp("runs") / "run", device="cpu")

    return train


def spoken(count: int, speakers: tuple[int, ...], seed: int) -> Recordings:
    """Return recordings whose class is the third of the channels in which they fire."""
    rng = np.random.default_rng(seed)
    label = np.arange(count) % 3
    times, units = [], []
    for kind in label:
        spikes = rng.integers(30, 60)
        times.append(np.sort(rng.uniform(0, rng.uniform(80, 200), spikes)))
        units.append(rng.integers(0, 233, spikes) + 233 * kind)
    return Recordings(
        # float16 seconds, as those of SHD are
        time_ms=(np.concatenate(times).astype(np.float32) / 1000).astype(np.float16).astype(np.float32) * 1000,
        unit=np.concatenate(units).astype(np.uint16),
        offset=np.concatenate([[0], np.cumsum([len(part) for part in times])]),
        label=label,
        speaker=np.array(speakers)[np.arange(count) // 3 % len(speakers)],
        classes=CLASSES,
    )


@pytest.fixture(scope="session")
def shd_folder(tmp_path_factory):
    """Return a folder with small files in the format and under the names of SHD."""
    folder = tmp_path_factory.mktemp("shd")
    heidelberg.write(folder / "shd_train.h5", spoken(90, (0, 1, 2, 6, 7), seed=0))
    heidelberg.write(folder / "shd_test.h5", spoken(30, (3, 10), seed=1))
    return folder


TINY = {
    "network.hidden": (12, 10),
    "network.max_delay_ms": 60.0,
    "network.extra_ms": 30.0,
    "network.dropout": 0.2,
    "training.epochs": 3,
    "training.batch_size": 16,
}


@pytest.fixture(scope="session")
def tiny(shd_folder):
    """Return the values that make of the preset shd a run of seconds."""
    return TINY | {"data.path": str(shd_folder)}
