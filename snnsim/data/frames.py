"""Spikes counted in dense frames at once, in any order of their times; the steps are those of binning.py.

    frames[step, recording, channel] = number of spikes        step and channel as in binning.py

Shapes   step (event,) · length (batch,) · frames (time, batch, channel)
Units    times in ms
"""

from dataclasses import dataclass

import numpy as np

from snnsim.data import binning
from snnsim.data.augment.events import Events
from snnsim.data.counting import MOST_CELLS, MOST_STEPS, Grid, end_of, grid_position, tolerance_of
from snnsim.kernels.common.jit import njit
from snnsim.validation import require

_DROPPED = -1


@dataclass(frozen=True)
class FrameGrid:
    """Steps and channels of frames."""

    time_step_ms: float
    channels: int
    """Number of channels that the units are summed into, a divisor of the number of units."""
    max_time_ms: float | None = None
    """Spikes at or after this time are left out; None keeps all."""


def count_events(
    events: Events, units: int, grid: FrameGrid, *, scale: float = 1000.0, at_least: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames of a batch, as `bin_events` and `Binned.dense` give them.

    Args:
        events: Spikes of the batch, in valid channels, in any order.
        units: Number of channels of the recordings.
        grid: Steps and channels of the frames.
        scale: Milliseconds of a unit of float16 times: 1000 for those of a file, in seconds.
        at_least: The fewest steps of each recording (batch,); None for 1.

    Returns:
        Frames float32 (time, batch, channel), and the steps of each recording, int64 (batch,), at least 1.

    Raises:
        ValueError: If the grid is too fine.
    """
    step, length = np.empty(len(events.time), np.int32), np.ones(len(events.offset) - 1, np.int64)
    limit = np.inf if grid.max_time_ms is None else grid.max_time_ms
    group = units // grid.channels
    beyond = _steps(events, Grid(grid.time_step_ms, limit, units, group, scale), step, length)
    require(
        beyond < 0,
        f"count_events: steps times channels must stay below 2**32; got {beyond + 1:g} steps of "
        f"{grid.time_step_ms} ms and {grid.channels} channels; use longer steps, or max_time_ms",
    )
    length = length if at_least is None else np.maximum(length, at_least)
    frames = binning.zeros(int(length.max(initial=0)), len(length), grid.channels, who="count_events")
    _count(events, step, np.arange(units) // group, frames)
    return frames, length


@njit(cache=True, nogil=True)
def _steps(events: Events, grid: Grid, step: np.ndarray, length: np.ndarray) -> float:
    """Set the step of every spike, and return a position beyond the grid, or -1."""
    channels = grid.units // grid.group
    most, end = min(MOST_CELLS // channels, MOST_STEPS) - 1, end_of(grid.limit, grid.time_step)
    for row in range(length.size):
        first, last = events.offset[row], events.offset[row + 1]
        tolerance = tolerance_of(events.time, first, last, grid.time_step, grid.scale)
        for event in range(first, last):
            x = grid_position(np.float64(events.time[event]), grid.time_step, tolerance)
            if (x if tolerance >= 0 else np.floor(x)) >= end:
                step[event] = _DROPPED
            elif x >= most:
                return x
            else:
                step[event] = int(x)
                length[row] = max(length[row], np.int64(x) + 1)
    return -1.0


@njit(cache=True, nogil=True)
def _count(events: Events, step: np.ndarray, channel: np.ndarray, frames: np.ndarray) -> None:
    for row in range(frames.shape[1]):
        for event in range(events.offset[row], events.offset[row + 1]):
            if step[event] != _DROPPED:
                frames[step[event], row, channel[events.unit[event]]] += 1
