"""The formats of event cameras by the suffix of a file; those of AEDAT differ by the first line."""

from collections.abc import Callable
from pathlib import Path

from snnsim.data.cameras import aedat2, aedat3, aedat4, event_csv, nmnist_bin, prophesee_dat, stmnist_mat
from snnsim.data.cameras.events import CameraFile, Options

_Reader = Callable[[Path, Options], CameraFile]
_AEDAT: dict[bytes, _Reader] = {b"2": aedat2.read, b"3": aedat3.read, b"4": aedat4.read}
_BY_SUFFIX: dict[str, _Reader] = {
    ".bin": nmnist_bin.read,
    ".dat": prophesee_dat.read,
    ".mat": stmnist_mat.read,
    ".csv": event_csv.read,
    ".txt": event_csv.read,
}
SUFFIXES = (".aedat", ".aedat2", ".aedat3", ".aedat4", *_BY_SUFFIX)
"""Suffixes of the files that can be read."""


def read(path: Path, options: Options) -> CameraFile:
    """Return the events of a file.

    Args:
        path: The file.
        options: What the file may not say of itself.

    Raises:
        ValueError: If the format is unknown, or the file is damaged.
    """
    suffix = path.suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix](path, options)
    with path.open("rb") as file:
        start = file.read(10)
    version = start.removeprefix(b"#!AER-DAT")[:1]
    if not start.startswith(b"#!AER-DAT") or version not in _AEDAT:
        raise ValueError(
            f"{path}: an AEDAT file starts with #!AER-DAT and 2, 3 or 4, not {start!r}; convert it, or get it again"
        )
    return _AEDAT[version](path, options)
