"""Events counted on a fixed grid of steps and channels, kept sparse, and dense one batch at a time.

    step    = floor(time / dt)                 the grid starts at 0, not at the first event
    channel = floor(unit · channels / units)   neighbouring units share a channel
    cell    = step · channels + channel
    length  = last occupied step + 1, at least 1

Shapes   cell, count (cell,) · offset (recording + 1,) · length, label, speaker (recording,)
         frames (time, batch, channel)
Units    time, dt in ms · cell, length in steps of dt
"""

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from snnsim.data import events
from snnsim.data.events import Recordings


@dataclass(frozen=True)
class Binned:
    """Recordings on a grid; recording n owns cells offset[n]:offset[n + 1], each of them once."""

    cell: np.ndarray
    """uint32, step · channels + channel."""
    count: np.ndarray
    """uint8, or wider if needed: how many events fell into the cell; never 0."""
    offset: np.ndarray
    """int64, where the cells of each recording start, and the end of the last one."""
    length: np.ndarray
    """int32, steps of each recording."""
    label: np.ndarray
    """int64, index into `classes`."""
    speaker: np.ndarray
    """int64, who spoke; -1 where unknown."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of their labels."""
    channels: int
    """Number of channels."""
    time_step_ms: float
    """Length of a step."""
    dropped: int = 0
    """How many events came too late and were left out."""

    def __len__(self) -> int:
        return len(self.label)

    def select(self, indices: np.ndarray) -> "Binned":
        """Return the recordings at `indices`, in that order; `dropped` stays that of the whole."""
        indices = np.asarray(indices, np.int64)
        cell, offset = events.gathered(self.offset, indices)
        return replace(
            self,
            cell=self.cell[cell],
            count=self.count[cell],
            offset=offset,
            length=self.length[indices],
            label=self.label[indices],
            speaker=self.speaker[indices],
        )

    def dense(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return float32 frames (time, batch, channel), zero after each one's end, and the lengths."""
        indices = np.asarray(indices, np.int64)
        length = self.length[indices]
        frames = np.zeros((length.max(initial=0), len(indices), self.channels), np.float32)
        _fill(frames, self.cell, self.count, self.offset[:-1][indices], self.offset[1:][indices])
        return frames, length


def bin_events(
    recordings: Recordings, *, time_step_ms: float, channels: int, max_time_ms: float | None = None
) -> Binned:
    """Return the events of validated recordings on a grid; those at or after max_time_ms are dropped."""
    if not time_step_ms > 0 or (max_time_ms is not None and not max_time_ms > 0):
        raise ValueError(
            f"bin_events: the time step and the longest time must be above 0 ms; got {time_step_ms} and {max_time_ms}"
        )
    _check_channels(recordings.units, channels)
    time, limit = recordings.time_ms, np.inf if max_time_ms is None else max_time_ms
    steps = int(min(time.max(initial=0), limit) / time_step_ms) + 1
    if steps * channels > np.iinfo(np.uint32).max:
        raise ValueError(
            f"bin_events: steps times channels must stay below 2**32; got {steps} steps of {time_step_ms} ms "
            f"and {channels} channels; use longer steps, or max_time_ms"
        )
    kept = len(time)
    cell, count = np.empty(kept, np.uint32), np.empty(kept, np.uint32)
    offset, length = np.zeros(len(recordings) + 1, np.int64), np.ones(len(recordings), np.int32)
    dropped = _bin(
        (time, recordings.unit, recordings.offset),
        (float(time_step_ms), float(limit), recordings.units // channels),
        np.full(channels, -1, np.int64),
        np.zeros(channels, np.int64),
        (cell, count, offset, length),
    )
    count = count[: offset[-1]]
    return Binned(
        cell=cell[: offset[-1]].copy(),
        count=count.astype(np.min_scalar_type(count.max(initial=0))),
        offset=offset,
        length=length,
        label=recordings.label,
        speaker=recordings.speaker,
        classes=recordings.classes,
        channels=channels,
        time_step_ms=float(time_step_ms),
        dropped=int(dropped),
    )


def _check_channels(units: int, channels: int) -> None:
    if 1 <= channels <= units and units % channels == 0:
        return
    divisors = [number for number in range(1, units + 1) if units % number == 0]
    near = sorted(sorted(divisors, key=lambda number: abs(number - channels))[:4])
    raise ValueError(
        f"bin_events: the number of channels must divide the {units} units; got {channels}; "
        f"the nearest that do are {', '.join(map(str, near))}"
    )


@njit(cache=True, nogil=True)
def _bin(recorded, grid, last_step, place, binned):
    """Fill `binned` and return the number of dropped events; last_step and place are scratch per channel."""
    time, unit, start = recorded
    time_step, limit, group = grid
    cell, count, offset, length = binned
    channels, used, dropped = last_step.size, 0, 0
    for recording in range(start.size - 1):
        last_step[:] = -1
        for event in range(start[recording], start[recording + 1]):
            if time[event] >= limit:
                dropped += 1
                continue
            step, channel = int(time[event] / time_step), unit[event] // group
            # times ascend, so the cell of this step is the one the channel opened last: no search, no sort
            if last_step[channel] == step:
                count[place[channel]] += 1
            else:
                last_step[channel], place[channel] = step, used
                cell[used], count[used] = step * channels + channel, 1
                used += 1
            length[recording] = max(length[recording], step + 1)
        offset[recording + 1] = used
    return dropped


@njit(cache=True, nogil=True)
def _fill(frames, cell, count, start, stop):
    channels = frames.shape[2]
    for place in range(start.size):
        for index in range(start[place], stop[place]):
            frames[cell[index] // channels, place, cell[index] % channels] = count[index]
