"""Windows of a sequence to spectra, and spectra back to a sequence, compiled for the CPU.

    analysis    X[f] = Σ_p x[p] exp(−2πi f p / L)                  f = 0 … L/2, for real x
    synthesis   x[p] = 1/L Σ_f X[f] exp(2πi f p / L)               over all f, of which X[L − f] = X[f]*

Two real columns x and y are transformed as the complex column x + i y.

Shapes   sequence (time, lane, column) · spectrum (2 frequency, index), real parts and then imaginary parts
         index = row · columns + column, or in panels of LANES columns each (panel · rows + row) · LANES + lane
         row = window · lanes + lane: the windows of all lanes
Names    L points of a window · f frequency · p point
Exact    each number is computed by one thread, in one order: results do not depend on the number of threads
"""

from typing import Any, NamedTuple

import numpy as np

from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel
from snnsim.kernels.delay.fft import LANES, Plan, transform

TOGETHER = 8 * LANES
"""Columns of a job: the numbers that it writes to a frequency at once should fill more than a few cache lines."""


class Span(NamedTuple):
    """A range of rows or columns."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """The number of rows or columns."""
        return self.stop - self.start


class Windows(NamedTuple):
    """Pieces of a sequence, `hop` steps apart, which may overlap."""

    points: int
    """Length of a window, L."""
    start: int
    """Step of the sequence at which window 0 begins; steps outside of the sequence are 0."""
    hop: int
    low: int
    """The first point of a window that counts."""


_NO_COUNTS = np.empty((0, 0, 0), np.uint8)
_NO_NUMBERS = {np.dtype(kind): np.empty((0, 0, 0), kind) for kind in (np.float32, np.float64)}
"""They stand for a sequence of the other type, so that both types of a sequence have one compiled function."""


def analyze(
    sequence: np.ndarray, scale: float, windows: Windows, plan: Plan, rows: Span, columns: Span, panels: bool,
    spectrum: np.ndarray,
) -> None:  # fmt: skip
    """Set the spectrum of windows of scale · sequence.

    Args:
        sequence: The sequence, of the type of the spectrum, or counts of uint8.
        scale: A factor of the sequence.
        windows: The windows of a lane.
        plan: The plan of a transform of L points.
        rows: The rows of the spectrum.
        columns: The columns of the sequence.
        panels: Whether the spectrum is stored in panels.
        spectrum: The result.
    """
    counted = sequence.dtype == np.uint8
    numbers, counts = (_NO_NUMBERS[spectrum.dtype], sequence) if counted else (sequence, _NO_COUNTS)
    _analyze(numbers, counts, spectrum.dtype.type(scale), windows, plan, rows, columns, panels, spectrum)


@parallel()
def _analyze(
    numbers: np.ndarray, counts: np.ndarray, scale: Any, windows: Windows, plan: Plan, rows: Span, columns: Span,
    panels: bool, spectrum: np.ndarray,
) -> None:  # fmt: skip
    width, height = columns.stop - columns.start, rows.stop - rows.start
    groups = (width + TOGETHER - 1) // TOGETHER
    arguments = (numbers, counts, scale, windows, plan, rows, columns, panels, spectrum)
    for_each(_analyze_columns, height * groups, arguments)


@subroutine(cache=True, error_model="numpy")
def _analyze_columns(
    job: int, numbers: np.ndarray, counts: np.ndarray, scale: Any, windows: Windows, plan: Plan, rows: Span,
    columns: Span, panels: bool, spectrum: np.ndarray,
) -> None:  # fmt: skip
    """Set the spectrum of a window of a few columns."""
    steps, lanes, _ = counts.shape if counts.size else numbers.shape
    points, width, height = windows.points, columns.stop - columns.start, rows.stop - rows.start
    groups = (width + TOGETHER - 1) // TOGETHER
    row, first = job // groups, job % groups * TOGETHER
    start = windows.start + (row + rows.start) // lanes * windows.hop
    lane, last = (row + rows.start) % lanes, min(first + TOGETHER, width)
    x, y = _buffers(last - first, points, spectrum.dtype)
    low, high = max(windows.low, -start), min(points, steps - start)
    begin, end = columns.start + first, columns.start + last
    for p in range(low, high):
        target = x[:, :, p * LANES : (p + 1) * LANES]
        if counts.size:
            _load(counts[start + p, lane, begin:end], scale, target)
        else:
            _load(numbers[start + p, lane, begin:end], scale, target)
    swapped = False
    for pair in range(len(x)):
        swapped = transform(x[pair], y[pair], plan)
    z = y if swapped else x
    index, apart, filled = row * width + first, LANES, last - first
    if panels:
        # complete panels: behind the last column their numbers are rounding errors
        apart, filled = height * LANES, (last - first + LANES - 1) // LANES * LANES
        index = first // LANES * apart + row * LANES
    _store(z, index, apart, filled, spectrum)


@subroutine(cache=True)
def _buffers(width: int, points: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Return zeros for the columns, (pair, 2, point · LANES), and scratch memory of the same shape."""
    pairs = (width + 2 * LANES - 1) // (2 * LANES)
    shape = (pairs, 2, points * LANES)
    return np.zeros(shape, dtype), np.empty(shape, dtype)


