"""Events of a camera, as all readers give them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PIECE = 2**20
"""Events of a piece."""
_END = "end of ascii header"
"""The last line of a header of AEDAT, in lower case: the next byte may be # in an event, too."""


class CameraEvents(NamedTuple):
    """Consecutive events of a recording."""

    time: np.ndarray
    """int64, in units of `CameraFile.unit`, from any origin."""
    row: np.ndarray
    column: np.ndarray
    polarity: np.ndarray
    """1 for brighter (on), 0 for darker (off)."""


@dataclass(frozen=True)
class CameraFile:
    """A recording."""

    pieces: Iterator[CameraEvents]
    sensor: tuple[int, int, int] | None = None
    """Rows, columns and polarities; None if the file does not say."""
    unit: str = "us"
    """Unit of the times."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a file may not say of itself."""

    camera: str | None = None
    """dvs128 or davis, for AEDAT 2."""
    unit: str | None = None
    """Unit of the times of a CSV file."""


def words(path: Path, start: int, dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
    """Yield records of a file in pieces.

    Args:
        path: The file.
        start: First byte of the records.
        dtype: Type of a record.

    Raises:
        ValueError: If the file ends within a record.
    """
    size = path.stat().st_size - start
    if size % dtype.itemsize:
        raise ValueError(
            f"{path}: events have {dtype.itemsize} bytes each, and {size:,} bytes are no multiple; it is cut off, or "
            "of another format"
        )
    with path.open("rb") as file:
        file.seek(start)
        while content := file.read(PIECE * dtype.itemsize):
            yield np.frombuffer(content, dtype)


def header(path: Path, mark: bytes, *, longest: int = 2**20) -> tuple[list[str], int]:
    """Return the lines of a header of text, and the byte behind it.

    Args:
        path: The file.
        mark: First byte of every line of the header.
        longest: Most bytes of a header.

    Raises:
        ValueError: If the header is too long.
    """
    lines, start = [], 0
    with path.open("rb") as file:
        while file.read(1) == mark:
            line = file.readline(longest)
            lines.append(line.decode("latin-1").strip())
            start = file.tell()
            if start > longest or not line.endswith(b"\n"):
                raise ValueError(f"{path}: the header must end within {longest:,} bytes; it does not; it is damaged")
            if lines[-1].startswith("!END-HEADER") or lines[-1].lower() == _END:
                break
    return lines, start
