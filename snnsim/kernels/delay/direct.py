"""Delayed currents as one matrix product for each delay, which adds to the currents of all steps.

    I[t] += s[t − d] kernel[d]ᵀ        d = 0 ... K − 1, for all steps t and recordings at once

Spikes and currents of consecutive steps lie side by side, so the factors of a product are parts of them, and nothing is
copied. For few taps, recordings and steps this takes less time than the transforms of all kernels (`are_few`).

Shapes   as in currents.py
Differs  memory: kernels are saved for the backward pass, and their gradient is as large
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from snnsim.kernels.common.buffers import empty
from snnsim.kernels.delay.window_sizes import cost_of_windows

_PRODUCTS = 2.7
"""Products of a connection that take as long as a point of a window in overlap_save.py.

Measured with 256 neurons, 1 to 64 recordings, 25 to 400 steps and 3 to 61 delays, forward and backward: both forms take
equally long where this number is 2.6 to 3.3.
"""
_LARGEST = 1 << 24
"""Numbers of a kernel, which is held together with its gradient."""


def are_few(spikes: Tensor, *, delays: int, synapses: int) -> bool:
    """Return whether the products in time are so few that they take less time than overlap_save.

    Args:
        spikes: The spikes (time, batch, source).
        delays: The number of delays of a kernel.
        synapses: The number of pairs of a source and a target.
    """
    steps, lanes = len(spikes), spikes.shape[1]
    taps = min(delays, steps)
    products = lanes * (taps * steps - taps * (taps - 1) // 2)
    return delays * synapses <= _LARGEST and products < _PRODUCTS * cost_of_windows(steps, taps, lanes)


def in_time(spikes: Tensor, kernel: Tensor) -> Tensor:
    """Return the delayed current as a causal convolution over time, by torch's conv1d; the plain reference.

    Args:
        spikes: The spikes (time, batch, source).
        kernel: The kernels (delay, target, source), index 0 the same step.
    """
    # conv1d correlates, so the longest delay comes first
    weight = kernel.flip(0).permute(1, 2, 0)
    padded = functional.pad(spikes.permute(1, 2, 0), (len(kernel) - 1, 0))
    return functional.conv1d(padded, weight).permute(2, 0, 1)


def direct_current(spikes: Tensor, kernel: Tensor, before: int = 0) -> Tensor:
    """Return the delayed currents of kernels.

    Args:
        spikes: The spikes (time, batch, source).
        kernel: The kernels (delay, target, source).
        before: Context steps of the spikes in front of the currents, fewer than there are delays and steps.
    """
    current: Tensor = _Direct.apply(spikes, kernel, before)  # type: ignore[no-untyped-call]
    return current


class _Direct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spikes: Tensor, kernel: Tensor, before: int) -> Tensor:
        ctx.save_for_backward(spikes, kernel)
        ctx.before = before
        spikes, kernel = spikes.contiguous(), kernel.contiguous()
        current = empty(spikes, len(spikes) - before, spikes.shape[1], kernel.shape[1])
        for delay, arriving, sent in _steps(len(spikes), len(kernel), before):
            # the first product sets the currents of all steps
            beta = 1.0 if delay else 0.0
            _rows(current[arriving]).addmm_(_rows(spikes[sent]), kernel[delay].mT, beta=beta)
        return current

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        spikes, kernel = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _with_graph(spikes, kernel, grad, ctx)
        grad, spikes, kernel = grad.contiguous(), spikes.contiguous(), kernel.contiguous()
        grad_spikes = torch.zeros_like(spikes) if ctx.needs_input_grad[0] else None
        grad_kernel = torch.zeros_like(kernel) if ctx.needs_input_grad[1] else None
        for delay, arriving, sent in _steps(len(spikes), len(kernel), ctx.before):
            if grad_spikes is not None:
                _rows(grad_spikes[sent]).addmm_(_rows(grad[arriving]), kernel[delay])
            if grad_kernel is not None:
                torch.mm(_rows(grad[arriving]).mT, _rows(spikes[sent]), out=grad_kernel[delay])
        return grad_spikes, grad_kernel, None


def _steps(steps: int, delays: int, before: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield each delay, the currents that get spikes after it, counted from `before`, and the steps of these spikes."""
    for delay in range(min(delays, steps)):
        first = max(before, delay)
        yield delay, slice(first - before, None), slice(first - delay, steps - delay)


def _rows(values: Tensor) -> Tensor:
    """Return (step · recording, neuron) of (step, recording, neuron)."""
    return values.flatten(0, 1)


def _with_graph(spikes: Tensor, kernel: Tensor, grad: Tensor, ctx: Any) -> tuple[Tensor | None, Tensor | None, None]:
    """Return gradients that have gradients of their own, by the plain reference."""
    needed = ctx.needs_input_grad[:2]
    inputs = [one for one, need in zip((spikes, kernel), needed, strict=True) if need]
    results = iter(torch.autograd.grad(in_time(spikes, kernel)[ctx.before :], inputs, grad, create_graph=True))
    of_spikes, of_kernel = (next(results) if need else None for need in needed)
    return of_spikes, of_kernel, None
