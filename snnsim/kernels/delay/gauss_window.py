"""Gaussian windows over delays, and their gradients for weights, delays and widths; compiled for the CPU.

The equations are those of snnsim.nn.gauss_kernel. A row of the kernel, one target with all its sources, is a job, whose
scratch memory lies in the nearest cache: no array but the kernel itself is as large as the kernel.

    exp(x) = 2^n exp(x − n ln 2)      n = round(x / ln 2)      the exponent's bits, and a polynomial

Shapes   weight, delay, width (row, column, tap) · kernel, grad (delay, row, column)
Names    A window before, P after the division by its mass
Source   exp: Cody & Waite 1980, Software Manual for the Elementary Functions; Taylor's coefficients, whose error is
         less than a rounding at |x| ≤ ln 2 / 2
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.strided import Strided, copy_strided_row
from snnsim.kernels.common.threads import parallel, torch_threads

LEAST = -60.0
"""exp(−60) stands for all smaller numbers: beside the largest number of its window it is far below a rounding.

Numbers below the normal ones cost a processor a hundred times more time. Products of exp(−80) with gradients are such
numbers: they made the backward pass of narrow windows five times slower.
"""
MASS = 1e-7
"""Added to the mass of a window, which may be 0."""


class _Constants(NamedTuple):
    """The constants of the windows in one precision; numbers are scalars of its type."""

    coefficients: np.ndarray
    """Of the polynomial, from the highest power on."""
    integers: np.ndarray
    """Without elements: its type is that of integers of the same size."""
    bias: int
    """Of the exponent's bits."""
    shift: int
    """Bits of the significand."""
    inverse_ln2: Any
    high: Any
    """ln 2 in two parts, of which this one has zeros at its end, so that its products with n are exact."""
    low: Any
    least: Any
    mass: Any
    rounding: Any
    """A number whose sum with x, less itself, is x rounded to an integer."""


def _constants(kind: type, terms: int, zeros: int) -> _Constants:
    details, digits = np.finfo(kind), np.finfo(kind).nmant
    high = math.floor(math.log(2) * 2 ** (digits - zeros)) / 2 ** (digits - zeros)
    # the rest of ln 2 in the precision of a double is enough for floats; doubles need known digits of the rest
    low = math.log(2) - high + (2.3190468138462996e-17 if kind is np.float64 else 0.0)
    coefficients: np.ndarray = np.array([1 / math.factorial(n) for n in range(terms, -1, -1)], kind)
    numbers = map(kind, (1 / math.log(2), high, low, LEAST, MASS, 1.5 * 2.0**digits))
    integers = np.zeros(0, f"i{np.dtype(kind).itemsize}")
    return _Constants(coefficients, integers, int(details.maxexp) - 1, digits, *numbers)


_CONSTANTS = {torch.float32: _constants(np.float32, 7, 9), torch.float64: _constants(np.float64, 13, 12)}


def supports(*tensors: Tensor) -> bool:
    """Return whether these loops support the device and the types of tensors.

    Args:
        *tensors: One tensor or more, of any shapes; all must be on the CPU and of one type, float32 or float64.
    """
    kind = tensors[0].dtype
    return kind in _CONSTANTS and all(one.device.type == "cpu" and one.dtype == kind for one in tensors)


def forward(weight: Tensor, delay: Tensor, width: Tensor, delays: int) -> Tensor:
    """Return the kernel of all connections.

    Args:
        weight: The weights, (row, column, tap).
        delay: The delays in steps, (row, column, tap).
        width: The widths in steps, of a shape that broadcasts to these.
        delays: The number of delays of the kernel.

    Returns:
        The kernel (delay, row, column).
    """
    kernel = empty(weight, delays, *weight.shape[:2])
    with torch_threads():
        w, d, s = _arrays(weight, delay, width)
        _forward(w, d, s, _CONSTANTS[weight.dtype], kernel.numpy())
    return kernel


