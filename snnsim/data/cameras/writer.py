"""A file of events that grows recording by recording: the HDF5 form of data/sources/event_files.py."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim import files
from snnsim.data.cameras.events import CameraEvents

_CHUNK = 2**16
_COLUMNS = {"times": np.int64, "rows": np.uint16, "columns": np.uint16, "polarities": np.uint8}


class EventWriter:
    """A file to which events are appended.

    Args:
        file: The open file.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._columns: dict[str, Any] = {
            name: file.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(_CHUNK,))
            for name, dtype in _COLUMNS.items()
        }
        self.offset = [0]
        self.labels: list[int] = []
        self.groups: list[int] = []
        self.size = np.zeros(3, np.int64)
        """Largest row, column and polarity, and one more."""

    def append(self, events: CameraEvents) -> None:
        """Append events to the recording that `end` will close; times are microseconds.

        Args:
            events: Events with ascending times, after those of the recording so far.
        """
        if not len(events.time):
            return
        arrays = (events.time, events.row, events.column, events.polarity)
        for dataset, values in zip(self._columns.values(), arrays, strict=True):
            start = dataset.shape[0]
            dataset.resize((start + len(values),))
            dataset[start:] = values
        self.size = np.maximum(self.size, [int(values.max()) + 1 for values in arrays[1:]])

    def end(self, label: int, group: int) -> None:
        """Close a recording; one without events is left out.

        Args:
            label: Its class.
            group: Its group, such as a subject; -1 where unknown.
        """
        events = self._columns["times"].shape[0]
        if events > self.offset[-1]:
            self.offset.append(events)
            self.labels.append(label)
            self.groups.append(group)

    def finish(self, sensor: Sequence[int], classes: Sequence[str]) -> None:
        """Write everything but the events.

        Args:
            sensor: Rows, columns and polarities.
            classes: Names of the classes.
        """
        self._file["offsets"] = np.array(self.offset, np.int64)
        self._file["labels"] = np.array(self.labels, np.int64)
        if min(self.groups, default=-1) >= 0:
            self._file["groups"] = np.array(self.groups, np.int64)
        self._file["classes"] = [name.encode() for name in classes]
        self._file.attrs["sensor"] = np.array(sensor, np.int64)
        self._file.attrs["time_unit"] = "us"


@contextmanager
def written(path: Path) -> Iterator[EventWriter]:
    """Yield a writer of a file of events, which is complete when the block ends without an error.

    Args:
        path: The file to write.
    """
    with files.written_whole(path) as partial, h5py.File(partial, "w") as file:
        yield EventWriter(file)
