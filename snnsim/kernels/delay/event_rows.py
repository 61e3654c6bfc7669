"""Convolutions over space and delays, row by row of the field; the compiled loops behind event_conv.py.

    currents    for each row of positions: for each delay, row of the kernel and event of that row of the field:
                    I[x, c] += value K[tap(x), c]         x: the positions of the row that the event reaches
    gradient    for each step and delay: for each row of positions, row of the kernel and event:
                    ∂K[tap(x), c] += value ∂I[x, c]

The sums of a row of positions, and the kernel of a delay, are small enough to stay near the processor.

Exact    a current is the sum of its events in the order of time, row, column and channel, for any number of threads:
         threads share currents by steps, and the gradient by delays
Names    tap (delay, row, column, channel) of the kernel, flat in this order
Shapes   kernel and its gradient flat, (tap, width); `width` is the number of targets and zeros behind them
"""

from typing import Any, NamedTuple, Self

import numpy as np

from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel
from snnsim.kernels.delay.filter_microkernel import VECTOR, Rows
from snnsim.kernels.delay.row_microkernel import add_rows


class Sizes(NamedTuple):
    """Sizes of spikes, kernel and currents."""

    steps: int
    batch: int
    rows: int
    columns: int
    channels: int
    up: int
    left: int
    before: int
    by_step: int
    by_row: int
    by_column: int
    delays: int
    kernel_rows: int
    kernel_columns: int
    positions: int
    """Positions of a row."""
    width: int
    """Numbers from one tap of the kernel to the next, a multiple of VECTOR."""


