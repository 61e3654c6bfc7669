"""Passes over neurons for the CPU: a recording is one job, a step is a row of neurons.

    drive      y[t] = scale · I[t] + shift for the steps of a recording, 0 behind its end
    forward    u[t] = β v[t−1] + y[t]        s[t] = Θ(u[t] − θ)
               v[t] = u[t] (1 − s[t])  (hard)   or   v[t] = u[t] − θ s[t]  (soft)

    backward   du[t] = h[t] ds[t] + dū[t] + r[t] dv[t]        dv[t] = β du[t+1]
               r = 1 − s (hard), 1 (soft); with the reset in the graph also − u h (hard), − θ h (soft)
               dy[t] = du[t]        dβ = Σ du[t] v[t−1]
               dθ = − Σ h[t] (ds[t] + dv[t] ∂v/∂s) − Σ dv[t] s[t]  (the last term: soft reset only)

Shapes   I, y, u, s (time, batch, neuron) · v (batch, neuron) · β, θ, scale, shift (neuron,) · valid (batch,)
Names    u membrane before the reset · v after it · h surrogate slope at u − θ · dū gradient of the returned u
         keep (batch, neuron): what dropout multiplies the spikes with
Memory   backward, u is computed again from I, one recording at a time: nothing else has been kept
Order    sums over time are a recording's own, in float64 from a few steps on, and are added over recordings in order
"""

import math

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from snnsim.kernels.memory import empty
from snnsim.kernels.spiking_types import Back, Neuron
from snnsim.kernels.threads import as_torch_has

_SHORT = 32
"""Steps whose sums are taken in the currents' own precision."""
_SLOPES = {"atan": 0, "triangle": 1, "sigmoid": 2, "fast_sigmoid": 3, "boxcar": 4}


