"""Counts on a grid as recordings, and generated files whose content is checked before they are read again."""

import hashlib
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from snnsim import files
from snnsim.data import heidelberg
from snnsim.data.recordings import Recordings


def recordings(count: np.ndarray, label: np.ndarray, classes: tuple[str, ...], *, time_step_ms: float) -> Recordings:
    """Return recordings with events in the middle of every step.

    Args:
        count: Number of events, integers or bools (recording, time, channel).
        label: Class of each recording, int64 (recording,).
        classes: Names of the classes.
        time_step_ms: Length of a step in ms.
    """
    recording, step, unit = np.nonzero(count)
    repeats = count[recording, step, unit].astype(np.int64)
    recording, step, unit = (np.repeat(index, repeats) for index in (recording, step, unit))
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
    """Return times in ms in the middle of steps, rounded to float16 seconds unless that leads to another step."""
    exact = ((step + 0.5) * time_step_ms).astype(np.float32)
    with np.errstate(over="ignore"):
        rounded = (exact / 1000).astype(np.float16).astype(np.float32) * 1000
    return rounded if np.array_equal(rounded // time_step_ms, step) else exact


def folder(name: str, seed: int, recipe: object) -> Path:
    """Return the cache folder of a data set.

    Args:
        name: Name of the data set.
        seed: Seed of the recordings.
        recipe: Everything else that the recordings depend on; its `repr` is part of the folder's name.
    """
    digest = hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]
    return files.cache_folder() / name / f"{digest}-seed{seed}"


def seal(paths: Sequence[Path]) -> None:
    """Write the digest of each file into another file beside it, for `complete`.

    Args:
        paths: Complete files of a data set.
    """
    for path in paths:
        with files.written_whole(_seal(path)) as partial:
            partial.write_text(_digest(path), encoding="ascii")


def complete(paths: Sequence[Path]) -> bool:
    """Return whether all files exist with the content that was written; a damaged file causes a warning.

    Files without a seal, which older versions wrote, count as complete if they can be read, and are sealed.

    Args:
        paths: Files that the data set should have.
    """
    if not all(path.is_file() for path in paths):
        return False
    for path in paths:
        if not _intact(path):
            warnings.warn(f"{path}: the file is damaged; the data set is made again", stacklevel=3)
            return False
    return True


def _intact(path: Path) -> bool:
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
