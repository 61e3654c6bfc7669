"""The complex Fourier transform of many columns at once, compiled for the CPU.

    X[f] = Σ_p x[p] exp(∓2πi f p / L)        f = 0 … L − 1

Passes of radix 4, 2 and 3 go over two buffers in turn (Stockham's order, which needs no bit reversal). A pass of
radix r takes r values that lie far apart, transforms them and turns them by exp(∓2πi p k / n):

    y[q + s (r p + k)] = exp(∓2πi p k / n) Σ_j x[q + s (p + m j)] exp(∓2πi j k / r)      n = r m, s n = L

Shapes   x, y (part, point · LANES + lane), part 0 real and 1 imaginary: LANES columns lie side by side
Names    L points · f frequency · p point · sign −1 forward, 1 backward, which is not divided by L
Source   Stockham 1966; Van Loan 1992, Computational Frameworks for the Fast Fourier Transform, §1.7
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

LANES = 32
"""Columns done at once: in float32 two vectors of AVX-512, four of AVX2."""


class Plan(NamedTuple):
    """How L points are transformed."""

    radices: np.ndarray
    cosine: np.ndarray
    """Of 2π p / L, for all points p."""
    sine: np.ndarray


def good_size(least: int) -> int:
    """Return the smallest number from `least` on that has no other prime factors than 2 and 3."""
    size = max(least, 1)
    while _radices(size) is None:
        size += 1
    return size


@lru_cache(maxsize=64)
def plan(points: int, dtype: str) -> Plan:
    """Return the plan for a good number of points."""
    radices = _radices(points)
    if radices is None:
        raise ValueError(f"fourier.plan: the number of points must be a product of 2s and 3s, not {points}")
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
def transform(x, y, plan, sign):
    """Transform x, using y as the other buffer, and return whether the result is in y."""
    size, stride = plan.cosine.size, 1
    turned = False
    for radix in plan.radices:
        source, target = (y, x) if turned else (x, y)
        shape = (size // radix, stride * LANES, stride)
        if radix == 2:
            _two(source, target, shape, plan, sign)
        elif radix == 3:
            _three(source, target, shape, plan, sign)
        else:
            _four(source, target, shape, plan, sign)
        turned, stride, size = not turned, stride * radix, size // radix
    return turned


@njit(cache=True)
def _at(x, p, shape, far):
    """Return the values of point p, or of the point `far` times m later."""
    first = (p + far * shape[0]) * shape[1]
    return x[0, first : first + shape[1]], x[1, first : first + shape[1]]


@njit(cache=True)
def _to(y, place, shape):
    first = place * shape[1]
    return y[0, first : first + shape[1]], y[1, first : first + shape[1]]


@njit(cache=True)
def _phase(plan, p, k, shape, sign):
    place = p * k * shape[2]
    return plan.cosine[place], sign * plan.sine[place]


@njit(cache=True)
def _two(x, y, shape, plan, sign):
    sign = x.dtype.type(sign)
    for p in range(shape[0]):
        c, s = _phase(plan, p, 1, shape, sign)
        (ar, ai), (br, bi) = _at(x, p, shape, 0), _at(x, p, shape, 1)
        (yr, yi), (zr, zi) = _to(y, 2 * p, shape), _to(y, 2 * p + 1, shape)
        for i in range(shape[1]):
            re, im = ar[i] - br[i], ai[i] - bi[i]
            yr[i], yi[i] = ar[i] + br[i], ai[i] + bi[i]
            zr[i], zi[i] = re * c - im * s, re * s + im * c


@njit(cache=True)
def _three(x, y, shape, plan, sign):
    half, h, sign = x.dtype.type(0.5), x.dtype.type(sign * math.sqrt(0.75)), x.dtype.type(sign)
    for p in range(shape[0]):
        (c1, s1), (c2, s2) = _phase(plan, p, 1, shape, sign), _phase(plan, p, 2, shape, sign)
        (ar, ai), (br, bi), (cr, ci) = _at(x, p, shape, 0), _at(x, p, shape, 1), _at(x, p, shape, 2)
        (y0r, y0i), (y1r, y1i), (y2r, y2i) = _to(y, 3 * p, shape), _to(y, 3 * p + 1, shape), _to(y, 3 * p + 2, shape)
        for i in range(shape[1]):
            sr, si, dr, di = br[i] + cr[i], bi[i] + ci[i], h * (br[i] - cr[i]), h * (bi[i] - ci[i])
            mr, mi = ar[i] - half * sr, ai[i] - half * si
            y0r[i], y0i[i] = ar[i] + sr, ai[i] + si
            re, im = mr - di, mi + dr
            y1r[i], y1i[i] = re * c1 - im * s1, re * s1 + im * c1
            re, im = mr + di, mi - dr
            y2r[i], y2i[i] = re * c2 - im * s2, re * s2 + im * c2


@njit(cache=True)
def _four(x, y, shape, plan, sign):
    sign = x.dtype.type(sign)
    for p in range(shape[0]):
        (c1, s1), (c2, s2) = _phase(plan, p, 1, shape, sign), _phase(plan, p, 2, shape, sign)
        c3, s3 = _phase(plan, p, 3, shape, sign)
        (ar, ai), (br, bi), (cr, ci) = _at(x, p, shape, 0), _at(x, p, shape, 1), _at(x, p, shape, 2)
        dr, di = _at(x, p, shape, 3)
        (y0r, y0i), (y1r, y1i), (y2r, y2i) = _to(y, 4 * p, shape), _to(y, 4 * p + 1, shape), _to(y, 4 * p + 2, shape)
        y3r, y3i = _to(y, 4 * p + 3, shape)
        for i in range(shape[1]):
            pr, pi, qr, qi = ar[i] + cr[i], ai[i] + ci[i], ar[i] - cr[i], ai[i] - ci[i]
            er, ei, fr, fi = br[i] + dr[i], bi[i] + di[i], sign * (br[i] - dr[i]), sign * (bi[i] - di[i])
            y0r[i], y0i[i] = pr + er, pi + ei
            re, im = qr - fi, qi + fr
            y1r[i], y1i[i] = re * c1 - im * s1, re * s1 + im * c1
            re, im = pr - er, pi - ei
            y2r[i], y2i[i] = re * c2 - im * s2, re * s2 + im * c2
            re, im = qr + fi, qi - fr
            y3r[i], y3i[i] = re * c3 - im * s3, re * s3 + im * c3
