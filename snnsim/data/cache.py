"""Binned files kept on disk, so that only the first run pays for unpacking and binning.

A kept file holds arrays without compression and the SHA-256 of all of them and of its name, which stands for the source
and the settings. One that is damaged, altered or renamed is made again, with a warning.
"""

import hashlib
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import files
from snnsim.data import archives, binning, heidelberg
from snnsim.data.binning import Binned

VERSION = 2
"""Raised when the same file and settings would give another Binned, or it would be stored otherwise."""
_ARRAYS = ("cell", "count", "offset", "length", "label", "speaker")


def binned(path: Path, *, time_step_ms: float, channels: int, max_time_ms: float | None = None) -> Binned:
    """Return the recordings of an SHD-format file on a grid, from the cache if it is there."""
    path = Path(path)
    archives.require_file(path)
    settings = {"time_step_ms": time_step_ms, "channels": channels, "max_time_ms": max_time_ms}
    kept = files.cache_folder() / "binned" / f"{_key(path, settings)}.npz"
    found = _load(kept)
    if found is None:
        found = binning.bin_events(heidelberg.read(path), **settings)
        try:
            with files.written_whole(kept) as partial:
                _save(partial, found, kept.stem)
        except OSError as error:
            warnings.warn(f"{kept}: the binned data cannot be kept ({error}); the next run bins again", stacklevel=2)
    return found


def _key(path: Path, settings: dict[str, float | None]) -> str:
    """Return a name that depends on the content of the file, not on where it lies."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    numbers = [None if value is None else float(value) for value in settings.values()]
    return hashlib.sha256(repr((VERSION, content, numbers)).encode()).hexdigest()[:32]


def _save(path: Path, made: Binned, key: str) -> None:
    stored: dict[str, Any] = {name: getattr(made, name) for name in _ARRAYS}
    stored["classes"] = np.array(made.classes)
    stored["numbers"] = np.array([made.channels, made.time_step_ms, made.dropped], np.float64)
    np.savez(path, digest=_digest(stored, key), **stored)


def _load(path: Path) -> Binned | None:
    """Return what `_save` wrote, or None if it is not there or damaged."""
    if not path.is_file():
        return None
    try:
        return _stored(path)
    except archives.DAMAGED as error:
        reason = " ".join(str(error).split())
        warnings.warn(f"{path}: the kept binned data are damaged ({reason}) and are made again", stacklevel=3)
        return None


def _stored(path: Path) -> Binned:
    """Return what a kept file holds, or raise any error if that is not what was written under this name."""
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
            raise ValueError(f"{path}: nothing in it is compressed, so it cannot hold more than its size")
    with np.load(path, allow_pickle=False) as stored:
        if not np.array_equal(stored["digest"], _digest({name: stored[name] for name in stored.files}, path.stem)):
            raise ValueError(f"{path}: the content is not what was written here")
        channels, time_step_ms, dropped = stored["numbers"].tolist()
        found = Binned(
            **{name: stored[name] for name in _ARRAYS},
            classes=tuple(str(name) for name in stored["classes"]),
            channels=int(channels),
            time_step_ms=time_step_ms,
            dropped=int(dropped),
        )
    found.check(str(path))
    return found


def _digest(stored: dict[str, np.ndarray], key: str) -> np.ndarray:
    """Return the SHA-256 of arrays by name, but of their digest, as numbers."""
    whole = hashlib.sha256(key.encode())
    for name in sorted(set(stored) - {"digest"}):
        array = np.ascontiguousarray(stored[name])
        whole.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        whole.update(array.data.cast("B") if array.nbytes and array.dtype.kind != "U" else array.tobytes())
    return np.frombuffer(whole.digest(), np.uint8)
