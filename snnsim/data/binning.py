"""Events counted on a fixed grid of steps and channels: sparse cells, and dense frames of a batch.

    step    = floor(x + min(2 ε x, 1/4))       x = time / dt; the grid starts at 0, not at the first event
    channel = floor(unit · channels / units)   neighboring units share a channel
    cell    = step · channels + channel
    length  = last occupied step + 1, at least 1; of targets of steps, at least up to the last label

counting.py defines ε and the step of a rounded time.

Shapes   cell, count (cell,) · offset (recording + 1,) · length, label, speaker (recording,)
         frames (time, batch, channel)
Units    time, dt in ms · cell, length in steps of dt
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snnsim import ragged
from snnsim.data import targets
from snnsim.data.counting import (
    MOST_CELLS,
    OUT_OF_RANGE,
    CellArrays,
    EventArrays,
    Grid,
    Rows,
    Scratch,
    bin_all,
    fill,
)
from snnsim.data.recordings import Recordings, arrays, check_events, no_classes, positions
from snnsim.data.targets import TargetGrid, Targets
from snnsim.validation import integer, real, require, shown

MOST_CHANNELS = 2**26
"""Limit of `bin_events`, which needs 16 bytes for each channel."""


@dataclass(frozen=True)
class Binned:
    """Recordings on a grid; recording n owns cells offset[n]:offset[n + 1], each of them once."""

    cell: np.ndarray
    """uint32, step · channels + channel."""
    count: np.ndarray
    """Number of events in the cell, uint8, or wider if needed; never 0."""
    offset: np.ndarray
    """Start of the cells of each recording, and the end of the last one, int64."""
    length: np.ndarray
    """Steps of each recording, int32."""
    label: np.ndarray
    """Index into `classes`, int64."""
    speaker: np.ndarray
    """Number of the speaker, int64; -1 where unknown."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of their labels."""
    channels: int
    """Number of channels."""
    time_step_ms: float
    """Length of a step."""
    dropped: int = 0
    """Number of events that were too late and are left out."""
    targets: Targets = field(default_factory=dict)
    """Targets besides the labels by name, on their own steps."""

    def __len__(self) -> int:
        return len(self.label)

    def select(self, indices: np.ndarray) -> "Binned":
        """Return selected recordings; the number of dropped events remains that of all recordings.

        Args:
            indices: Recordings (index,) in the wanted order, where -1 is the last one, or a mask (recording,).
        """
        indices = positions(indices, len(self), who="Binned.select")
        cell, offset = ragged.select_rows(self.offset, indices)
        return replace(
            self,
            cell=self.cell[cell],
            count=self.count[cell],
            offset=offset,
            length=self.length[indices],
            label=self.label[indices],
            speaker=self.speaker[indices],
            targets=targets.selected(self.targets, indices),
        )

    def dense(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return frames of recordings, padded with zeros to the longest of them.

        Args:
            indices: Recordings (batch,) in the wanted order, where -1 is the last one.

        Returns:
            Frames float32 (time, batch, channel), zero after the end of each recording, and the lengths (batch,).

        Raises:
            TypeError: If an array has a wrong type, or the indices are no integers.
            ValueError: If an index is out of range, or the cells do not fit the channels and the lengths.
            MemoryError: If there is not enough memory for the frames.
        """
        _check_sizes(self, "Binned.dense")
        indices = positions(indices, len(self), who="Binned.dense")
        length = self.length[indices]
        require(length.min(initial=1) >= 1, "Binned.dense: a recording must have at least one step; one has none")
        frames = zeros(int(length.max(initial=0)), len(indices), self.channels, who="Binned.dense")
        start, stop = self.offset[:-1][indices], self.offset[1:][indices]
        inside = np.all((start >= 0) & (start <= stop) & (stop <= len(self.cell)))
        require(
            bool(inside) and fill(frames, self.cell, self.count, Rows(start, stop, length)),
            f"Binned.dense: the cells of a recording must lie in its {self.channels} channels and its steps, and the "
            "offsets in the cells; some do not; bin the recordings again",
        )
        return frames, length

    def of_targets(self, indices: np.ndarray, steps: int) -> dict[str, np.ndarray]:
        """Return the targets of recordings on the grid, without a label at and after the end of a recording.

        Args:
            indices: Recordings (batch,), from 0.
            steps: Steps of the longest of them.

        Returns:
            The arrays of `TargetGrid.values` by name.
        """
        grid, length = TargetGrid(self.time_step_ms), self.length[indices]
        return {name: grid.values(target, indices, length, steps) for name, target in self.targets.items()}

    def check(self, who: str) -> None:
        """Check that all arrays fit each other, every cell included.

        Args:
            who: Name of the function or file, for messages.

        Raises:
            TypeError: If an array has a wrong type.
            ValueError: If the arrays do not fit each other.
        """
        _check_sizes(self, who)
        offset, cells, step = self.offset, np.diff(self.offset), self.cell // np.uint32(self.channels)
        valid = offset[0] == 0 and offset[-1] == len(self.cell) and (cells >= 0).all() and (self.count > 0).all()
        require(bool(valid), f"{who}: the offsets must ascend from 0 to the number of cells, and all counts be above 0")
        last = np.ones(len(self), np.int64)
        last[cells > 0] += np.maximum.reduceat(step, offset[:-1][cells > 0]) if len(step) else 0
        latest = last
        for name, target in self.targets.items():
            target.check(f"{who}: target {name!r}", len(self))
            latest = np.maximum(latest, TargetGrid(self.time_step_ms).lengths(target, np.arange(len(self))))
        ends = (last <= self.length).all() and (self.length <= latest).all()
        require(bool(ends), f"{who}: every recording must end with its last cell or label; one does not")
        labels = len(self) == 0 or (self.label.min() >= 0 and self.label.max() < len(self.classes))
        labels = labels or no_classes(self.label, self.classes, self.targets)
        require(bool(labels), f"{who}: the labels must lie in 0..{len(self.classes) - 1}; some do not")


def bin_events(
    recordings: Recordings, *, time_step_ms: float, channels: int, max_time_ms: float | None = None
) -> Binned:
    """Return the events of recordings on a grid.

    Args:
        recordings: Any recordings, also without spikes; their times must ascend.
        time_step_ms: Length of a step in ms.
        channels: Number of channels that the units are summed into, a divisor of the number of units.
        max_time_ms: Events at or after this time are left out and counted; None keeps all.

    Raises:
        TypeError: If an array or a setting has a wrong type.
        ValueError: If times or units of a recording are wrong, or the grid is too fine.
    """
    limit = np.inf if max_time_ms is None or max_time_ms == np.inf else real(max_time_ms, **_named("max_time_ms"))
    time_step_ms = real(time_step_ms, **_named("time_step_ms"))
    if not (time_step_ms > 0 and limit > 0):
        raise ValueError(
            f"bin_events: the time step and the longest time must be above 0 ms; got {time_step_ms} and {max_time_ms}"
        )
    channels = integer(channels, **_named("channels"))
    time, unit, start = arrays(recordings, "bin_events")
    _check_channels(recordings.units, channels)
    cell, count = np.empty(len(time), np.uint32), np.empty(len(time), np.uint32)
    offset, length = np.zeros(len(start), np.int64), np.ones(len(start) - 1, np.int32)
    # float16 times in memory are milliseconds, those of a file seconds
    scale = 1.0 if np.asarray(recordings.time_ms).dtype == np.float16 else 1000.0
    dropped, fault, step = bin_all(
        EventArrays(time, unit, start),
        Grid(time_step_ms, limit, recordings.units, recordings.units // channels, scale),
        Scratch(np.full(channels, -1, np.int64), np.zeros(channels, np.int64)),
        CellArrays(cell, count, offset, length),
    )
    if fault == OUT_OF_RANGE:
        check_events(recordings, "bin_events")
    require(
        not fault,
        f"bin_events: steps times channels must stay below 2**32; got {step + 1:g} steps of {time_step_ms} ms "
        f"and {channels} channels; use longer steps, or max_time_ms",
    )
    count = count[: offset[-1]]
    return Binned(
        cell=cell[: offset[-1]].copy(),
        count=count.astype(np.min_scalar_type(count.max(initial=0))),
        offset=offset,
        length=_with_targets(length, recordings.targets, TargetGrid(time_step_ms, max_time_ms)),
        label=np.asarray(recordings.label).astype(np.int64, copy=False),
        speaker=np.asarray(recordings.speaker).astype(np.int64, copy=False),
        classes=recordings.classes,
        channels=channels,
        time_step_ms=time_step_ms,
        dropped=int(dropped),
        targets=recordings.targets,
    )


def _with_targets(length: np.ndarray, targets: Targets, grid: TargetGrid) -> np.ndarray:
    """Return the steps of each recording up to its last event and its last label."""
    for target in targets.values():
        length = np.maximum(length, grid.lengths(target, np.arange(len(length)))).astype(np.int32)
    return length


def _named(name: str) -> dict[str, Any]:
    return {"who": "bin_events", "name": name}


def zeros(steps: int, recordings: int, channels: int, *, who: str) -> np.ndarray:
    """Return frames of zeros, float32 (time, recording, channel).

    Args:
        steps: Steps of the longest recording.
        recordings: Number of recordings.
        channels: Number of channels.
        who: Name of the function that was called, for the message.

    Raises:
        MemoryError: If there is not enough memory.
    """
    try:
        return np.zeros((steps, recordings, channels), np.float32)
    except (MemoryError, ValueError) as error:
        size = steps * recordings * channels * 4 / 1e9
        raise MemoryError(
            f"{who}: {recordings} recordings of {steps} steps and {channels} channels need {size:,.1f} GB of memory, "
            "more than there is; take fewer at a time, fewer channels or longer steps"
        ) from error


def _check_sizes(binned: Binned, who: str) -> None:
    """Check the types, axes and sizes of all arrays, but no element of them.

    Raises:
        TypeError: If a type or an axis is wrong.
        ValueError: If a size is wrong.
    """
    channels = integer(binned.channels, who=who, name="the number of channels", at_least=1, at_most=MOST_CELLS - 1)
    kinds = {"cell": "u", "count": "u", "offset": "i", "length": "i", "label": "i", "speaker": "i"}
    for name, kind in kinds.items():
        values = getattr(binned, name)
        if not isinstance(values, np.ndarray) or values.dtype.kind != kind or values.ndim != 1:
            sign = "unsigned" if kind == "u" else "signed"
            raise TypeError(f"{who}: {name} must be {sign} integers of one axis, not {shown(values)}")
    recordings = len(binned.label)
    require(
        len(binned.count) == len(binned.cell)
        and len(binned.offset) == recordings + 1
        and len(binned.length) == len(binned.speaker) == recordings,
        f"{who}: there must be one count per cell, one length, label, speaker and offset per recording, and one for "
        f"the end; got {len(binned.cell)} cells, {len(binned.count)} counts, {len(binned.length)} lengths, "
        f"{recordings} labels, {len(binned.speaker)} speakers and {len(binned.offset)} offsets of {channels} channels",
    )


def _check_channels(units: int, channels: int) -> None:
    require(
        channels <= MOST_CHANNELS,
        f"bin_events: there may be {MOST_CHANNELS} channels (binning.MOST_CHANNELS), not {channels}; use fewer",
    )
    if 1 <= channels <= units and units % channels == 0:
        return
    small = [number for number in range(1, min(math.isqrt(units), 2**20) + 1) if units % number == 0]
    divisors = sorted({*small, *(units // number for number in small)})
    near = sorted(sorted(divisors, key=lambda number: abs(number - channels))[:4])
    raise ValueError(
        f"bin_events: the number of channels must divide the {units} units; got {channels}; "
        f"the nearest that do are {', '.join(map(str, near))}"
    )
