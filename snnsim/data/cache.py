"""A cache of binned files on disk, so that only the first run spends time on unpacking and binning.

A cached file has arrays without compression, and the SHA-256 of all of them and of its name, which is a digest of the
source and the settings. A file that is damaged, altered or renamed is generated again, with a warning.
"""

import hashlib
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import files
from snnsim.data import archives, binning, heidelberg
from snnsim.data.binning import Binned
from snnsim.data.targets import Target

VERSION = 3
"""A number that is raised when the same file and settings give another Binned, or the format changes."""
_ARRAYS = ("cell", "count", "offset", "length", "label", "speaker")


def binned(path: Path, *, time_step_ms: float, channels: int, max_time_ms: float | None = None) -> Binned:
    """Return the recordings of an SHD-format file on a grid, from the cache where it has them.

    Args:
        path: The file.
        time_step_ms: Length of a step in ms.
        channels: Number of channels that the units are summed into.
        max_time_ms: Events at or after this time are left out; None keeps all.
    """
    path = Path(path)
    archives.require_file(path)

    def make() -> Binned:
        recordings = heidelberg.read(path)
        return binning.bin_events(recordings, time_step_ms=time_step_ms, channels=channels, max_time_ms=max_time_ms)

    return cached(key(path, time_step_ms, channels, max_time_ms), make)


def cached(name: str, make: Callable[[], Binned]) -> Binned:
    """Return binned recordings from the cache, or make them and keep them there.

    Args:
        name: A digest of everything that the recordings depend on, from `key`.
        make: Function that bins the recordings.
    """
    path = files.cache_folder() / "binned" / f"{name}.npz"
    result = _load(path)
    if result is None:
        result = make()
        try:
            with files.written_whole(path) as partial:
                _save(partial, result, path.stem)
        except OSError as error:
            warnings.warn(f"{path}: the binned data cannot be kept ({error}); the next run bins again", stacklevel=2)
    return result


def key(path: Path, *settings: float | None, reader: str = "") -> str:
    """Return a name that depends on the content of the file, but not on its folder.

    Args:
        path: The file.
        *settings: Numbers that the recordings depend on.
        reader: Name of the reader, for files that are not of the SHD format.
    """
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    numbers = [None if value is None else float(value) for value in settings]
    parts = (VERSION, content, numbers, reader) if reader else (VERSION, content, numbers)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _save(path: Path, binned: Binned, key: str) -> None:
    stored: dict[str, Any] = {name: getattr(binned, name) for name in _ARRAYS}
    stored["classes"] = np.array(binned.classes)
    stored["numbers"] = np.array([binned.channels, binned.time_step_ms, binned.dropped], np.float64)
    # a file without targets has the arrays of older versions
    if binned.targets:
        stored["targets"] = np.array(list(binned.targets))
    for number, target in enumerate(binned.targets.values()):
        stored[f"target{number}.values"], stored[f"target{number}.names"] = target.values, np.array(target.names)
        stored[f"target{number}.step_ms"] = np.array([target.step_ms])
        if target.offset is not None:
            stored[f"target{number}.offset"] = target.offset
    np.savez(path, digest=_digest(stored, key), **stored)


def _load(path: Path) -> Binned | None:
    """Return the content of a file of `_save`, or None if the file is missing or damaged."""
    if not path.is_file():
        return None
    try:
        return _stored(path)
    except archives.DAMAGED as error:
        reason = " ".join(str(error).split())
        warnings.warn(f"{path}: the kept binned data are damaged ({reason}) and are made again", stacklevel=3)
        return None


def _stored(path: Path) -> Binned:
    """Return the content of a cached file.

    Raises:
        ValueError: If it is not the content that was written; damaged files raise any exception of DAMAGED.
    """
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
            raise ValueError(f"{path}: nothing in it is compressed, so its arrays cannot be larger than the file")
    with np.load(path, allow_pickle=False) as stored:
        if not np.array_equal(stored["digest"], _digest({name: stored[name] for name in stored.files}, path.stem)):
            raise ValueError(f"{path}: the content is not what was written here")
        channels, time_step_ms, dropped = stored["numbers"].tolist()
        result = Binned(
            **{name: stored[name] for name in _ARRAYS},
            classes=tuple(str(name) for name in stored["classes"]),
            channels=int(channels),
            time_step_ms=time_step_ms,
            dropped=int(dropped),
            targets={str(name): _target(stored, number) for number, name in enumerate(stored.get("targets", ()))},
        )
    result.check(str(path))
    return result


def _target(stored: Any, number: int) -> Target:
    values, names = stored[f"target{number}.values"], stored[f"target{number}.names"]
    offset = stored.get(f"target{number}.offset")
    return Target(values, offset, float(stored[f"target{number}.step_ms"][0]), tuple(map(str, names)))


def _digest(stored: dict[str, np.ndarray], key: str) -> np.ndarray:
    """Return the SHA-256 of named arrays, without the one called digest, as uint8 (32,)."""
    digest = hashlib.sha256(key.encode())
    for name in sorted(set(stored) - {"digest"}):
        array = np.ascontiguousarray(stored[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.data.cast("B") if array.nbytes and array.dtype.kind != "U" else array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)
