"""Event recordings of a user in one file of arrays, read in pieces of a few recordings.

    times        (event,)           integers or fractions of the time unit, ascending within a recording
    channels     (event,)           for a sensor of one axis; else
    rows, columns, polarities       (event,) each; polarities only if the sensor has them
    offsets      (recording + 1,)   first event of each recording, and the number of events
    sensor       (channels,), (rows, columns) or (rows, columns, polarities)
    time_unit    s, ms, us or ns

    channel = (row · columns + column) · polarities + polarity

Labels, targets, groups and splits are those of annotations.py. sensor and time_unit may be attributes of an HDF5 file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnsim.data import columns, targets, time_units
from snnsim.data.recordings import Recordings
from snnsim.data.sources import annotations
from snnsim.data.sources.annotations import Annotations
from snnsim.data.sources.array_files import ArrayFile
from snnsim.data.sources.findings import Findings
from snnsim.data.targets import NO_TARGETS, Targets

REQUIRED = ("times", "offsets", "sensor", "time_unit")
PIECE = 2_000_000
"""Events of a piece, unless one recording has more."""
_AXES = ("rows", "columns", "polarities")


@dataclass(frozen=True)
class Layout:
    """What a file of events says of itself."""

    path: Path
    sensor: tuple[int, ...]
    unit: str
    offset: np.ndarray
    """int64 (recording + 1,)."""
    annotations: Annotations

    @property
    def units(self) -> int:
        """Number of channels."""
        return int(np.prod(self.sensor))

    @property
    def field(self) -> tuple[int, int, int] | None:
        """Rows, columns and polarities; None for a sensor of one axis."""
        if len(self.sensor) == 1:
            return None
        rows, columns_, *polarities = self.sensor
        return rows, columns_, polarities[0] if polarities else 1

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the arrays with the position of an event."""
        return ("channels",) if len(self.sensor) == 1 else _AXES[: len(self.sensor)]

    def label_step_ms(self) -> float | None:
        """Return the duration of a step of the labels or targets in ms; None for the time step of the network."""
        step = self.annotations.label_step
        return None if step is None else float(in_ms(np.array([step]), self.unit)[0])


def in_ms(times: np.ndarray, unit: str) -> np.ndarray:
    """Return times of a unit in ms, float64.

    Args:
        times: Times (event,), integers or fractions of the unit.
        unit: One of s, ms, us and ns.
    """
    factor, divisor = time_units.IN_MS[unit]
    milliseconds: np.ndarray = times.astype(np.float64) * factor / divisor
    return milliseconds


def is_of_events(file: ArrayFile) -> bool:
    """Return whether a file has an array of the times of events.

    Args:
        file: The open file.
    """
    return "times" in file


def layout(file: ArrayFile, findings: Findings) -> Layout | None:
    """Return what a file says of itself, or None if its events cannot be read; errors are among the findings.

    Args:
        file: The open file.
        findings: Errors are added to it.
    """
    for name in file.duplicates:
        findings.error(name, "must be one array; the file has it twice", "write the file again")
    missing = [name for name in REQUIRED if name not in file]
    if missing:
        findings.error(
            ", ".join(missing), f"must be in the file; it has {', '.join(file.names()) or 'no array'}", "add what lacks"
        )
        return None
    sensor, unit = _sensor(file, findings), _unit(file, findings)
    offset = _offset(file, findings)
    if offset is None or sensor is None:
        return None
    axes, before = ("channels",) if len(sensor) == 1 else _AXES[: len(sensor)], len(findings.errors)
    for name in axes:
        if name not in file:
            findings.error(name, f"must be in the file of a sensor of shape {sensor}", "add the array")
        elif file.shape(name) != file.shape("times") or file.dtype(name).kind not in "biu":
            stated = f"{file.dtype(name)} of shape {file.shape(name)}"
            findings.error(name, f"must be integers, one for each of {offset[-1]:,} times; got {stated}", "correct it")
    broken = len(findings.errors) > before
    empty = np.flatnonzero(np.diff(offset) == 0)
    findings.entries("offsets", "must give each recording an event", empty, "leave empty recordings out")
    labeled = annotations.read(file, len(offset) - 1, findings)
    if unit is None or broken:
        return None
    # faulty labels do not keep the events from being checked
    count = len(offset) - 1
    return Layout(file.path, sensor, unit, offset, labeled or Annotations.plain(np.full(count, -1), ()))