def backward(grad: Tensor, weight: Tensor, delay: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of weight, delay and width, each in the shape of the weight.

    Args:
        grad: The gradient of the kernel, (delay, row, column).
        weight: The weights, (row, column, tap).
        delay: The delays in steps, (row, column, tap).
        width: The widths in steps, of a shape that broadcasts to these.
    """
    shape, kind = weight.shape, weight.dtype
    results = torch.empty(shape, dtype=kind), torch.empty(shape, dtype=kind), torch.empty(shape, dtype=kind)
    with torch_threads():
        w, d, s = _arrays(weight, delay, width)
        _backward(Strided.of(grad), w, d, s, _CONSTANTS[kind], *(result.numpy() for result in results))
    return results


def _arrays(weight: Tensor, delay: Tensor, width: Tensor) -> list[np.ndarray]:
    """Return arrays of one shape without gaps, for which one function is compiled."""
    return [one.detach().contiguous().numpy() for one in (weight, delay, width.expand(weight.shape))]


class _Rows(NamedTuple):
    """Scratch memory of a job."""

    weight: np.ndarray
    """(column,)."""
    delay: np.ndarray
    width: np.ndarray
    window: np.ndarray
    """(delay · column,)."""
    bits: np.ndarray
    """Integers (delay · column,)."""


@parallel()
def _forward(
    weight: np.ndarray, delay: np.ndarray, width: np.ndarray, constants: _Constants, kernel: np.ndarray
) -> None:
    for_each(_row_forward, kernel.shape[1], (weight, delay, width, constants, kernel))


@subroutine(cache=True)
def _row_forward(
    j: int, weight: np.ndarray, delay: np.ndarray, width: np.ndarray, constants: _Constants, kernel: np.ndarray
) -> None:
    delays, _, columns = kernel.shape
    scratch = _scratch(constants, delays, columns)
    w, p = scratch.weight, scratch.window
    for tap in range(weight.shape[2]):
        copy_row(weight[j, :, tap], w)
        copy_row(delay[j, :, tap], scratch.delay)
        copy_row(width[j, :, tap], scratch.width)
        _set_windows(scratch, constants)
        for k in range(delays):
            _weigh(p[k * columns : (k + 1) * columns], w, tap > 0, kernel[k, j])


@parallel()
def _backward(
    grad: Strided, weight: np.ndarray, delay: np.ndarray, width: np.ndarray, constants: _Constants,
    grad_weight: np.ndarray, grad_delay: np.ndarray, grad_width: np.ndarray,
) -> None:  # fmt: skip
    arguments = (grad, weight, delay, width, constants, grad_weight, grad_delay, grad_width)
    for_each(_row_backward, grad.rows, arguments)


@subroutine(cache=True, error_model="numpy")
def _row_backward(
    j: int, grad: Strided, weight: np.ndarray, delay: np.ndarray, width: np.ndarray, constants: _Constants,
    grad_weight: np.ndarray, grad_delay: np.ndarray, grad_width: np.ndarray,
) -> None:  # fmt: skip
    delays, columns = grad.delays, grad.columns
    scratch = _scratch(constants, delays, columns)
    w, d, s, p = scratch.weight, scratch.delay, scratch.width, scratch.window
    g = np.empty_like(p)
    first, second, third = np.empty_like(w), np.empty_like(w), np.empty_like(w)
    for k in range(delays):
        copy_strided_row(grad, k, j, g[k * columns : (k + 1) * columns])
    for tap in range(weight.shape[2]):
        copy_row(weight[j, :, tap], w)
        copy_row(delay[j, :, tap], d)
        copy_row(width[j, :, tap], s)
        _set_windows(scratch, constants)
        _mean(p, g, first)
        _to_pulls(p, g, first, w)
        _moments(p, d, second, third)
        for i in range(columns):
            grad_weight[j, i, tap] = first[i]
            grad_delay[j, i, tap] = second[i] / (s[i] * s[i])
            grad_width[j, i, tap] = third[i] / (s[i] * s[i] * s[i])


@subroutine(cache=True)
def _scratch(constants: _Constants, delays: int, columns: int) -> _Rows:
    kind, size = constants.coefficients.dtype, delays * columns
    return _Rows(
        np.empty(columns, kind), np.empty(columns, kind), np.empty(columns, kind), np.empty(size, kind),
        np.empty(size, constants.integers.dtype),
    )  # fmt: skip


@subroutine(cache=True, error_model="numpy")
def _set_windows(rows: _Rows, constants: _Constants) -> None:
    """Set P of a row, delay after delay."""
    d, s, p = rows.delay, rows.width, rows.window
    columns, half, least = d.size, d.dtype.type(0.5), constants.least
    for k in range(p.size // columns):
        row, step = p[k * columns : (k + 1) * columns], d.dtype.type(k)
        for i in range(columns):
            z = (step - d[i]) / s[i]
            row[i] = max(-half * (z * z), least)
    _to_exponentials(p, rows.bits, constants)
    total = np.zeros_like(d)
    for k in range(p.size // columns):
        row = p[k * columns : (k + 1) * columns]
        for i in range(columns):
            total[i] += row[i]
    for i in range(columns):
        total[i] += constants.mass
    for k in range(p.size // columns):
        row = p[k * columns : (k + 1) * columns]
        for i in range(columns):
            row[i] /= total[i]


@subroutine(cache=True, error_model="numpy")
def _to_exponentials(x: np.ndarray, bits: np.ndarray, constants: _Constants) -> None:
    """Turn x, from LEAST to 0, into exp(x)."""
    inverse, high, low, rounding = constants.inverse_ln2, constants.high, constants.low, constants.rounding
    bias, shift = bits.dtype.type(constants.bias), bits.dtype.type(constants.shift)
    power = np.empty_like(x)
    for i in range(x.size):
        n = (x[i] * inverse + rounding) - rounding
        x[i] = (x[i] - n * high) - n * low
        bits[i] = (bits.dtype.type(n) + bias) << shift
    # Horner's rule, a coefficient at a time: each loop fills vector registers
    power[:] = constants.coefficients[0]
    for c in constants.coefficients[1:]:
        for i in range(x.size):
            power[i] = power[i] * x[i] + c
    scale = bits.view(x.dtype)
    for i in range(x.size):
        x[i] = power[i] * scale[i]


@subroutine(cache=True)
def _weigh(p: np.ndarray, w: np.ndarray, added: bool, row: np.ndarray) -> None:
    """Set a row of the kernel to P w, or add to it."""
    if added:
        for i in range(w.size):
            row[i] += p[i] * w[i]
    else:
        for i in range(w.size):
            row[i] = p[i] * w[i]


@subroutine(cache=True)
def _mean(p: np.ndarray, g: np.ndarray, mean: np.ndarray) -> None:
    """Set Σ_k P ∂L/∂kernel."""
    mean[:] = 0
    for k in range(p.size // mean.size):
        window, grad = p[k * mean.size : (k + 1) * mean.size], g[k * mean.size : (k + 1) * mean.size]
        for i in range(mean.size):
            mean[i] += window[i] * grad[i]


@subroutine(cache=True)
def _to_pulls(p: np.ndarray, g: np.ndarray, mean: np.ndarray, w: np.ndarray) -> None:
    """Turn P into r = P w (∂L/∂kernel − mean)."""
    for k in range(p.size // w.size):
        window, grad = p[k * w.size : (k + 1) * w.size], g[k * w.size : (k + 1) * w.size]
        for i in range(w.size):
            window[i] *= w[i] * (grad[i] - mean[i])


@subroutine(cache=True)
def _moments(r: np.ndarray, d: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    """Set Σ_k r (k − d) and Σ_k r (k − d)²."""
    first[:] = 0
    second[:] = 0
    for k in range(r.size // d.size):
        row, step = r[k * d.size : (k + 1) * d.size], d.dtype.type(k)
        for i in range(d.size):
            away = step - d[i]
            pull = row[i] * away
            first[i] += pull
            second[i] += pull * away
