"""AEDAT 3.1: a header of text, and packets of events, little-endian.

    packet    type (2 bytes), source (2), bytes of an event (4), offset of the time (4), overflows of the time (4),
              capacity (4), events (4), valid events (4); then the events
    event     of type 1: bit 0 valid, bit 1 polarity, row bits 2 to 16, column bits 17 to 31; time (4 bytes)

Units    time in µs; an overflow adds 2³¹ µs
Source   iniVation, AEDAT 3.1 (docs.inivation.com)
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from snnsim.data.cameras.events import CameraEvents, CameraFile, Options, header

_PACKET = struct.Struct("<HHIIIIII")
_POLARITY = 1
_RECORD = np.dtype([("word", "<u4"), ("time", "<u4")])
_MOST_BYTES = 2**28
"""Bytes of the largest packet."""


def read(path: Path, options: Options) -> CameraFile:  # noqa: ARG001
    """Return the events of a file.

    Args:
        path: The file.
        options: Not used, as the file says everything of itself.
    """
    lines, start = header(path, b"#")
    text = " ".join(lines).lower()
    sizes = {"dvs128": (128, 128, 2), "davis240": (180, 240, 2), "davis346": (260, 346, 2)}
    return CameraFile(_pieces(path, start), next((size for name, size in sizes.items() if name in text), None))


def _pieces(path: Path, start: int) -> Iterator[CameraEvents]:
    with path.open("rb") as file:
        file.seek(start)
        while packet := file.read(_PACKET.size):
            yield from _packet(path, file, packet)


def _packet(path: Path, file: BinaryIO, packet: bytes) -> Iterator[CameraEvents]:
    """Yield the events of a packet, none if it has events of another type.

    Raises:
        ValueError: If the file ends within the packet, or the packet is too large.
    """
    if len(packet) < _PACKET.size:
        raise ValueError(f"{path}: it ends within a packet of events; it is cut off; get it again")
    kind, _, size, offset, overflow, _, count, _ = _PACKET.unpack(packet)
    if count * size > _MOST_BYTES or (kind == _POLARITY and (size, offset) != (8, 4)):
        raise ValueError(f"{path}: a packet of {count:,} events of {size:,} bytes is none; the file is damaged")
    content = file.read(count * size)
    if len(content) < count * size:
        raise ValueError(f"{path}: it ends within a packet of {count:,} events; it is cut off; get it again")
    if kind == _POLARITY and count:
        raw = np.frombuffer(content, _RECORD)
        word = raw["word"].astype(np.int64)
        valid = (word & 1) == 1
        word, time = word[valid], raw["time"][valid].astype(np.int64) + (overflow << 31)
        yield CameraEvents(time, (word >> 2) & 0x7FFF, word >> 17, (word >> 1) & 1)
