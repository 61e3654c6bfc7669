"""The complex Fourier transform of many columns at once, compiled for the CPU.

    X[f] = Σ_p x[p] exp(∓2πi f p / L)        f = 0 … L − 1

Passes of radix 4, 2 and 3 read one of two buffers and write the other (Stockham's order, which needs no bit reversal).
A pass of radix r reads r values that lie far apart, transforms them and turns them by exp(∓2πi p k / n):

    y[q + s (r p + k)] = exp(∓2πi p k / n) Σ_j x[q + s (p + m j)] exp(∓2πi j k / r)      n = r m, s n = L

Shapes   x, y (part, point · LANES + lane), part 0 real and 1 imaginary: LANES columns lie side by side
Names    L points · f frequency · p point · sign −1 forward, 1 backward, which is not divided by L
Source   Stockham 1966; Van Loan 1992, Computational Frameworks for the Fast Fourier Transform, §1.7
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.jit import njit, subroutine

LANES = 32
"""Columns that are transformed together: in float32 two vectors of AVX-512, four of AVX2."""


class Plan(NamedTuple):
    """The passes of a transform of L points, and its phases."""

    radices: np.ndarray
    """The radix of every pass, int64 (pass,)."""
    cosine: np.ndarray
    """cos(2π p / L) of all points p."""
    sine: np.ndarray
    """sin(2π p / L) of all points p."""
    sign: int = -1
    """−1 forward, 1 backward; a number of the plan, as Numba compiles a function for each constant."""


class Pass(NamedTuple):
    """The sizes of one pass."""

    points: int
    """m, the distance in points of the values that are transformed together."""
    width: int
    """s · LANES, the numbers of a point: the columns of the s sequences into which earlier passes have cut it."""
    stride: int
    """s."""


def good_size(least: int) -> int:
    """Return the smallest number of points that has no other prime factors than 2 and 3.

    Args:
        least: Lower bound of the result.
    """
    size = max(least, 1)
    while _radices(size) is None:
        size += 1
    return size


@lru_cache(maxsize=64)
def plan(points: int, dtype: str) -> Plan:
    """Return the plan of a transform.

    Args:
        points: The number of points, a product of 2s and 3s.
        dtype: The type of the numbers, such as float32.

    Raises:
        ValueError: If the number has another prime factor.
    """
    radices = _radices(points)
    if radices is None:
        raise ValueError(f"fft.plan: the number of points must be a product of 2s and 3s, not {points}")
    phase = 2 * math.pi / points * np.arange(points)
    return Plan(np.array(radices, np.int64), np.cos(phase).astype(dtype), np.sin(phase).astype(dtype))


def _radices(size: int) -> list[int] | None:
    radices = []
    for radix in (4, 2, 3):
        while size % radix == 0:
            radices.append(radix)
            size //= radix
    return radices if size == 1 else None


@njit(cache=True)
def transform(x: np.ndarray, y: np.ndarray, plan: Plan) -> bool:
    """Transform x, with y as the other buffer, and return whether the result is in y.

    Args:
        x: The columns, (2, point · LANES).
        y: Scratch memory of the same shape.
        plan: The plan of the transform.
    """
    size, stride = plan.cosine.size, 1
    swapped = False
    for radix in plan.radices:
        source, target = (y, x) if swapped else (x, y)
        sizes = Pass(size // radix, stride * LANES, stride)
        if radix == 2:
            _radix_2(source, target, sizes, plan)
        elif radix == 3:
            _radix_3(source, target, sizes, plan)
        else:
            _radix_4(source, target, sizes, plan)
        swapped, stride, size = not swapped, stride * radix, size // radix
    return swapped


@subroutine(cache=True)
def _point(x: np.ndarray, index: int, sizes: Pass) -> tuple[np.ndarray, np.ndarray]:
    """Return the real and the imaginary parts of a point, (width,) each."""
    first = index * sizes.width
    return x[0, first : first + sizes.width], x[1, first : first + sizes.width]


@subroutine(cache=True)
def _phase(plan: Plan, turns: int, sizes: Pass, sign: float) -> tuple[float, float]:
    index = turns * sizes.stride
    return plan.cosine[index], sign * plan.sine[index]


@subroutine(cache=True)
def _radix_2(x: np.ndarray, y: np.ndarray, sizes: Pass, plan: Plan) -> None:
    sign = x.dtype.type(plan.sign)
    for p in range(sizes.points):
        c, s = _phase(plan, p, sizes, sign)
        (ar, ai), (br, bi) = _point(x, p, sizes), _point(x, p + sizes.points, sizes)
        (yr, yi), (zr, zi) = _point(y, 2 * p, sizes), _point(y, 2 * p + 1, sizes)
        # the inner loops run over numbers that lie side by side, in vector registers
        for i in range(sizes.width):
            re, im = ar[i] - br[i], ai[i] - bi[i]
            yr[i], yi[i] = ar[i] + br[i], ai[i] + bi[i]
            zr[i], zi[i] = re * c - im * s, re * s + im * c


@subroutine(cache=True)
def _radix_3(x: np.ndarray, y: np.ndarray, sizes: Pass, plan: Plan) -> None:
    half, h, sign = x.dtype.type(0.5), x.dtype.type(plan.sign * math.sqrt(0.75)), x.dtype.type(plan.sign)
    m = sizes.points
    for p in range(m):
        (c1, s1), (c2, s2) = _phase(plan, p, sizes, sign), _phase(plan, 2 * p, sizes, sign)
        (ar, ai), (br, bi), (cr, ci) = _point(x, p, sizes), _point(x, p + m, sizes), _point(x, p + 2 * m, sizes)
        (y0r, y0i), (y1r, y1i) = _point(y, 3 * p, sizes), _point(y, 3 * p + 1, sizes)
        y2r, y2i = _point(y, 3 * p + 2, sizes)
        for i in range(sizes.width):
            # d, the difference of the other two values, is turned by 90°: the part i sin(2π/3) of their factors
            sr, si, dr, di = br[i] + cr[i], bi[i] + ci[i], h * (br[i] - cr[i]), h * (bi[i] - ci[i])
            mr, mi = ar[i] - half * sr, ai[i] - half * si
            y0r[i], y0i[i] = ar[i] + sr, ai[i] + si
            re, im = mr - di, mi + dr
            y1r[i], y1i[i] = re * c1 - im * s1, re * s1 + im * c1
            re, im = mr + di, mi - dr
            y2r[i], y2i[i] = re * c2 - im * s2, re * s2 + im * c2


@subroutine(cache=True)
def _radix_4(x: np.ndarray, y: np.ndarray, sizes: Pass, plan: Plan) -> None:
    sign, m = x.dtype.type(plan.sign), sizes.points
    for p in range(m):
        (c1, s1), (c2, s2) = _phase(plan, p, sizes, sign), _phase(plan, 2 * p, sizes, sign)
        c3, s3 = _phase(plan, 3 * p, sizes, sign)
        (ar, ai), (br, bi) = _point(x, p, sizes), _point(x, p + m, sizes)
        (cr, ci), (dr, di) = _point(x, p + 2 * m, sizes), _point(x, p + 3 * m, sizes)
        (y0r, y0i), (y1r, y1i) = _point(y, 4 * p, sizes), _point(y, 4 * p + 1, sizes)
        (y2r, y2i), (y3r, y3i) = _point(y, 4 * p + 2, sizes), _point(y, 4 * p + 3, sizes)
        for i in range(sizes.width):
            # two transforms of radix 2: a with c, b with d; the factors ± i only swap real and imaginary parts
            pr, pi, qr, qi = ar[i] + cr[i], ai[i] + ci[i], ar[i] - cr[i], ai[i] - ci[i]
            er, ei, fr, fi = br[i] + dr[i], bi[i] + di[i], sign * (br[i] - dr[i]), sign * (bi[i] - di[i])
            y0r[i], y0i[i] = pr + er, pi + ei
            re, im = qr - fi, qi + fr
            y1r[i], y1i[i] = re * c1 - im * s1, re * s1 + im * c1
            re, im = pr - er, pi - ei
            y2r[i], y2i[i] = re * c2 - im * s2, re * s2 + im * c2
            re, im = qr + fi, qi - fr
            y3r[i], y3i[i] = re * c3 - im * s3, re * s3 + im * c3
