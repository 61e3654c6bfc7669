"""AEDAT 4, through the library aedat: packets in flatbuffers, compressed by LZ4 or Zstandard.

Units    time in µs
Source   iniVation, AEDAT 4.0 (docs.inivation.com); the library aedat has the MIT license
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.data.cameras.events import CameraEvents, CameraFile, Options


def read(path: Path, options: Options) -> CameraFile:  # noqa: ARG001
    """Return the events of the first stream of events of a file.

    Args:
        path: The file.
        options: Not used, as the file says everything of itself.

    Raises:
        ImportError: If aedat is not installed.
        ValueError: If the file is damaged, or has no stream of events.
    """
    try:
        import aedat
    except ImportError as error:
        raise ImportError(
            f"{path}: AEDAT 4 is read by the library aedat, which is not installed; run `pip install snnsim[cameras]`"
        ) from error
    try:
        decoder: Any = aedat.Decoder(str(path))
        streams = decoder.id_to_stream()
    except Exception as error:
        raise ValueError(f"{path}: it is no AEDAT 4 file, or damaged ({error}); get it again") from error
    number = next((key for key, stream in sorted(streams.items()) if stream["type"] == "events"), None)
    if number is None:
        raise ValueError(f"{path}: it has no stream of events; record events, not frames alone")
    sensor = streams[number]["height"], streams[number]["width"], 2
    return CameraFile(_pieces(path, decoder, number), sensor)


def _pieces(path: Path, decoder: Any, number: int) -> Iterator[CameraEvents]:
    packets = iter(decoder)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except Exception as error:
            raise ValueError(f"{path}: a packet is damaged or cut off ({error}); get it again") from error
        if packet["stream_id"] == number and "events" in packet:
            events = packet["events"]
            time = events["t"].astype(np.int64)
            yield CameraEvents(
                time, events["y"].astype(np.int64), events["x"].astype(np.int64), events["p"].astype(int)
            )
