"""Leaky integration and firing over a whole sequence, compiled for the CPU, with their gradients.

    forward    u[t] = β v[t−1] + I[t]        s[t] = Θ(u[t] − θ)
               v[t] = u[t] (1 − s[t])  (hard)   or   v[t] = u[t] − θ s[t]  (soft)

    backward   Σ over what u[t] feeds: its own outputs and, through v[t], the next step
               du[t] = h[t] ds[t] + dū[t] + r[t] dv[t]        dv[t] = β du[t+1]
               r = 1 − s (hard), 1 (soft); with the reset in the graph also − u h (hard), − θ h (soft)
               dI[t] = du[t]        dβ = Σ du[t] v[t−1]
               dθ = − Σ h[t] (ds[t] + dv[t] ∂v/∂s) − Σ dv[t] s[t]  (the last term: soft reset only)

Shapes   current, u, s (time, batch, neuron) · v (batch, neuron) · β, θ (neuron,)
Names    u membrane before the reset · v after it · h surrogate slope at u − θ · dū gradient of the returned u
Memory   the backward pass keeps u alone: one number per neuron and step
"""

from dataclasses import dataclass

import numba
import numpy as np
import torch
from numba import njit, prange
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.surrogate import Surrogate


@dataclass(frozen=True)
class Reset:
    """What a spike does to the voltage, and whether gradients pass through it."""

    hard: bool
    detached: bool
    surrogate: Surrogate


def runs_compiled(current: Tensor) -> bool:
    """Return whether the compiled kernels take this tensor."""
    return current.device.type == "cpu" and current.dtype in (torch.float32, torch.float64)


def fire(current: Tensor, voltage: Tensor, beta: Tensor, threshold: Tensor, *, reset: Reset) -> tuple[Tensor, Tensor]:
    """Return the spikes s and the membrane u of every step; `beta` and `threshold` are (neuron,)."""
    spikes, membrane = _Fire.apply(current, voltage, beta, threshold, reset)
    return spikes, membrane


def leak(current: Tensor, voltage: Tensor, beta: Tensor) -> Tensor:
    """Return the membrane u[t] = β u[t−1] + I[t] of neurons that never fire; `beta` is (neuron,)."""
    membrane: Tensor = _Leak.apply(current, voltage, beta)
    return membrane


def after_reset(membrane: Tensor, spikes: Tensor, threshold: Tensor, reset: Reset) -> Tensor:
    """Return v from u and s."""
    spikes = spikes.detach() if reset.detached else spikes
    return membrane * (1 - spikes) if reset.hard else membrane - threshold * spikes


class _Fire(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, voltage, beta, threshold, reset):
        spikes, membrane = torch.empty_like(current), torch.empty_like(current)
        with _torch_threads():
            _fire(*_arrays(current, voltage), _arrays(beta, threshold), reset.hard, _arrays(spikes, membrane))
        ctx.save_for_backward(membrane, voltage, beta, threshold)
        ctx.reset = reset
        ctx.set_materialize_grads(False)
        return spikes, membrane

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_spikes, grad_membrane):
        membrane, voltage, beta, threshold = ctx.saved_tensors
        reset = ctx.reset
        slope = reset.surrogate.slope(membrane - threshold)
        grad = slope * grad_spikes if grad_spikes is not None else torch.zeros_like(membrane)
        if grad_membrane is not None:
            grad += grad_membrane
        with _torch_threads():
            _fire_back(_arrays(membrane, slope), _arrays(beta, threshold), reset.hard, reset.detached, *_arrays(grad))
        needs = ctx.needs_input_grad
        grad_voltage = beta * grad[0] if needs[1] and len(grad) else None
        grad_beta = _beta_gradient(grad, membrane, voltage, threshold, reset) if needs[2] else None
        grad_threshold = (
            _threshold_gradient(grad, grad_spikes, slope, membrane, beta, threshold, reset) if needs[3] else None
        )
        return grad, grad_voltage, grad_beta, grad_threshold, None