class Events(NamedTuple):
    """The events of a batch in the order of step, recording, row, column and channel."""

    indptr: np.ndarray
    """int64 (step · batch · rows + 1,), the first event of each row of the field."""
    value: np.ndarray
    """(event,)."""
    position: np.ndarray
    """int32 (event,), the first position of a row of positions that it reaches."""
    positions: np.ndarray
    """int32 (event,), the number of these positions."""
    tap: np.ndarray
    """int32 (event,), its tap of a row of the kernel for the first of these positions."""

    @classmethod
    def of(cls, spikes: np.ndarray, sizes: Sizes) -> Self:
        """Return the numbers other than 0 in spikes.

        Args:
            spikes: Spikes (time, batch, neuron).
            sizes: Sizes of spikes and kernel.
        """
        by_row = spikes.reshape(sizes.steps * sizes.batch * sizes.rows, sizes.columns * sizes.channels)
        row, cell = np.nonzero(by_row)
        indptr = np.zeros(len(by_row) + 1, np.int64)
        np.cumsum(np.bincount(row, minlength=len(by_row)), out=indptr[1:])
        column, channel = np.divmod(cell, sizes.channels)
        # position x reaches from column x · by_column − left over the columns of the kernel
        after = column + sizes.left
        first = np.maximum(0, -((sizes.kernel_columns - 1 - after) // sizes.by_column))
        count = np.minimum(sizes.positions, after // sizes.by_column + 1) - first
        tap = (after - first * sizes.by_column) * sizes.channels + channel
        reached = (first, np.maximum(count, 0), tap)
        return cls(indptr, by_row[row, cell], *(each.astype(np.int32) for each in reached))


_add_four, _add_three, _add_two, _add_one = (add_rows(vectors) for vectors in (4, 3, 2, 1))


@subroutine(cache=True)
def _add(to: Rows, by: Rows, weight: float, rows: int, width: int) -> None:
    """Add weighted rows of `width` numbers to rows."""
    first = 0
    while width - first >= 4 * VECTOR:
        _add_four(_behind(to, first), _behind(by, first), weight, rows)
        first += 4 * VECTOR
    rest = (width - first) // VECTOR
    if rest == 3:
        _add_three(_behind(to, first), _behind(by, first), weight, rows)
    elif rest == 2:
        _add_two(_behind(to, first), _behind(by, first), weight, rows)
    elif rest == 1:
        _add_one(_behind(to, first), _behind(by, first), weight, rows)


@subroutine(cache=True)
def _behind(rows: Rows, numbers: int) -> Rows:
    return Rows(rows.values, rows.first + numbers, rows.row)


@subroutine(cache=True)
def _along(events: Events, event: int, kernel: np.ndarray, sums: np.ndarray, start: int, sizes: Sizes) -> Any:
    """Return the positions that an event reaches and their taps, as rows of both arrays.

    Taps of a position further right lie further left in the kernel.
    """
    positions = Rows(sums, int(events.position[event]) * sizes.width, sizes.width)
    taps = Rows(kernel, (start + events.tap[event]) * sizes.width, -sizes.by_column * sizes.channels * sizes.width)
    return positions, taps


@subroutine(cache=True)
def _row(recording: int, step: int, delay: int, y: int, i: int, sizes: Sizes) -> int:
    """Return the number of the row of the field that a row of positions reads with a row of the kernel, −1 for none."""
    time, row = step * sizes.by_step + sizes.before - delay, y * sizes.by_row - sizes.up + i
    if time < 0 or time >= sizes.steps or row < 0 or row >= sizes.rows:
        return -1
    return (time * sizes.batch + recording) * sizes.rows + row


@subroutine(cache=True)
def _start(delay: int, i: int, sizes: Sizes) -> int:
    """Return the first tap of a row of the kernel."""
    return (delay * sizes.kernel_rows + i) * sizes.kernel_columns * sizes.channels


@parallel()
def currents(events: Events, kernel: np.ndarray, sizes: Sizes, sums: np.ndarray, current: np.ndarray) -> None:
    """Set the currents of all positions.

    Args:
        events: The events.
        kernel: The kernel, flat.
        sizes: Sizes of spikes, kernel and currents.
        sums: Buffer of each thread, (thread, positions · width).
        current: Currents (step, batch, row, column, target).
    """
    for_each(_currents, len(sums), (events, kernel, sizes, sums, current))


@subroutine(cache=True)
def _currents(
    thread: int, events: Events, kernel: np.ndarray, sizes: Sizes, sums: np.ndarray, current: np.ndarray
) -> None:
    steps, batch, height, width, targets = current.shape
    own = sums[thread]
    for job in range(thread, steps * batch, len(sums)):
        recording, step = job // steps, job % steps
        for y in range(height):
            own[:] = 0
            # the earliest events come first
            for delay in range(sizes.delays - 1, -1, -1):
                _row_of_positions(events, kernel, sizes, own, recording, step, y, delay, True)
            for x in range(width):
                to = current[step, recording, y, x]
                for target in range(targets):
                    to[target] = own[x * sizes.width + target]


@subroutine(cache=True)
def _row_of_positions(
    events: Events, kernel: np.ndarray, sizes: Sizes, numbers: np.ndarray, recording: int, step: int, y: int,
    delay: int, forward: bool,
) -> None:  # fmt: skip
    """Add the events that a row of positions reads with a delay, in the order of row, column and channel.

    Forward, taps of the kernel are added to the numbers of the positions; backward, these numbers to the taps.
    """
    for i in range(sizes.kernel_rows):
        row = _row(recording, step, delay, y, i, sizes)
        if row < 0:
            continue
        start = _start(delay, i, sizes)
        for event in range(events.indptr[row], events.indptr[row + 1]):
            positions, taps = _along(events, event, kernel, numbers, start, sizes)
            to, by = (positions, taps) if forward else (taps, positions)
            _add(to, by, events.value[event], events.positions[event], sizes.width)


@parallel()
def gradient(events: Events, slopes: np.ndarray, sizes: Sizes, threads: int, kernel: np.ndarray) -> None:
    """Add the gradient of the kernel.

    Args:
        events: The events.
        slopes: Gradient of the currents, flat, in rows of `sizes.width` numbers (step, batch, row, column).
        sizes: Sizes of spikes, kernel and currents.
        threads: Number of threads.
        kernel: Gradient of the kernel, flat.
    """
    for_each(_gradient, threads, (events, slopes, sizes, threads, kernel))


@subroutine(cache=True)
def _gradient(thread: int, events: Events, slopes: np.ndarray, sizes: Sizes, threads: int, kernel: np.ndarray) -> None:
    across = sizes.positions * sizes.width
    height = _height(sizes)
    for job in range(len(slopes) // (across * height)):
        step, recording = job // sizes.batch, job % sizes.batch
        for delay in range(thread, sizes.delays, threads):
            for y in range(height):
                first = (job * height + y) * across
                part = slopes[first : first + across]
                _row_of_positions(events, kernel, sizes, part, recording, step, y, delay, False)


@subroutine(cache=True)
def _height(sizes: Sizes) -> int:
    return (sizes.rows + 2 * sizes.up - sizes.kernel_rows) // sizes.by_row + 1