def _sensor(file: ArrayFile, findings: Findings) -> tuple[int, ...] | None:
    value = np.atleast_1d(file.all("sensor"))
    if value.ndim != 1 or not 1 <= len(value) <= 3 or value.dtype.kind not in "iu" or value.min() < 1:
        must = "must be (channels,), (rows, columns) or (rows, columns, polarities)"
        findings.error("sensor", f"{must}; got {value.tolist()}", "write integers from 1 on")
        return None
    shape = tuple(map(int, value))
    if np.prod(shape, dtype=float) > columns.MOST_UNITS:
        findings.error("sensor", f"must have at most {columns.MOST_UNITS:,} channels; got {shape}", "use fewer")
        return None
    return shape


def _unit(file: ArrayFile, findings: Findings) -> str | None:
    value = file.all("time_unit")
    unit = str(value.reshape(-1)[0]) if value.size == 1 else str(value.tolist())
    if unit not in time_units.IN_MS:
        findings.error("time_unit", f"must be one of {', '.join(time_units.IN_MS)}; got {unit!r}", "name the unit")
        return None
    return unit


def _offset(file: ArrayFile, findings: Findings) -> np.ndarray | None:
    shape, dtype, events = file.shape("offsets"), file.dtype("offsets"), file.shape("times")
    if len(events) != 1 or file.dtype("times").kind not in "iuf":
        findings.error("times", f"must be numbers of one axis; got {file.dtype('times')} of shape {events}", "flatten")
        return None
    if len(shape) != 1 or shape[0] < 2 or dtype.kind not in "iu":
        must = f"must be integers, one for each recording and one more; got {dtype} of shape {shape}"
        findings.error("offsets", must, "a file has at least one recording")
        return None
    offset = file.all("offsets").astype(np.int64)
    if (offset[0], offset[-1]) != (0, events[0]) or np.any(np.diff(offset) < 0):
        back = np.flatnonzero(np.diff(offset) < 0)
        where = f", and it falls at recording {back[0]}" if len(back) else ""
        must = f"must ascend from 0 to the {events[0]:,} events; got {offset[0]} to {offset[-1]}{where}"
        findings.error("offsets", must, "they are the cumulative sums of the numbers of events")
        return None
    return offset


@dataclass(frozen=True)
class Piece:
    """Consecutive recordings of a file, as they are in it."""

    first: int
    """Number of the first recording."""
    offset: np.ndarray
    """First event of each recording of the piece, counted from 0, int64 (recording + 1,)."""
    times: np.ndarray
    positions: tuple[np.ndarray, ...]
    """The arrays of `Layout.axes`."""


def pieces(file: ArrayFile, of: Layout, *, most: int = PIECE) -> Iterator[Piece]:
    """Yield the recordings of a file in pieces.

    Args:
        file: The open file.
        of: Its layout.
        most: Most events of a piece; a recording with more is a piece of its own.
    """
    first, count = 0, len(of.offset) - 1
    while first < count:
        last = int(np.searchsorted(of.offset, of.offset[first] + most, side="right")) - 1
        last = min(max(last, first + 1), count)
        start, stop = int(of.offset[first]), int(of.offset[last])
        positions = tuple(file.rows(name, start, stop) for name in of.axes)
        yield Piece(first, of.offset[first : last + 1] - start, file.rows("times", start, stop), positions)
        first = last


def to_recordings(piece: Piece, of: Layout, all_targets: Targets = NO_TARGETS) -> Recordings:
    """Return a piece as recordings; positions outside of the sensor become the channel `units`, which is none.

    Args:
        piece: Recordings of the file.
        of: Layout of the file.
        all_targets: Targets of all recordings of the file.
    """
    channel = np.zeros(len(piece.times), np.int64)
    outside = np.zeros(len(piece.times), bool)
    for position, size in zip(piece.positions, of.sensor, strict=True):
        if position.size and (position.min() < 0 or position.max() >= size):
            outside |= (position < 0) | (position >= size)
        channel *= size
        channel += position.astype(np.int64, copy=False)
    own = slice(piece.first, piece.first + len(piece.offset) - 1)
    return Recordings(
        time_ms=in_ms(piece.times, of.unit),
        unit=np.where(outside, of.units, channel) if outside.any() else channel,
        offset=piece.offset,
        label=of.annotations.label[own],
        speaker=of.annotations.group[own],
        classes=of.annotations.recording_classes,
        units=of.units,
        targets=targets.selected(all_targets, np.arange(own.start, own.stop)),
    )
