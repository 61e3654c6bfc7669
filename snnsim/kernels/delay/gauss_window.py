"""Gaussian windows over delays, and back from gradients of kernels to weights, delays and widths; compiled for the CPU.

The equations are those of snnsim.nn.gauss_kernel. A row of the kernel, one target with all its sources, is a job, and
what it needs on the way lies in the nearest cache: nothing as large as the kernel is made but the kernel.

    exp(x) = 2^n exp(x − n ln 2)      n = round(x / ln 2)      the exponent's bits, and a polynomial

Shapes   weight, delay, width (row, column, tap) · kernel, grad (delay, row, column)
Names    A window before, P after it is divided by its mass
Source   exp: Cody & Waite 1980, Software Manual for the Elementary Functions; Taylor's coefficients, which leave less
         than a rounding at |x| ≤ ln 2 / 2
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.threads import as_torch_has, parallel

LEAST = -80.0
"""exp(−80) stands for all that is smaller: numbers below the normal ones take a processor a hundred times longer."""
MASS = 1e-7


class _Exp(NamedTuple):
    """What an exponential of a precision takes."""

    coefficients: np.ndarray
    """From the highest power on."""
    bits: np.dtype
    bias: int
    shift: int
    high: float
    """ln 2 in two parts, of which the first has zeros at its end."""
    low: float


def _exp(kind: type, terms: int, zeros: int) -> _Exp:
    details, digits = np.finfo(kind), np.finfo(kind).nmant
    high = math.floor(math.log(2) * 2 ** (digits - zeros)) / 2 ** (digits - zeros)
    # what is left of ln 2 in the precision of a double is enough for floats, and known digits of it for doubles
    low = math.log(2) - high + (2.3190468138462996e-17 if kind is np.float64 else 0.0)
    coefficients = np.array([1 / math.factorial(n) for n in range(terms, -1, -1)], kind)
    return _Exp(coefficients, np.dtype(f"i{np.dtype(kind).itemsize}"), details.maxexp - 1, digits, high, low)


_EXP = {torch.float32: _exp(np.float32, 7, 9), torch.float64: _exp(np.float64, 13, 12)}


def takes(*tensors: Tensor) -> bool:
    """Return whether these loops know such tensors."""
    return all(one.device.type == "cpu" and one.dtype in _EXP and one.dtype == tensors[0].dtype for one in tensors)


def make(weight: Tensor, delay: Tensor, width: Tensor, delays: int) -> Tensor:
    """Return the kernel of all connections."""
    kernel = empty(weight, delays, *weight.shape[:2])
    with as_torch_has():
        _make(*_arrays(weight, delay, width.expand(weight.shape)), *_constants(weight), kernel.numpy())
    return kernel


def back(grad: Tensor, weight: Tensor, delay: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of weight, delay and width, each in the shape of the weight."""
    found = tuple(torch.empty(weight.shape, dtype=weight.dtype) for _ in range(3))
    with as_torch_has():
        arrays = _arrays(weight, delay, width.expand(weight.shape))
        _back(grad.numpy(), *arrays, *_constants(weight), *_arrays(*found))
    return found


def _arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(tensor.detach().numpy() for tensor in tensors)


def _constants(like: Tensor) -> tuple:
    exp = _EXP[like.dtype]
    kind = exp.coefficients.dtype.type
    # added to a number and taken off again, the last rounds it
    numbers = tuple(map(kind, (1 / math.log(2), exp.high, exp.low, LEAST, MASS, 1.5 * 2.0**exp.shift)))
    return exp.coefficients, np.zeros(0, exp.bits), (exp.bias, exp.shift), numbers


@parallel()
def _make(weight, delay, width, coefficients, whole, exponent, numbers, kernel):  # noqa: PLR0913
    delays, rows, columns = kernel.shape
    for j in prange(rows):
        w, d, s, p = _room(coefficients, delays, columns)
        bits = np.empty(p.size, whole.dtype)
        for tap in range(weight.shape[2]):
            _take(weight[j, :, tap], w)
            _take(delay[j, :, tap], d)
            _take(width[j, :, tap], s)
            _windows(d, s, p, coefficients, bits, exponent, numbers)
            for k in range(delays):
                _weigh(p[k * columns : (k + 1) * columns], w, tap > 0, kernel[k, j])


