"""The compiled loops of binning, and the step that a rounded time belongs to.

    step = floor(x + min(2 ε x, 1/4))       x = time / dt

An event at k dt belongs to step k, though its time has been rounded: to ε = 2^-23 where float32 milliseconds or seconds
hold all times of the recording, to 2 · 2^-52 where float64 is needed. float16 seconds are too coarse for such a
tolerance, as it would move events that lie between the steps. There step = floor(x + 1/2) if every time of the
recording is that of a multiple of dt, rounded to float16 (as far as float16 tells steps apart), and ε = 2^-23 if not.
The end of what is kept, max_time_ms, is compared with times that are rounded in the same way.

Shapes   time, unit (event,) · start, offset (recording + 1,) · cell, count (cell,) · frames (time, batch, channel)
Units    time, dt, limit in ms
"""

import math

import numpy as np
from numba import njit

MOST_CELLS = 2**32
MOST_STEPS = 2**31
OUT_OF_RANGE, OUT_OF_GRID = 1, 2


@njit(cache=True, nogil=True)
def _half(time, scale):
    """Return by how much float16 may have rounded this time, -1 if it is no float16 number of the unit."""
    value = time / scale
    if not 0 <= value <= 65504:
        return -1.0
    spacing = 2.0**-24 if value < 2.0**-14 else math.ldexp(1.0, math.frexp(value)[1] - 11)
    return spacing / 2 * scale if value / spacing == math.floor(value / spacing) else -1.0


@njit(cache=True, nogil=True)
def _tolerance(time, first, last, grid):
    """Return 2 ε of the times of a recording, or -1 where they are multiples of dt rounded to float16."""
    time_step, scale = grid
    known = False
    for event in range(first, last):
        now = np.float64(time[event])
        error = _half(now, scale)
        if 2 * error > time_step:
            continue
        known = abs(math.floor(now / time_step + 0.5) * time_step - now) <= error * 1.001
        if error < 0 or not known:
            known = False
            break
    if known:
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


@njit(cache=True, nogil=True)
def bin_all(recorded, grid, scratch, binned):
    """Fill `binned`; return the number of dropped events, what is wrong, and the step of the last event."""
    time, unit, start = recorded
    time_step, limit, units, group, scale = grid
    # of each channel, the step that it saw last, and the place of that cell
    last_step, place = scratch
    cell, count, offset, length = binned
    channels, used, dropped = last_step.size, 0, 0
    most, end = min(MOST_CELLS // channels, MOST_STEPS) - 1, limit / time_step * (1 - 2.0**-50)
    for recording in range(start.size - 1):
        first, last = start[recording], start[recording + 1]
        tolerance = _tolerance(time, first, last, (time_step, scale))
        last_step[:] = -1
        previous = 0.0
        for event in range(first, last):
            now = np.float64(time[event])
            number = np.int64(unit[event])
            # a NaN is not at or after the time before
            if not (previous <= now < np.inf and 0 <= number < units):
                return dropped, OUT_OF_RANGE, 0.0
            previous = now
            x = now / time_step
            x += min(tolerance * x, 0.25) if tolerance >= 0 else 0.5
            if (x if tolerance >= 0 else math.floor(x)) >= end:
                dropped += 1
                continue
            if x >= most:
                return dropped, OUT_OF_GRID, x
            step, channel = int(x), number // group
            # times ascend, so the cell of this step is the one the channel opened last: no search, no sort
            if last_step[channel] == step:
                count[place[channel]] += 1
            else:
                last_step[channel], place[channel] = step, used
                cell[used], count[used] = step * channels + channel, 1
                used += 1
            length[recording] = max(length[recording], step + 1)
        offset[recording + 1] = used
    return dropped, 0, 0.0


@njit(cache=True, nogil=True)
def fill(frames, cell, count, owned):
    """Fill `frames` and return whether all cells lie in their recordings."""
    start, stop, length = owned
    channels = np.uint64(frames.shape[2])
    for place in range(start.size):
        for index in range(start[place], stop[place]):
            step, channel = divmod(np.uint64(cell[index]), channels)
            if step >= np.uint64(length[place]):
                return False
            frames[step, place, channel] = count[index]
    return True
