"""Passes over neurons for the CPU: a recording is one job, a step is a row of neurons.

    drive      y[t] = scale · I[t] + shift for the steps of a recording, 0 behind its end
    forward    u[t] = β v[t−1] + y[t]        s[t] = Θ(u[t] − θ)
               v[t] = u[t] (1 − s[t])  (hard)   or   v[t] = u[t] − θ s[t]  (soft)

    backward   du[t] = h[t] ds[t] + dū[t] + r[t] dv[t]        dv[t] = β du[t+1]
               r = 1 − s (hard), 1 (soft); with the reset in the graph also − u h (hard), − θ h (soft)
               dy[t] = du[t]        dβ = Σ du[t] v[t−1]
               dθ = − Σ h[t] (ds[t] + dv[t] ∂v/∂s) − Σ dv[t] s[t]  (the last term: soft reset only)
               dv[t] = 0 for neurons that are not `temporal`

    drawn      where there is noise, s[t] = Θ(u[t] − θ[t]) with a level θ[t] of its own, see cpu_noise.py

Shapes   I, y, u, s (time, batch, neuron) · v (batch, neuron) · β, θ, scale, shift (neuron,) · valid (batch,)
Names    u membrane before the reset · v after it · h surrogate slope at u − θ · dū gradient of the returned u
         keep (batch, neuron): what dropout multiplies the spikes with
Memory   backward, u and the levels are computed again from I, one recording at a time: nothing else has been kept
Order    sums over time are a recording's own, in float64 from a few steps on, and are added over recordings in order
"""

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.common.prefetch import ask
from snnsim.kernels.common.threads import as_torch_has, number, parallel
from snnsim.kernels.neuron import cpu_noise as noisy
from snnsim.kernels.neuron import cpu_steps as rows
from snnsim.kernels.neuron.surrogate_slopes import CODES
from snnsim.kernels.neuron.types import Back, Neuron, Noise

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
            _rows(current), *_arrays(scale, shift, valid, voltage.view(-1)), _lanes(keep, current), *_parts(neuron),
            _rows(spikes), *_arrays(last.view(-1)), _rows(membrane, current),
        )  # fmt: skip
    return spikes, membrane, last


def fire_back(  # noqa: PLR0913
    current: Tensor, scale: Tensor, shift: Tensor, valid: Tensor, voltage: Tensor, keep: Tensor | None,
    neuron: Neuron, grad_spikes: Tensor | None, grad_membrane: Tensor | None, grad_last: Tensor | None,
    learned: bool = True, normed: bool = True,
) -> Back:  # fmt: skip
    """Return the gradients of `fire` for those of its results, of which any may be None.

    Those of β, θ, Δ and r are 0 if they are not `learned`, those of scale and shift if nothing is `normed`.
    """
    drive, before = empty(current, *current.shape), torch.empty_like(voltage)
    sums = np.zeros((6, voltage.numel()))
    last = torch.zeros_like(voltage) if grad_last is None else grad_last
    how = CODES[neuron.surrogate], neuron.alpha, neuron.detached, neuron.temporal, learned, normed
    grads = _rows(grad_spikes, current), _rows(grad_membrane, current), *_arrays(last.view(-1))
    with as_torch_has():
        _fire_back(
            _rows(current), *_arrays(scale, shift, valid, voltage.view(-1)), _lanes(keep, current), *_parts(neuron),
            grads, how, number(), _rows(drive), *_arrays(before.view(-1)), sums,
        )  # fmt: skip
    found = torch.from_numpy(sums.reshape(6, *voltage.shape).sum(1)).to(current.dtype)
    return Back(drive, *found[:4], before, *found[4:])


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


def _rows(tensor: Tensor | None, like: Tensor | None = None) -> np.ndarray:
    """Return (time, batch · neuron); an array without elements stands for None."""
    return (like.new_empty(0, 0) if tensor is None else tensor.view(len(tensor), -1)).detach().numpy()