def moments(current: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of every neuron's current over all steps that count."""
    sums = np.zeros((2, *current.shape[1:]))
    with as_torch_has():
        _sums(*_arrays(current, valid), sums)
    total, square = torch.from_numpy(sums.sum(1))
    mean, count = total / valid.sum(), valid.sum()
    return mean.to(current.dtype), (square / count - mean.square()).clamp(min=0).to(current.dtype)


def fire(  # noqa: PLR0913
    current: Tensor, scale: Tensor, shift: Tensor, valid: Tensor, voltage: Tensor, keep: Tensor | None,
    neuron: Neuron, record: bool,
) -> tuple[Tensor, Tensor | None, Tensor]:  # fmt: skip
    """Return the spikes times `keep`, the membrane u of every step if it is to be recorded, and the last v."""
    spikes, last = empty(current, *current.shape), torch.empty_like(voltage)
    membrane = empty(current, *current.shape) if record else None
    with as_torch_has():
        _fire(
            *_arrays(current, scale, shift, valid, voltage), _or_none(keep, current), _parts(neuron),
            *_arrays(spikes, last), _or_none(membrane, current),
        )  # fmt: skip
    return spikes, membrane, last


def fire_back(  # noqa: PLR0913
    current: Tensor, scale: Tensor, shift: Tensor, valid: Tensor, voltage: Tensor, keep: Tensor | None,
    neuron: Neuron, grad_spikes: Tensor | None, grad_membrane: Tensor | None, grad_last: Tensor | None,
    learned: bool = True,
) -> Back:  # fmt: skip
    """Return the gradients of `fire` for those of its results, of which any may be None.

    Those of β and θ are 0 if they are not `learned`.
    """
    drive, before = empty(current, *current.shape), torch.zeros_like(voltage)
    sums = np.zeros((4, *voltage.shape))
    last = torch.zeros_like(voltage) if grad_last is None else grad_last
    with as_torch_has():
        _fire_back(
            *_arrays(current, scale, shift, valid, voltage), _or_none(keep, current), _parts(neuron),
            (_or_none(grad_spikes, current), _or_none(grad_membrane, current), *_arrays(last)),
            (_SLOPES[neuron.surrogate], neuron.alpha, neuron.detached, learned), *_arrays(drive, before), sums,
        )  # fmt: skip
    return Back(drive, *torch.from_numpy(sums.sum(1)).to(current.dtype), before)


def affine_back(grad: Tensor, current: Tensor, valid: Tensor, scale: Tensor, offset: Tensor, slope: Tensor) -> Tensor:
    """Return scale · grad + offset + slope · current for the steps that count, 0 for others; it is put into `grad`."""
    with as_torch_has():
        _affine_back(*_arrays(grad, current, valid, scale, offset, slope))
    return grad


def leak(current: Tensor, voltage: Tensor, beta: Tensor) -> Tensor:
    """Return the membrane of neurons that never fire."""
    membrane = torch.empty_like(current)
    with as_torch_has():
        _leak(*_arrays(current, voltage, beta, membrane))
    return membrane


def leak_back(beta: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient of the current for that of the membrane."""
    found = torch.empty_like(grad)
    with as_torch_has():
        _leak_back(*_arrays(beta, grad, found))
    return found


def _arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(tensor.detach().numpy() for tensor in tensors)


def _or_none(tensor: Tensor | None, like: Tensor) -> np.ndarray:
    """Return an array; one without elements stands for None."""
    return (like.new_empty((0,) * 3) if tensor is None else tensor.view(-1, *tensor.shape[-2:])).detach().numpy()


def _parts(neuron: Neuron) -> tuple[np.ndarray, np.ndarray, bool]:
    return (*_arrays(neuron.beta, neuron.threshold), neuron.hard)


@njit(parallel=True, cache=True)
def _sums(current, valid, sums):
    for b in prange(current.shape[1]):
        total, square = sums[0, b], sums[1, b]
        for t in range(min(valid[b], len(current))):
            row = current[t, b]
            for n in range(row.size):
                value = np.float64(row[n])
                total[n] += value
                square[n] += value * value


@njit(cache=True)
def _drive(row, scale, shift, counts, y):
    if counts:
        for n in range(row.size):
            y[n] = scale[n] * row[n] + shift[n]
    else:
        y[:] = 0


@njit(parallel=True, cache=True)
def _fire(current, scale, shift, valid, voltage, keep, neuron, spikes, last, membrane):  # noqa: PLR0913
    beta, threshold, hard = neuron
    one = current.dtype.type(1)
    for b in prange(current.shape[1]):
        v, y = voltage[b].copy(), np.empty_like(voltage[b])
        factor = keep[0, b] if keep.size else np.full_like(v, one)
        for t in range(len(current)):
            _drive(current[t, b], scale, shift, t < valid[b], y)
            if membrane.size:
                u = membrane[t, b]
                for n in range(v.size):
                    u[n] = beta[n] * v[n] + y[n]
            s = spikes[t, b]
            for n in range(v.size):
                u_ = beta[n] * v[n] + y[n]
                fired = u_ >= threshold[n]
                s[n] = factor[n] if fired else 0
                v[n] = _after(u_, threshold[n], fired, hard)
        last[b] = v


@njit(cache=True)
def _after(u, threshold, fired, hard):
    """Return the voltage after the reset."""
    lower = u * 0 if hard else u - threshold
    return lower if fired else u


@njit(parallel=True, cache=True)
def _fire_back(  # noqa: C901, PLR0913
    current, scale, shift, valid, voltage, keep, neuron, grads, slope, drive, before, sums
):
    grad_spikes, grad_membrane, grad_last = grads
    beta, threshold, hard = neuron
    code, alpha, detached, learned = slope
    steps, batch, neurons = current.shape
    for b in prange(batch):
        u, v = np.empty((steps, neurons), current.dtype), voltage[b].copy()
        y = np.empty_like(v)
        for t in range(steps):
            _drive(current[t, b], scale, shift, t < valid[b], y)
            _advance(v, y, beta, threshold, hard, u[t])
        dv, h, ds = grad_last[b].copy(), np.empty_like(y), np.zeros_like(y)
        short = np.zeros((2, neurons), current.dtype)
        for t in range(steps - 1, -1, -1):
            _slope(u[t], threshold, code, current.dtype.type(alpha), h)
            if grad_spikes.size:
                _times(grad_spikes[t, b], keep[0, b] if keep.size else y[:0], ds)
            du = drive[t, b]
            _through(h, ds, dv, u[t], threshold, hard, detached, du)
            if grad_membrane.size:
                _plus(grad_membrane[t, b], du)
            if t < valid[b]:
                _sum(du, current[t, b], short[0], short[1])
            if t % _SHORT == 0:
                _flush(short[0], sums[0, b])
                _flush(short[1], sums[1, b])
            if learned:
                _thresholds(h, ds, dv, u[t], threshold, hard, detached, sums[3, b])
                _betas(du, u[t - 1] if t else voltage[b], threshold, hard, t > 0, sums[2, b])
            for n in range(neurons):
                dv[n] = beta[n] * du[n]
            if t >= valid[b]:
                du[:] = 0
        before[b] = dv


@njit(cache=True)
def _advance(v, y, beta, threshold, hard, u):
    for n in range(u.size):
        u_ = beta[n] * v[n] + y[n]
        u[n] = u_
        v[n] = _after(u_, threshold[n], u_ >= threshold[n], hard)


@njit(cache=True)
def _times(values, factor, to):
    if factor.size:
        for n in range(to.size):
            to[n] = values[n] * factor[n]
    else:
        to[:] = values


@njit(cache=True)
def _plus(values, to):
    for n in range(to.size):
        to[n] += values[n]


@njit(cache=True)
def _through(h, ds, dv, u, threshold, hard, detached, du):  # noqa: PLR0913
    """Set the gradient of the membrane."""
    one, zero = h.dtype.type(1), h.dtype.type(0)
    for n in range(du.size):
        kept = zero if hard and u[n] >= threshold[n] else one
        if not detached:
            kept -= h[n] * (u[n] if hard else threshold[n])
        du[n] = h[n] * ds[n] + kept * dv[n]


@njit(cache=True)
def _thresholds(h, ds, dv, u, threshold, hard, detached, total):  # noqa: PLR0913
    for n in range(h.size):
        ds_ = ds[n]
        if not detached:
            ds_ -= dv[n] * (u[n] if hard else threshold[n])
        found = h[n] * ds_
        if not hard and u[n] >= threshold[n]:
            found += dv[n]
        total[n] -= found


@njit(cache=True)
def _sum(du, current, scale, shift):
    for n in range(du.size):
        scale[n] += du[n] * current[n]
        shift[n] += du[n]


@njit(cache=True)
def _flush(short, total):
    for n in range(total.size):
        total[n] += short[n]
        short[n] = 0


@njit(cache=True)
def _betas(du, before, threshold, hard, reset, total):
    """Add what β gets: `before` is the membrane a step ago, or the voltage that the sequence began with."""
    for n in range(du.size):
        fired = reset and before[n] >= threshold[n]
        total[n] += du[n] * _after(before[n], threshold[n], fired, hard)


@njit(cache=True)
def _slope(u, threshold, code, alpha, h):  # noqa: C901
    """Set h to the surrogate slope at u − θ; the equations are those of snnsim.surrogate."""
    half, one = h.dtype.type(0.5), h.dtype.type(1)
    if code == 0:
        turn = h.dtype.type(math.pi / 2) * alpha
        for n in range(h.size):
            x = (u[n] - threshold[n]) * turn
            h[n] = half * alpha / (one + x * x)
    elif code == 1:
        for n in range(h.size):
            h[n] = max(alpha - alpha * alpha * abs(u[n] - threshold[n]), 0 * one)
    elif code == 2:
        for n in range(h.size):
            g = one / (one + np.exp(-alpha * (u[n] - threshold[n])))
            h[n] = alpha * g * (one - g)
    elif code == 3:
        for n in range(h.size):
            x = one + alpha * abs(u[n] - threshold[n])
            h[n] = one / (x * x)
    else:
        for n in range(h.size):
            h[n] = alpha if abs(u[n] - threshold[n]) < half / alpha else 0


@njit(parallel=True, cache=True)
def _affine_back(grad, current, valid, scale, offset, slope):
    for b in prange(current.shape[1]):
        for t in range(len(current)):
            d, row = grad[t, b], current[t, b]
            if t < valid[b]:
                for n in range(row.size):
                    d[n] = scale[n] * d[n] + offset[n] + slope[n] * row[n]
            else:
                d[:] = 0


@njit(parallel=True, cache=True)
def _leak(current, voltage, beta, membrane):
    for b in prange(current.shape[1]):
        v = voltage[b].copy()
        for t in range(len(current)):
            row, u = current[t, b], membrane[t, b]
            for n in range(v.size):
                v[n] = beta[n] * v[n] + row[n]
                u[n] = v[n]


@njit(parallel=True, cache=True)
def _leak_back(beta, grad, found):
    for b in prange(grad.shape[1]):
        d = np.zeros_like(grad[0, b])
        for t in range(len(grad) - 1, -1, -1):
            row, to = grad[t, b], found[t, b]
            for n in range(d.size):
                d[n] = row[n] + beta[n] * d[n]
                to[n] = d[n]
