"""Binned files kept on disk, so that only the first run pays for unpacking and binning."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np

from snnsim import files
from snnsim.data import binning, heidelberg
from snnsim.data.binning import Binned

VERSION = 1
"""Raised when the same file and settings would give another Binned, or it would be stored otherwise."""
_ARRAYS = ("cell", "count", "offset", "length", "label", "speaker")


def binned(path: Path, *, time_step_ms: float, channels: int, max_time_ms: float | None = None) -> Binned:
    """Return the recordings of an SHD-format file on a grid, from the cache if it is there."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; `snnsim data list` says how to get data")
    settings = {"time_step_ms": time_step_ms, "channels": channels, "max_time_ms": max_time_ms}
    kept = files.cache_folder() / "binned" / f"{_key(path, settings)}.npz"
    found = _load(kept)
    if found is None:
        found = binning.bin_events(heidelberg.read(path), **settings)
        with files.written_whole(kept) as partial:
            _save(partial, found)
    return found


def _key(path: Path, settings: dict[str, float | None]) -> str:
    """Return a name that depends on the content of the file, not on where it lies."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    numbers = [None if value is None else float(value) for value in settings.values()]
    return hashlib.sha256(repr((VERSION, content, numbers)).encode()).hexdigest()[:32]


def _save(path: Path, made: Binned) -> None:
    np.savez(
        path,
        **{name: getattr(made, name) for name in _ARRAYS},
        classes=np.array(made.classes),
        numbers=np.array([made.channels, made.time_step_ms, made.dropped], np.float64),
    )


def _load(path: Path) -> Binned | None:
    """Return what `_save` wrote, or None if it is not there or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            channels, time_step_ms, dropped = stored["numbers"]
            return Binned(
                **{name: stored[name] for name in _ARRAYS},
                classes=tuple(str(name) for name in stored["classes"]),
                channels=int(channels),
                time_step_ms=float(time_step_ms),
                dropped=int(dropped),
            )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None