def _lanes(tensor: Tensor | None, like: Tensor) -> np.ndarray:
    return (like.new_empty(0) if tensor is None else tensor.reshape(-1)).detach().numpy()


def _parts(neuron: Neuron) -> tuple[tuple, tuple]:
    """Return decay, threshold and reset; and width, back, whether levels are drawn, and where the draws begin."""
    noise = neuron.noise or Noise(*2 * [neuron.beta.new_empty(0)], None)
    draws, drawn = noise.draws or Draws(0), noise.draws is not None
    parts = *_arrays(noise.width, noise.back), drawn, draws.place()
    return (*_arrays(neuron.beta, neuron.threshold), neuron.hard), parts


@parallel()
def _sums(current, valid, sums):
    for b in prange(current.shape[1]):
        total, square = sums[0, b], sums[1, b]
        for t in range(min(valid[b], len(current))):
            row = current[t, b]
            for n in range(row.size):
                value = np.float64(row[n])
                total[n] += value
                square[n] += value * value


@parallel()
def _fire(current, scale, shift, valid, voltage, keep, neuron, noise, spikes, last, membrane):  # noqa: PLR0913
    (beta, threshold, hard), (_, _, drawn, place) = neuron, noise
    steps, width, side = len(current), beta.size, rows.side_by_side(beta.size)
    for block in prange(-(-len(valid) // side)):
        ends = valid[block * side : (block + 1) * side]
        some = slice(block * side * width, (block * side + ends.size) * width)
        v, u = voltage[some].copy(), np.empty_like(voltage[some])
        a, c = rows.tiled(scale, ends.size), rows.tiled(shift, ends.size)
        kept, theta = rows.tiled(beta, ends.size), rows.tiled(threshold, ends.size)
        spread, back = noisy.tiled(noise[0], ends.size), noisy.tiled(noise[1], ends.size)
        level = np.empty_like(theta) if drawn else theta
        factor = keep[some] if keep.size else np.ones_like(v)
        for t in range(steps):
            if t + 1 < steps:
                ask(current[t + 1, some])
            rows.end(t, ends, a, c)
            u = membrane[t, some] if membrane.size else u
            rows.membranes(current[t, some], a, c, kept, v, u)
            if drawn:
                noisy.levels(place, block * side, ends.size, t, theta, spread, level)
            rows.spikes(u, level, factor, spikes[t, some])
            if back.size:
                noisy.resets(u, level, theta, back, hard, v)
            else:
                rows.resets(u, theta, hard, v)
        last[some] = v


@parallel()
def _fire_back(  # noqa: PLR0913
    current, scale, shift, valid, voltage, keep, neuron, noise, grads, how, threads, drive, before, sums
):
    width, side = neuron[0].size, rows.side_by_side(neuron[0].size)
    for thread in prange(threads):
        u = np.empty((len(current), side * width), current.dtype)
        level = np.empty((len(current) if noise[2] else 1, side * width), current.dtype)
        for block in range(thread, -(-len(valid) // side), threads):
            ends = valid[block * side : (block + 1) * side]
            some = slice(block * side * width, (block * side + ends.size) * width)
            tiled = rows.tiled(neuron[0], ends.size), rows.tiled(neuron[1], ends.size), neuron[2]
            drawn = noisy.tiled(noise[0], ends.size), noisy.tiled(noise[1], ends.size), noise[2], noise[3], block * side
            _again(current, scale, shift, ends, voltage[some], tiled, drawn, some, u, level)
            factor = keep[some] if keep.size else np.ones_like(voltage[some])
            before[some] = _lanes_back(
                current, u, level, ends, voltage[some], factor, tiled, drawn, some, grads, how, drive, sums
            )


@njit(cache=True)
def _again(current, scale, shift, ends, voltage, neuron, noise, some, u, level):  # noqa: PLR0913
    """Set the membrane of some recordings, and the level at which each step fires, or one row for all."""
    (beta, threshold, hard), (width, back, drawn, place, first) = neuron, noise
    level[0, : threshold.size] = threshold
    v, a, c = voltage.copy(), rows.tiled(scale, ends.size), rows.tiled(shift, ends.size)
    for t in range(len(current)):
        if t + 1 < len(current):
            ask(current[t + 1, some])
        rows.end(t, ends, a, c)
        row = u[t, : v.size]
        rows.membranes(current[t, some], a, c, beta, v, row)
        now = level[t if drawn else 0, : v.size]
        if drawn:
            noisy.levels(place, first, ends.size, t, threshold, width, now)
        if back.size:
            noisy.resets(row, now, threshold, back, hard, v)
        else:
            rows.resets(row, threshold, hard, v)


@njit(cache=True)
def _ask_before(t, sequence, some):
    if t and sequence.size:
        ask(sequence[t - 1, some])


@njit(cache=True)
def _lanes_back(  # noqa: PLR0913
    current, u, level, ends, voltage, factor, neuron, noise, some, grads, how, drive, sums
):
    grad_spikes, grad_membrane, grad_last = grads
    (beta, threshold, hard), temporal, drawn = neuron, how[3], noise[2]
    dv, silent, short = (
        grad_last[some].copy() if temporal else np.zeros_like(voltage),
        np.zeros_like(voltage),
        np.zeros((2, voltage.size), voltage.dtype),
    )
    h, error, kept, ds = np.empty_like(dv), np.empty_like(dv), np.empty_like(dv), np.empty_like(dv)
    for t in range(len(current) - 1, -1, -1):
        row, du, gs = u[t, : dv.size], drive[t, some], grad_spikes[t, some] if grad_spikes.size else silent
        now, past = level[t if drawn else 0, : dv.size], level[max(t - 1, 0) if drawn else 0, : dv.size]
        _ask_before(t, grad_spikes, some)
        _ask_before(t, drive, some)
        rows.above(row, threshold, h)
        noisy.slopes(h, noise[0], how)
        if how[4]:
            noisy.learn((h, row, now, dv, ds), gs, factor, neuron, noise, how[2], sums[3:, some])
        rows.errors(h, gs, factor, grad_membrane[t, some] if grad_membrane.size else silent, error)
        if temporal:
            rows.kept_shares(h, row, now, threshold, hard, how[2], kept)
            noisy.more(how[2], h, noise[1], kept)
            rows.step_back(error, kept, beta, dv, du)
        else:
            du[:] = error
        if how[4]:
            before = u[t - 1, : dv.size] if t else voltage
            rows.betas(du, before, past, threshold, hard, t > 0, sums[2, some])
            noisy.betas(t, du, before, past, noise[1], sums[2, some])
        rows.clear(t, ends, du)
        if how[5]:
            rows.add(du, current[t, some], short[0], short[1])
            if t % _SHORT == 0:
                rows.flush(short[0], sums[0, some])
                rows.flush(short[1], sums[1, some])
    return dv


@parallel()
def _affine_back(grad, current, valid, scale, offset, slope):
    for b in prange(current.shape[1]):
        for t in range(len(current)):
            d, row = grad[t, b], current[t, b]
            if t < valid[b]:
                for n in range(row.size):
                    d[n] = scale[n] * d[n] + offset[n] + slope[n] * row[n]
            else:
                d[:] = 0


@parallel()
def _leak(current, voltage, beta, membrane):
    for b in prange(current.shape[1]):
        v = voltage[b].copy()
        for t in range(len(current)):
            row, u = current[t, b], membrane[t, b]
            for n in range(v.size):
                v[n] = beta[n] * v[n] + row[n]
                u[n] = v[n]


@parallel()
def _leak_back(beta, grad, found):
    for b in prange(grad.shape[1]):
        d = np.zeros_like(grad[0, b])
        for t in range(len(grad) - 1, -1, -1):
            row, to = grad[t, b], found[t, b]
            for n in range(d.size):
                d[n] = row[n] + beta[n] * d[n]
                to[n] = d[n]
