"""Windows of a sequence to spectra, and spectra back to a sequence, compiled for the CPU.

    analysis    X[f] = Σ_p x[p] exp(−2πi f p / L)                  f = 0 … L/2, for real x
    synthesis   x[p] = 1/L Σ_f X[f] exp(2πi f p / L)               over all f, of which X[L − f] = X[f]*

Two real columns are transformed as one that is complex, x + i y.

Shapes   sequence (time, lane, column) · spectrum (2 frequency, place), real parts and then imaginary ones
         place = row · columns + column, or in panels of LANES columns each (panel · rows + row) · LANES + lane
         row = block · lanes + lane: the windows of all lanes
Names    L points of a window · f frequency · p point
Order    each number is made by one thread, in one order: results do not depend on the number of threads
"""

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from snnsim.kernels.common.threads import parallel
from snnsim.kernels.delay.fft import LANES, transform

TOGETHER = 8 * LANES
"""Columns of a job: what is written to a frequency at once should be longer than a few cache lines."""


class Windows(NamedTuple):
    """Pieces of a sequence, `hop` steps apart, each of which may overlap with the next."""

    points: int
    """Length of a window, L."""
    start: int
    """Step of the sequence at which window 0 begins; steps outside of the sequence are 0."""
    hop: int
    low: int
    """Points of a window before this one do not count."""


@parallel()
def analyze(sequence, scale, windows, plan, rows, columns, panels, spectrum):  # noqa: PLR0913
    """Set the spectrum of rows[0] to rows[1] and columns[0] to columns[1] of scale · sequence, in panels if asked."""
    _, lanes, _ = sequence.shape
    points, kind = windows.points, spectrum.dtype.type
    width = columns[1] - columns[0]
    groups = (width + TOGETHER - 1) // TOGETHER
    for job in prange((rows[1] - rows[0]) * groups):
        row, first = job // groups, job % groups * TOGETHER
        start = windows.start + (row + rows[0]) // lanes * windows.hop
        lane, last = (row + rows[0]) % lanes, min(first + TOGETHER, width)
        x, y = _buffers(last - first, points, spectrum.dtype)
        low, high = max(windows.low, -start), min(points, len(sequence) - start)
        for p in range(low, high):
            values = sequence[start + p, lane, columns[0] + first : columns[0] + last]
            _load(values, kind(scale), x[:, :, p * LANES : (p + 1) * LANES])
        turned = False
        for pair in range(len(x)):
            turned = transform(x[pair], y[pair], plan, -1)
        z = y if turned else x
        if panels:
            # whole panels: behind the last column there is nothing but rounding
            apart, whole = (rows[1] - rows[0]) * LANES, (last - first + LANES - 1) // LANES * LANES
            _store(z, first // LANES * apart + row * LANES, apart, whole, spectrum)
        else:
            _store(z, row * width + first, LANES, last - first, spectrum)


@njit(cache=True)
def _buffers(width, points, dtype):
    pairs = (width + 2 * LANES - 1) // (2 * LANES)
    shape = (pairs, 2, points * LANES)
    return np.zeros(shape, dtype), np.empty(shape, dtype)


@njit(cache=True)
def _load(values, scale, x):
    """Set one point of all pairs."""
    for first in range(0, values.size, LANES):
        some, to = values[first : first + LANES], x[first // LANES // 2, first // LANES % 2]
        for w in range(some.size):
            to[w] = scale * some[w]


@njit(cache=True)
def _store(z, place, apart, width, spectrum):
    """Take the spectra of two columns out of that of a complex one, for all pairs; LANES columns lie `apart`."""
    half, points = len(spectrum) // 2, z.shape[2] // LANES
    for f in range(half):
        g = (points - f) % points
        for k in range((width + LANES - 1) // LANES):
            pair, part = k // 2, k % 2
            # x = (z + z*) / 2, y = (z − z*) / 2i
            ar, ai = z[pair, part, f * LANES : (f + 1) * LANES], z[pair, 1 - part, f * LANES : (f + 1) * LANES]
            br, bi = z[pair, part, g * LANES : (g + 1) * LANES], z[pair, 1 - part, g * LANES : (g + 1) * LANES]
            first = place + k * apart
            end = first + min(LANES, width - k * LANES)
            re, im = spectrum[f, first:end], spectrum[half + f, first:end]
            scale = z.dtype.type(0.5)
            turn = scale if part == 0 else -scale
            for w in range(re.size):
                re[w], im[w] = scale * (ar[w] + br[w]), turn * (ai[w] - bi[w])


@parallel()
def synthesize(spectrum, windows, plan, rows, columns, shared, sequence):  # noqa: PLR0913
    """Set the sequence from spectra of rows[0] to rows[1], for columns[0] to columns[1].

    Points before windows.low are left out; the first `shared` points of a window are added to what is there, unless
    it is the first of its lane.
    """
    steps, lanes, _ = sequence.shape
    points, kind, width = windows.points, sequence.dtype.type, columns[1] - columns[0]
    groups = (width + TOGETHER - 1) // TOGETHER
    for job in prange(lanes * groups):
        lane, first = job // groups, job % groups * TOGETHER
        last = min(first + TOGETHER, width)
        x, y = _buffers(last - first, points, sequence.dtype)
        for row in range(rows[0] + (lane - rows[0]) % lanes, rows[1], lanes):
            place = (row - rows[0]) * width
            _gather(spectrum, place + first, place + last, x)
            turned = False
            for pair in range(len(x)):
                turned = transform(x[pair], y[pair], plan, 1)
            z = y if turned else x
            start = windows.start + row // lanes * windows.hop
            for p in range(max(windows.low, -start), min(points, steps - start)):
                to = sequence[start + p, lane, columns[0] + first : columns[0] + last]
                _put(z[:, :, p * LANES : (p + 1) * LANES], kind(1 / points), p < shared and row >= lanes, to)


@njit(cache=True)
def _put(z, scale, added, to):
    """Set one step of the sequence, or add to it."""
    for first in range(0, to.size, LANES):
        values, some = z[first // LANES // 2, first // LANES % 2], to[first : first + LANES]
        if added:
            for w in range(some.size):
                some[w] += scale * values[w]
        else:
            for w in range(some.size):
                some[w] = scale * values[w]


@njit(cache=True)
def _gather(spectrum, first, last, x):
    """Set x to the spectra of a + i b, where column a of a pair lies before column b."""
    half, points = len(spectrum) // 2, x.shape[2] // LANES
    for f in range(half):
        g = (points - f) % points
        # a real signal's first frequency, and the middle one of an even number, have no imaginary part
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