def _beta_gradient(grad, membrane, voltage, threshold, reset):
    spikes = (membrane >= threshold).to(membrane.dtype)
    before = torch.cat([voltage[None], after_reset(membrane, spikes, threshold, reset)[:-1]])
    return (grad * before).sum((0, 1))


def _threshold_gradient(grad, grad_spikes, slope, membrane, beta, threshold, reset):  # noqa: PLR0913
    grad_voltage = torch.zeros_like(grad)
    grad_voltage[:-1] = beta * grad[1:]
    total = slope * grad_spikes if grad_spikes is not None else torch.zeros_like(slope)
    if not reset.detached:
        total -= slope * grad_voltage * (membrane if reset.hard else threshold)
    if not reset.hard:
        total += grad_voltage * (membrane >= threshold)
    return -total.sum((0, 1))


class _Leak(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, voltage, beta):
        membrane = torch.empty_like(current)
        with _torch_threads():
            _leak(*_arrays(current, voltage, beta, membrane))
        ctx.save_for_backward(membrane if ctx.needs_input_grad[2] else None, voltage, beta)
        return membrane

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_membrane):
        membrane, voltage, beta = ctx.saved_tensors
        grad = grad_membrane.clone(memory_format=torch.contiguous_format)
        with _torch_threads():
            _leak_back(*_arrays(beta, grad))
        grad_beta = None
        if ctx.needs_input_grad[2]:
            grad_beta = (grad * torch.cat([voltage[None], membrane[:-1]])).sum((0, 1))
        return grad, beta * grad[0] if len(grad) else None, grad_beta


def _arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(tensor.detach().numpy() for tensor in tensors)


class _torch_threads:
    """Run Numba's loops with as many threads as torch is set to use."""

    def __enter__(self) -> None:
        self.torch, self.numba = torch.get_num_threads(), numba.get_num_threads()
        numba.set_num_threads(max(1, min(self.torch, numba.config.NUMBA_NUM_THREADS)))

    def __exit__(self, *_: object) -> None:
        numba.set_num_threads(self.numba)
        # numba's first parallel loop sets the number of threads of the OpenMP that it shares with torch
        if torch.get_num_threads() != self.torch:
            torch.set_num_threads(self.torch)


@njit(parallel=True, cache=True)
def _fire(current, voltage, neuron, hard, recorded):
    (beta, threshold), (spikes, membrane) = neuron, recorded
    steps, batch, neurons = current.shape
    for b in prange(batch):
        v = voltage[b].copy()
        for t in range(steps):
            for n in range(neurons):
                u = beta[n] * v[n] + current[t, b, n]
                fired = u >= threshold[n]
                membrane[t, b, n] = u
                spikes[t, b, n] = fired
                if hard:
                    v[n] = 0 if fired else u
                else:
                    v[n] = u - threshold[n] if fired else u


@njit(parallel=True, cache=True)
def _fire_back(recorded, neuron, hard, detached, grad):
    (membrane, slope), (beta, threshold) = recorded, neuron
    steps, batch, neurons = grad.shape
    for b in prange(batch):
        for t in range(steps - 2, -1, -1):
            for n in range(neurons):
                u = membrane[t, b, n]
                if hard:
                    kept = slope.dtype.type(0) if u >= threshold[n] else slope.dtype.type(1)
                    through = u
                else:
                    kept = slope.dtype.type(1)
                    through = threshold[n]
                if not detached:
                    kept -= through * slope[t, b, n]
                grad[t, b, n] += kept * beta[n] * grad[t + 1, b, n]


@njit(parallel=True, cache=True)
def _leak(current, voltage, beta, membrane):
    steps, batch, neurons = current.shape
    for b in prange(batch):
        u = voltage[b].copy()
        for t in range(steps):
            for n in range(neurons):
                u[n] = beta[n] * u[n] + current[t, b, n]
                membrane[t, b, n] = u[n]


@njit(parallel=True, cache=True)
def _leak_back(beta, grad):
    steps, batch, neurons = grad.shape
    for b in prange(batch):
        for t in range(steps - 2, -1, -1):
            for n in range(neurons):
                grad[t, b, n] += beta[n] * grad[t + 1, b, n]
