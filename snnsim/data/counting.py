"""The compiled loops of binning, and the step of a rounded time.

    step = floor(x + min(2 ε x, 1/4))       x = time / dt

An event at k dt belongs to step k, although its time has been rounded: ε = 2^-23 where all times of the recording are
exact in float32 milliseconds or seconds, and 2 · 2^-52 where they need float64. float16 seconds are too coarse for a
tolerance, which would move events between the steps. For them, step = floor(x + 1/2) if every time of the recording is
a multiple of dt, rounded to float16 (as far as float16 tells steps apart), and ε = 2^-23 otherwise. The limit
max_time_ms is compared with times that are rounded in the same way.

Shapes   time, unit (event,) · start, offset (recording + 1,) · cell, count (cell,) · frames (time, batch, channel)
Units    time, dt, limit in ms
"""

import math
from typing import NamedTuple

import numpy as np

from snnsim.data.time_units import NEARLY_ONE
from snnsim.kernels.common.jit import njit, subroutine

MOST_CELLS = 2**32
MOST_STEPS = 2**31
OUT_OF_RANGE, OUT_OF_GRID = 1, 2
"""Faults that `bin_all` returns."""


class EventArrays(NamedTuple):
    """Events of recordings."""

    time: np.ndarray
    unit: np.ndarray
    start: np.ndarray
    """Start of each recording, and the end of the last one."""


class Grid(NamedTuple):
    """Steps and channels of a grid."""

    time_step: float
    limit: float
    """Events at or after this time are dropped."""
    units: int
    group: int
    """Units of a channel."""
    scale: float
    """Milliseconds of a unit of float16 times: 1000 for seconds."""


class Scratch(NamedTuple):
    """Working memory of `bin_all`, one entry per channel."""

    last_step: np.ndarray
    """Step of the latest cell, -1 before the first one."""
    last_cell: np.ndarray
    """Index of the latest cell."""


class CellArrays(NamedTuple):
    """Cells of recordings on a grid."""

    cell: np.ndarray
    events: np.ndarray
    """Number of events of each cell."""
    offset: np.ndarray
    length: np.ndarray


class Rows(NamedTuple):
    """Recordings of a batch among all cells."""

    start: np.ndarray
    stop: np.ndarray
    length: np.ndarray


@subroutine(cache=True, nogil=True)
def _half(time: float, scale: float) -> float:
    """Return the largest rounding error of a float16 time, or -1 for a time that is not exact in float16."""
    value = time / scale
    if not 0 <= value <= 65504:
        return -1.0
    spacing = 2.0**-24 if value < 2.0**-14 else math.ldexp(1.0, math.frexp(value)[1] - 11)
    return spacing / 2 * scale if value / spacing == math.floor(value / spacing) else -1.0


@subroutine(cache=True, nogil=True)
def tolerance_of(time: np.ndarray, first: int, last: int, time_step: float, scale: float) -> float:
    """Return 2 ε of the times of a recording, or -1 where they are multiples of dt rounded to float16.

    Args:
        time: Times of all recordings, in any order within a recording.
        first: Index of the first event of the recording.
        last: Index behind its last event.
        time_step: Length of a step.
        scale: Milliseconds of a unit of float16 times.
    """
    multiples = False
    for event in range(first, last):
        now = np.float64(time[event])
        error = _half(now, scale)
        if 2 * error > time_step:
            continue
        multiples = bool(abs(math.floor(now / time_step + 0.5) * time_step - now) <= error * 1.001)
        if error < 0 or not multiples:
            multiples = False
            break
    if multiples:
        return -1.0
    if time.itemsize == 8:
        milliseconds, seconds = True, True
        for event in range(first, last):
            now = time[event]
            milliseconds = milliseconds and np.float64(np.float32(now)) == now
            seconds = seconds and np.float64(np.float32(now / 1000)) * 1000 == now
            if not (milliseconds or seconds):
                return 4 * 2.0**-52
    return 2 * 2.0**-23


@subroutine(cache=True, nogil=True)
def grid_position(time: float, time_step: float, tolerance: float) -> float:
    """Return x + min(2 ε x, 1/4) of a time, or x + 1/2; the integer part is the step.

    Args:
        time: Time of an event in ms, at least 0.
        time_step: Step dt in ms.
        tolerance: Relative tolerance 2 ε, or -1 for the rounding of float16 seconds.
    """
    x = time / time_step
    return x + (min(tolerance * x, 0.25) if tolerance >= 0 else 0.5)


@subroutine(cache=True, nogil=True)
def end_of(limit: float, time_step: float) -> float:
    """Return the grid position from which events are dropped.

    Args:
        limit: Time in ms from which events are dropped; infinite for none.
        time_step: Step dt in ms.
    """
    return limit / time_step * NEARLY_ONE


@njit(cache=True, nogil=True)
def bin_all(events: EventArrays, grid: Grid, scratch: Scratch, cells: CellArrays) -> tuple[int, int, float]:
    """Fill the cells of all recordings.

    Args:
        events: Events of the recordings.
        grid: Steps and channels.
        scratch: Working memory.
        cells: The cells to fill; cell and count are as long as the events.

    Returns:
        Number of dropped events, a fault or 0, and the step of an event that lies outside of the grid.
    """
    time, unit, start = events
    time_step, limit, units, group, scale = grid
    last_step, last_cell = scratch
    cell, count, offset, length = cells
    channels, used, dropped = last_step.size, 0, 0
    most, end = min(MOST_CELLS // channels, MOST_STEPS) - 1, end_of(limit, time_step)
    for recording in range(start.size - 1):
        first, last = start[recording], start[recording + 1]
        tolerance = tolerance_of(time, first, last, time_step, scale)
        last_step[:] = -1
        previous = 0.0
        for event in range(first, last):
            now = np.float64(time[event])
            number = np.int64(unit[event])
            # false for NaN, too
            if not (previous <= now < np.inf and 0 <= number < units):
                return dropped, OUT_OF_RANGE, 0.0
            previous = now
            x = grid_position(now, time_step, tolerance)
            if (x if tolerance >= 0 else math.floor(x)) >= end:
                dropped += 1
                continue
            if x >= most:
                return dropped, OUT_OF_GRID, x
            step, channel = int(x), number // group
            # times ascend, so this step has a cell only if it is the latest one of the channel: no search, no sort
            if last_step[channel] == step:
                count[last_cell[channel]] += 1
            else:
                last_step[channel], last_cell[channel] = step, used
                cell[used], count[used] = step * channels + channel, 1
                used += 1
            length[recording] = max(length[recording], step + 1)
        offset[recording + 1] = used
    return dropped, 0, 0.0


@njit(cache=True, nogil=True)
def fill(frames: np.ndarray, cell: np.ndarray, count: np.ndarray, rows: Rows) -> bool:
    """Fill the frames of a batch.

    Args:
        frames: Zeros (time, batch, channel), which are overwritten.
        cell: Cells of all recordings.
        count: Number of events in each cell.
        rows: Recordings of the batch.

    Returns:
        Whether all cells lie in the steps of their recordings.
    """
    channels = np.uint64(frames.shape[2])
    for row in range(rows.start.size):
        for index in range(rows.start[row], rows.stop[row]):
            step, channel = divmod(np.uint64(cell[index]), channels)
            if step >= np.uint64(rows.length[row]):
                return False
            frames[step, row, channel] = count[index]
    return True
