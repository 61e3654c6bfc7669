"""What the data sets that are made on this machine share: counts on a grid as recordings, and files that are kept."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from snnsim import files
from snnsim.data import heidelberg
from snnsim.data.events import Recordings


def recordings(count: np.ndarray, label: np.ndarray, classes: tuple[str, ...], *, time_step_ms: float) -> Recordings:
    """Return recordings of counts (recording, time, unit): so many events in the middle of every step."""
    recording, step, unit = np.nonzero(count)
    often = count[recording, step, unit].astype(np.int64)
    recording, step, unit = (np.repeat(part, often) for part in (recording, step, unit))
    return Recordings(
        # in the middle of a step, so that float16 seconds do not move an event into the next one
        time_ms=((step + 0.5) * time_step_ms).astype(np.float32),
        unit=unit.astype(np.uint16),
        offset=np.searchsorted(recording, np.arange(len(label) + 1)),
        label=label,
        speaker=np.full(len(label), -1),
        classes=classes,
        units=count.shape[2],
    )


def folder(name: str, seed: int, made_as: object) -> Path:
    """Return the cache folder of a data set of this seed, made in a way that `made_as` prints."""
    # its name changes with the way, so that no file of another one is taken for this one
    digest = hashlib.sha256(repr(made_as).encode()).hexdigest()[:12]
    return files.cache_folder() / name / f"{digest}-seed{seed}"


def prepare(place: Path, name: str, make: Callable[[], Mapping[str, Recordings]]) -> Path:
    """Return the folder with NAME_{train,valid,test}.h5, made if one of them is not there."""
    paths = {split: place / f"{name}_{split}.h5" for split in heidelberg.SPLITS}
    if not all(path.is_file() for path in paths.values()):
        for split, made in make().items():
            heidelberg.write(paths[split], made)
    return place
