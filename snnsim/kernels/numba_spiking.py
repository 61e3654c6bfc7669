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

import numpy as np
import torch
from numba import get_num_threads, njit, prange
from torch import Tensor

from snnsim.kernels.memory import empty
from snnsim.kernels.slopes import CODES, slopes
from snnsim.kernels.spiking_types import Back, Neuron
from snnsim.kernels.threads import as_torch_has

_SHORT = 32
"""Steps whose sums are taken in the currents' own precision."""


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
    learned: bool = True, normed: bool = True,
) -> Back:  # fmt: skip
    """Return the gradients of `fire` for those of its results, of which any may be None.

    Those of β and θ are 0 if they are not `learned`, those of scale and shift if nothing is `normed`.
    """
    drive, before = empty(current, *current.shape), torch.zeros_like(voltage)
    sums = np.zeros((4, *voltage.shape))
    last = torch.zeros_like(voltage) if grad_last is None else grad_last
    how = CODES[neuron.surrogate], neuron.alpha, neuron.detached, learned, normed
    grads = _or_none(grad_spikes, current), _or_none(grad_membrane, current), *_arrays(last)
    made = *_arrays(drive, before), sums
    with as_torch_has():
        arrays = *_arrays(current, scale, shift, valid, voltage), _or_none(keep, current)
        _fire_back(*arrays, _parts(neuron), grads, how, get_num_threads(), *made)
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


@njit(parallel=True, cache=True)
def _fire(current, scale, shift, valid, voltage, keep, neuron, spikes, last, membrane):  # noqa: PLR0913
    beta, threshold, hard = neuron
    one, zero = current.dtype.type(1), current.dtype.type(0)
    for b in prange(current.shape[1]):
        v, u = voltage[b].copy(), np.empty_like(voltage[b])
        factor = keep[0, b] if keep.size else np.full_like(v, one)
        silent = np.zeros_like(v)
        for t in range(len(current)):
            counts = t < valid[b]
            row, a, c = current[t, b], scale if counts else silent, shift if counts else silent
            if not counts:
                row = silent
            s, u = spikes[t, b], membrane[t, b] if membrane.size else u
            for n in range(v.size):
                u_ = beta[n] * v[n] + (a[n] * row[n] + c[n])
                fired = u_ >= threshold[n]
                u[n] = u_
                s[n] = factor[n] if fired else zero
                v[n] = _after(u_, threshold[n], fired, hard)
        last[b] = v


@njit(cache=True)
def _after(u, threshold, fired, hard):
    """Return the voltage after the reset."""
    # a whole number would turn all into float64
    lower = u - u if hard else u - threshold
    return lower if fired else u


@njit(parallel=True, cache=True)
def _fire_back(  # noqa: PLR0913
    current, scale, shift, valid, voltage, keep, neuron, grads, slope, threads, drive, before, sums
):
    steps, batch, neurons = current.shape
    for thread in prange(threads):
        u, h = np.empty((steps, neurons), current.dtype), np.empty((steps, neurons), current.dtype)
        for b in range(thread, batch, threads):
            _again(b, current, scale, shift, valid[b], voltage[b], neuron, u, h)
            slopes(h.reshape(h.size), slope[0], current.dtype.type(slope[1]))
            _lane_back(b, current, u, h, valid[b], voltage[b], keep, neuron, grads, slope, drive, before[b], sums[:, b])


@njit(cache=True)
def _again(b, current, scale, shift, valid, voltage, neuron, u, x):  # noqa: PLR0913
    """Set the membrane of a recording, and how far it is above the threshold."""
    beta, threshold, hard = neuron
    v, silent = voltage.copy(), np.zeros_like(voltage)
    for t in range(len(u)):
        row, a, c = (current[t, b], scale, shift) if t < valid else (silent, silent, silent)
        u_row, x_row = u[t], x[t]
        for n in range(v.size):
            u_ = beta[n] * v[n] + (a[n] * row[n] + c[n])
            u_row[n] = u_
            x_row[n] = u_ - threshold[n]
            v[n] = _after(u_, threshold[n], u_ >= threshold[n], hard)


@njit(cache=True)
def _lane_back(b, current, u, h, valid, voltage, keep, neuron, grads, slope, drive, before, sums):  # noqa: PLR0913
    grad_spikes, grad_membrane, grad_last = grads
    beta, threshold, hard = neuron
    one, zero, attached = h.dtype.type(1), h.dtype.type(0), h.dtype.type(not slope[2])
    cleared, lowered = h.dtype.type(hard), h.dtype.type(not hard)
    dv, silent, short = grad_last[b].copy(), np.zeros_like(voltage), np.zeros((2, voltage.size), h.dtype)
    factor = keep[0, b] if keep.size else np.full_like(voltage, one)
    for t in range(len(u) - 1, -1, -1):
        if slope[3]:
            gradient = grad_spikes[t, b] if grad_spikes.size else silent
            _thresholds(h[t], gradient, factor, dv, u[t], threshold, hard, slope[2], sums[3])
        du, gs = drive[t, b], grad_spikes[t, b] if grad_spikes.size else silent
        gm, u_row, h_row = grad_membrane[t, b] if grad_membrane.size else silent, u[t], h[t]
        for n in range(dv.size):
            # what of the voltage is kept: nothing where a spike has cleared it, less what the reset passes on
            kept = one - (cleared if u_row[n] >= threshold[n] else zero)
            kept -= attached * h_row[n] * (cleared * u_row[n] + lowered * threshold[n])
            found = h_row[n] * (gs[n] * factor[n]) + gm[n] + kept * dv[n]
            du[n] = found
            dv[n] = beta[n] * found
        if slope[3]:
            _betas(du, u[t - 1] if t else voltage, threshold, hard, t > 0, sums[2])
        if t >= valid:
            du[:] = zero
        elif slope[4]:
            _sum(du, current[t, b], short[0], short[1])
        if slope[4] and t % _SHORT == 0:
            _flush(short[0], sums[0])
            _flush(short[1], sums[1])
    before[:] = dv


@njit(cache=True)
def _thresholds(h, gradient, factor, dv, u, threshold, hard, detached, total):  # noqa: PLR0913
    for n in range(h.size):
        ds = gradient[n] * factor[n]
        if not detached:
            ds -= dv[n] * (u[n] if hard else threshold[n])
        found = h[n] * ds
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
        short[n] = short.dtype.type(0)


@njit(cache=True)
def _betas(du, before, threshold, hard, reset, total):
    """Add what β gets: `before` is the membrane a step ago, or the voltage that the sequence began with."""
    for n in range(du.size):
        fired = reset and before[n] >= threshold[n]
        total[n] += du[n] * _after(before[n], threshold[n], fired, hard)


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
