"""The `.bin` files of N-MNIST and N-Caltech101: five bytes for an event.

    byte 0 column · byte 1 row · byte 2 polarity (bit 7) and bits 22 to 16 of the time · bytes 3 and 4 the other bits

Units    time in µs; an event in row 240 is none, and adds 2¹³ µs to all later times
Source   Orchard, Jayawant, Cohen & Thakor 2015, Frontiers in Neuroscience 9:437, and the readers of the data
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from snnsim.data.cameras.events import CameraEvents, CameraFile, Options, words

_RECORD = np.dtype((np.uint8, 5))
_OVERFLOW_ROW, _OVERFLOW = 240, 2**13


def read(path: Path, options: Options) -> CameraFile:  # noqa: ARG001
    """Return the events of a file; the sensor of N-MNIST has 34 x 34 pixels, that of N-Caltech101 varies.

    Args:
        path: The file.
        options: Not used, as the file says everything of itself.
    """
    return CameraFile(_pieces(path))


def _pieces(path: Path) -> Iterator[CameraEvents]:
    added = 0
    for raw in words(path, 0, _RECORD):
        byte = raw.reshape(-1, 5).astype(np.int64)
        overflow = byte[:, 1] == _OVERFLOW_ROW
        later = added + _OVERFLOW * np.cumsum(overflow)
        time = ((byte[:, 2] & 127) << 16) + (byte[:, 3] << 8) + byte[:, 4] + later
        added = int(later[-1])
        event = ~overflow
        yield CameraEvents(time[event], byte[event, 1], byte[event, 0], byte[event, 2] >> 7)
