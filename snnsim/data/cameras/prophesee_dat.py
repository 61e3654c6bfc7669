"""The `.dat` files of Prophesee, version 2: a header of text, two bytes, and eight bytes for an event.

    bytes 0 to 3    time
    bytes 4 to 7    column (bits 0 to 13), row (bits 14 to 27), polarity (bit 28); little-endian

Units    time in µs
Source   Prophesee, DAT File Format (docs.prophesee.ai)
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from snnsim.data.cameras.events import CameraEvents, CameraFile, Options, header, words

_RECORD = np.dtype([("time", "<u4"), ("word", "<u4")])
_TYPES = (0, 12)
"""Generic events, and events of a change of contrast."""


def read(path: Path, options: Options) -> CameraFile:  # noqa: ARG001
    """Return the events of a file.

    Args:
        path: The file.
        options: Not used, as the file says everything of itself.

    Raises:
        ValueError: If the file is of another version or type.
    """
    lines, start = header(path, b"%")
    values = dict(line.split(" ", 1) for line in lines if " " in line)
    if not lines or values.get("Version", "2").strip() != "2":
        raise ValueError(
            f"{path}: a .dat file starts with % and has version 2, not {values.get('Version', 'no header')}"
        )
    with path.open("rb") as file:
        file.seek(start)
        kind = file.read(2)
    if len(kind) < 2 or kind[0] not in _TYPES or kind[1] != _RECORD.itemsize:
        raise ValueError(f"{path}: events must be of type 0 or 12 and of 8 bytes, not {list(kind)}; it is damaged")
    size = values.get("Height", ""), values.get("Width", "")
    known = all(text.strip().isdigit() for text in size)
    return CameraFile(_pieces(path, start + 2), (int(size[0]), int(size[1]), 2) if known else None)


def _pieces(path: Path, start: int) -> Iterator[CameraEvents]:
    for raw in words(path, start, _RECORD):
        word = raw["word"].astype(np.int64)
        yield CameraEvents(raw["time"].astype(np.int64), (word >> 14) & 0x3FFF, word & 0x3FFF, (word >> 28) & 1)