@subroutine(cache=True)
def _load(values: np.ndarray, scale: float, x: np.ndarray) -> None:
    """Set one point of all pairs."""
    for first in range(0, values.size, LANES):
        lanes, target = values[first : first + LANES], x[first // LANES // 2, first // LANES % 2]
        for w in range(lanes.size):
            target[w] = scale * lanes[w]


@subroutine(cache=True)
def _store(z: np.ndarray, index: int, apart: int, width: int, spectrum: np.ndarray) -> None:
    """Set the spectra of two real columns from that of a complex column, for all pairs; LANES columns lie `apart`."""
    half, points = len(spectrum) // 2, z.shape[2] // LANES
    for f in range(half):
        g = (points - f) % points
        for k in range((width + LANES - 1) // LANES):
            pair, part = k // 2, k % 2
            # x = (z + z*) / 2, y = (z − z*) / 2i
            ar, ai = z[pair, part, f * LANES : (f + 1) * LANES], z[pair, 1 - part, f * LANES : (f + 1) * LANES]
            br, bi = z[pair, part, g * LANES : (g + 1) * LANES], z[pair, 1 - part, g * LANES : (g + 1) * LANES]
            first = index + k * apart
            end = first + min(LANES, width - k * LANES)
            re, im = spectrum[f, first:end], spectrum[half + f, first:end]
            scale = z.dtype.type(0.5)
            turn = scale if part == 0 else -scale
            for w in range(re.size):
                re[w], im[w] = scale * (ar[w] + br[w]), turn * (ai[w] - bi[w])


def synthesize(
    spectrum: np.ndarray, windows: Windows, plan: Plan, rows: Span, columns: Span, shared: int, sequence: np.ndarray
) -> None:
    """Set the sequence from the spectra of its windows.

    Args:
        spectrum: The spectra, not in panels.
        windows: The windows of a lane; points before the first that counts are left out.
        plan: The plan of a transform of L points.
        rows: The rows of the spectrum.
        columns: The columns of the sequence.
        shared: The number of first points that are added to the sequence, unless the window is the first of its lane.
        sequence: The result.
    """
    _synthesize(spectrum, windows, plan._replace(sign=1), rows, columns, shared, sequence)


@parallel()
def _synthesize(
    spectrum: np.ndarray, windows: Windows, plan: Plan, rows: Span, columns: Span, shared: int, sequence: np.ndarray
) -> None:
    groups = (columns.stop - columns.start + TOGETHER - 1) // TOGETHER
    # the windows of a lane overlap, so one job has all of them
    arguments = (spectrum, windows, plan, rows, columns, shared, sequence)
    for_each(_synthesize_columns, sequence.shape[1] * groups, arguments)


@subroutine(cache=True, error_model="numpy")
def _synthesize_columns(
    job: int, spectrum: np.ndarray, windows: Windows, plan: Plan, rows: Span, columns: Span, shared: int,
    sequence: np.ndarray,
) -> None:  # fmt: skip
    """Set a few columns of a lane."""
    steps, lanes, _ = sequence.shape
    points, kind, width = windows.points, sequence.dtype.type, columns.stop - columns.start
    groups = (width + TOGETHER - 1) // TOGETHER
    lane, first = job // groups, job % groups * TOGETHER
    last = min(first + TOGETHER, width)
    x, y = _buffers(last - first, points, sequence.dtype)
    for row in range(rows.start + (lane - rows.start) % lanes, rows.stop, lanes):
        index = (row - rows.start) * width
        _gather(spectrum, index + first, index + last, x)
        swapped = False
        for pair in range(len(x)):
            swapped = transform(x[pair], y[pair], plan)
        z = y if swapped else x
        start = windows.start + row // lanes * windows.hop
        for p in range(max(windows.low, -start), min(points, steps - start)):
            target = sequence[start + p, lane, columns.start + first : columns.start + last]
            _put(z[:, :, p * LANES : (p + 1) * LANES], kind(1 / points), p < shared and row >= lanes, target)


@subroutine(cache=True)
def _put(z: np.ndarray, scale: float, added: bool, target: np.ndarray) -> None:
    """Set one step of the sequence, or add to it."""
    for first in range(0, target.size, LANES):
        values, lanes = z[first // LANES // 2, first // LANES % 2], target[first : first + LANES]
        if added:
            for w in range(lanes.size):
                lanes[w] += scale * values[w]
        else:
            for w in range(lanes.size):
                lanes[w] = scale * values[w]


@subroutine(cache=True)
def _gather(spectrum: np.ndarray, first: int, last: int, x: np.ndarray) -> None:
    """Set x to the spectra of a + i b, where column a of a pair lies before column b."""
    half, points = len(spectrum) // 2, x.shape[2] // LANES
    for f in range(half):
        g = (points - f) % points
        # of a real signal, the first frequency and the middle one of an even number have no imaginary part
        complex_ = x.dtype.type(g != f)
        for pair in range(len(x)):
            begin = first + 2 * pair * LANES
            middle, end = min(begin + LANES, last), min(begin + 2 * LANES, last)
            ar, ai = spectrum[f, begin:middle], spectrum[half + f, begin:middle]
            re, im = x[pair, 0, f * LANES : (f + 1) * LANES], x[pair, 1, f * LANES : (f + 1) * LANES]
            re_, im_ = x[pair, 0, g * LANES : (g + 1) * LANES], x[pair, 1, g * LANES : (g + 1) * LANES]
            for w in range(ar.size):
                re_[w], im_[w] = ar[w], -complex_ * ai[w]
                re[w], im[w] = ar[w], complex_ * ai[w]
            br, bi = spectrum[f, middle:end], spectrum[half + f, middle:end]
            for w in range(br.size):
                p, q = br[w], complex_ * bi[w]
                r, s, t, u = re[w] - q, im[w] + p, re_[w] + q, im_[w] + p
                re_[w], im_[w] = t, u
                re[w], im[w] = r, s
