"""AEDAT 2.0: a header of text, and eight bytes for an event, big-endian.

    bytes 0 to 3    address
    bytes 4 to 7    time
    DVS128          polarity bit 0 · column bits 1 to 7 · row bits 8 to 14 · bit 15 an external event, which is left out
    DAVIS           polarity bit 11 · column bits 12 to 21 · row bits 22 to 30 · bit 31 another kind, and bit 10 an
                    external event, which are left out

Units    time in µs; it wraps around after 2³² µs
Source   iniVation, AEDAT 2.0 (docs.inivation.com)
Differs  rows and columns are those of the file, which jAER turns around; jAER also turns the polarity of DVS128 around
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from snnsim.data.cameras.events import CameraEvents, CameraFile, Options, header, words

_RECORD = np.dtype([("address", ">u4"), ("time", ">u4")])
_WRAP = 2**32


class _Address(NamedTuple):
    polarity: int
    column: int
    columns: int
    row: int
    rows: int
    others: int
    """Bits of events of another kind."""
    sensor: tuple[int, int, int] | None


CAMERAS = {
    "dvs128": _Address(0, 1, 0x7F, 8, 0x7F, 1 << 15, (128, 128, 2)),
    "davis": _Address(11, 12, 0x3FF, 22, 0x1FF, 1 << 31 | 1 << 10, None),
}
_SIZES = {"davis240": (180, 240, 2), "davis346": (260, 346, 2), "davis640": (480, 640, 2)}


def read(path: Path, options: Options) -> CameraFile:
    """Return the events of a file.

    Args:
        path: The file.
        options: The camera, where the header does not name it.

    Raises:
        ValueError: If the camera is unknown.
    """
    lines, start = header(path, b"#")
    text = " ".join(lines).lower()
    camera = options.camera or next((name for name in CAMERAS if name in text), None)
    if camera not in CAMERAS:
        raise ValueError(
            f"{path}: the camera must be {' or '.join(CAMERAS)}; the header names none; name it with --camera"
        )
    address = CAMERAS[camera]
    sensor = address.sensor or next((size for name, size in _SIZES.items() if name in text), None)
    return CameraFile(_pieces(path, start, address), sensor)


def _pieces(path: Path, start: int, address: _Address) -> Iterator[CameraEvents]:
    added, last = 0, 0
    for raw in words(path, start, _RECORD):
        time = raw["time"].astype(np.int64)
        # a fall by more than half the range is the end of the 32 bits, not a disorder
        wraps = np.diff(time, prepend=last if added or last else time[0]) < -_WRAP // 2
        last = int(time[-1])
        time = time + added + _WRAP * np.cumsum(wraps)
        added += _WRAP * int(wraps.sum())
        word = raw["address"].astype(np.int64)
        own = (word & address.others) == 0
        word = word[own]
        yield CameraEvents(
            time[own],
            (word >> address.row) & address.rows,
            (word >> address.column) & address.columns,
            (word >> address.polarity) & 1,
        )