@parallel(error_model="numpy")
def _back(grad, weight, delay, width, coefficients, whole, exponent, numbers, for_weight, for_delay, for_width):  # noqa: PLR0913
    delays, rows, columns = grad.shape
    for j in prange(rows):
        w, d, s, p = _room(coefficients, delays, columns)
        bits, g = np.empty(p.size, whole.dtype), np.empty_like(p)
        first, second, third = np.empty_like(w), np.empty_like(w), np.empty_like(w)
        for k in range(delays):
            _take(grad[k, j], g[k * columns : (k + 1) * columns])
        for tap in range(weight.shape[2]):
            _take(weight[j, :, tap], w)
            _take(delay[j, :, tap], d)
            _take(width[j, :, tap], s)
            _windows(d, s, p, coefficients, bits, exponent, numbers)
            _mean(p, g, first)
            _pulls(p, g, first, w)
            _moments(p, d, second, third)
            for i in range(columns):
                for_weight[j, i, tap] = first[i]
                for_delay[j, i, tap] = second[i] / (s[i] * s[i])
                for_width[j, i, tap] = third[i] / (s[i] * s[i] * s[i])


@njit(cache=True)
def _room(like, delays, columns):
    """Return rows for weights, delays and widths, and one for their windows."""
    return (
        np.empty(columns, like.dtype), np.empty(columns, like.dtype), np.empty(columns, like.dtype),
        np.empty(delays * columns, like.dtype),
    )  # fmt: skip


@njit(cache=True)
def _take(values, row):
    for i in range(row.size):
        row[i] = values[i]


@njit(cache=True, error_model="numpy")
def _windows(d, s, p, coefficients, bits, exponent, numbers):  # noqa: PLR0913
    """Set P of a row, delay after delay."""
    columns, half, least = d.size, d.dtype.type(0.5), numbers[3]
    for k in range(p.size // columns):
        row, step = p[k * columns : (k + 1) * columns], d.dtype.type(k)
        for i in range(columns):
            z = (step - d[i]) / s[i]
            row[i] = max(-half * (z * z), least)
    _exponentials(p, coefficients, bits, exponent, numbers)
    total = np.zeros_like(d)
    for k in range(p.size // columns):
        row = p[k * columns : (k + 1) * columns]
        for i in range(columns):
            total[i] += row[i]
    for i in range(columns):
        total[i] += numbers[4]
    for k in range(p.size // columns):
        row = p[k * columns : (k + 1) * columns]
        for i in range(columns):
            row[i] /= total[i]


@njit(cache=True, error_model="numpy")
def _exponentials(x, coefficients, bits, exponent, numbers):
    """Turn x, from LEAST to 0, into exp(x)."""
    turn, high, low = numbers[0], numbers[1], numbers[2]
    large, bias, shift = numbers[5], bits.dtype.type(exponent[0]), bits.dtype.type(exponent[1])
    made = np.empty_like(x)
    for n in range(x.size):
        whole = (x[n] * turn + large) - large
        x[n] = (x[n] - whole * high) - whole * low
        bits[n] = (bits.dtype.type(whole) + bias) << shift
    made[:] = coefficients[0]
    for c in coefficients[1:]:
        for n in range(x.size):
            made[n] = made[n] * x[n] + c
    scale = bits.view(x.dtype)
    for n in range(x.size):
        x[n] = made[n] * scale[n]


@njit(cache=True)
def _weigh(p, w, added, row):
    if added:
        for i in range(w.size):
            row[i] += p[i] * w[i]
    else:
        for i in range(w.size):
            row[i] = p[i] * w[i]


@njit(cache=True)
def _mean(p, g, mean):
    """Set Σ_k P ∂L/∂kernel."""
    mean[:] = 0
    for k in range(p.size // mean.size):
        some, other = p[k * mean.size : (k + 1) * mean.size], g[k * mean.size : (k + 1) * mean.size]
        for i in range(mean.size):
            mean[i] += some[i] * other[i]


@njit(cache=True)
def _pulls(p, g, mean, w):
    """Turn P into r = P w (∂L/∂kernel − mean)."""
    for k in range(p.size // w.size):
        some, other = p[k * w.size : (k + 1) * w.size], g[k * w.size : (k + 1) * w.size]
        for i in range(w.size):
            some[i] *= w[i] * (other[i] - mean[i])


@njit(cache=True)
def _moments(r, d, first, second):
    """Set Σ_k r (k − d) and Σ_k r (k − d)²."""
    first[:] = 0
    second[:] = 0
    for k in range(r.size // d.size):
        some, step = r[k * d.size : (k + 1) * d.size], d.dtype.type(k)
        for i in range(d.size):
            away = step - d[i]
            pull = some[i] * away
            first[i] += pull
            second[i] += pull * away
