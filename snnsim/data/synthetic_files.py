"""What the data sets that are made on this machine share: counts on a grid as recordings, and files that are kept."""

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from snnsim import files
from snnsim.data import heidelberg
from snnsim.data.recordings import Recordings


def recordings(count: np.ndarray, label: np.ndarray, classes: tuple[str, ...], *, time_step_ms: float) -> Recordings:
    """Return recordings of counts (recording, time, unit): so many events in the middle of every step."""
    recording, step, unit = np.nonzero(count)
    often = count[recording, step, unit].astype(np.int64)
    recording, step, unit = (np.repeat(part, often) for part in (recording, step, unit))
    return Recordings(
        time_ms=_middle(step, time_step_ms),
        unit=unit.astype(np.uint16 if count.shape[2] <= 2**16 else np.uint32),
        offset=np.searchsorted(recording, np.arange(len(label) + 1)),
        label=label,
        speaker=np.full(len(label), -1),
        classes=classes,
        units=count.shape[2],
    )


def _middle(step: np.ndarray, time_step_ms: float) -> np.ndarray:
    """Return times in ms in the middle of steps, as float16 seconds hold them unless those lie in another step."""
    exact = ((step + 0.5) * time_step_ms).astype(np.float32)
    with np.errstate(over="ignore"):
        short = (exact / 1000).astype(np.float16).astype(np.float32) * 1000
    return short if np.array_equal(short // time_step_ms, step) else exact


def folder(name: str, seed: int, made_as: object) -> Path:
    """Return the cache folder of a data set of this seed, made in a way that `made_as` prints."""
    # its name changes with the way, so that no file of another one is taken for this one
    digest = hashlib.sha256(repr(made_as).encode()).hexdigest()[:12]
    return files.cache_folder() / name / f"{digest}-seed{seed}"


def prepare(place: Path, name: str, make: Callable[[], Mapping[str, Recordings]]) -> Path:
    """Return the folder with NAME_{train,valid,test}.h5, made if one of them is not there, or not what was written."""
    paths = [place / f"{name}_{split}.h5" for split in heidelberg.SPLITS]
    if not complete(paths):
        for split, made in make().items():
            heidelberg.write(place / f"{name}_{split}.h5", made)
        seal(paths)
    return place


def seal(paths: Sequence[Path]) -> None:
    """Write beside each of these files which content it has, for `complete`."""
    for path in paths:
        with files.written_whole(_seal(path)) as partial:
            partial.write_text(_digest(path), encoding="ascii")


def complete(paths: Sequence[Path]) -> bool:
    """Return whether all files are there and whole; say which one is not whole, as it will be made again.

    Files of before there were seals count as whole if they can be read, and are then sealed.
    """
    if not all(path.is_file() for path in paths):
        return False
    for path in paths:
        if not _whole(path):
            warnings.warn(f"{path}: the file is damaged; the data set is made again", stacklevel=3)
            return False
    return True


def _whole(path: Path) -> bool:
    if _seal(path).is_file():
        return _seal(path).read_bytes() == _digest(path).encode()
    try:
        heidelberg.read(path)
    except (ValueError, OSError):
        return False
    # a cache that cannot be written is read without seals
    with suppress(OSError):
        seal([path])
    return True


def _seal(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
