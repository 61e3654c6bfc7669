"""Delays of neurons instead of synapses: every channel is filtered over time by a window of its own.

    y[t, b, i] = Σ_{d=0}^{D−1} window[d, i] · s[t − d, b, i]        s = 0 before t = 0

Axonal delays filter the spikes of a source before the weights, dendritic delays the current of a target behind them; so
a layer needs one matrix product and D multiplications per channel, where delays of synapses need a kernel of matrices.

A compiled loop does float32 and float64 on the CPU, a sum of shifted products in torch everything else.

    ∂L/∂s[t] = Σ_d window[d] · g[t + d]        ∂L/∂window[d] = Σ_t Σ_b g[t] · s[t − d]        g = ∂L/∂y

Shapes   s, y, g (time, batch, channel) · window (delay, channel), index 0 the same step
Units    delays in steps
"""

from typing import Any

import numpy as np
import torch
from numba import prange
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.threads import parallel, torch_threads

LANE = 64
"""Channels that a thread filters at once: their steps stay in the first cache while all delays are added."""


def filtered(spikes: Tensor, window: Tensor) -> Tensor:
    """Return every channel, filtered by its window.

    Args:
        spikes: Spikes or currents, (time, batch, channel).
        window: Weight of every delay, (delay, channel), in the dtype of the spikes.

    Raises:
        ValueError: If the shapes do not match, or there is no delay.
    """
    fits = spikes.ndim == 3 and window.ndim == 2 and spikes.shape[2] == window.shape[1] and len(window) > 0
    if not fits:
        raise ValueError(
            "filtered: spikes must be (time, batch, channel) and window (delay, channel), with one delay or more, "
            f"not {tuple(spikes.shape)} and {tuple(window.shape)}"
        )
    if spikes.device.type == "cpu" and spikes.dtype == window.dtype and spikes.dtype in (torch.float32, torch.float64):
        result: Tensor = _Filtered.apply(spikes, window)  # type: ignore[no-untyped-call]
        return result
    return by_shifts(spikes, window)


def by_shifts(spikes: Tensor, window: Tensor) -> Tensor:
    """Return the same as `filtered`, one delay after the other: the equation as it stands.

    Args:
        spikes: Spikes or currents (time, batch, channel).
        window: Weight of every delay (delay, channel), index 0 the same step.
    """
    total = spikes * window[0]
    for delay in range(1, min(len(window), len(spikes))):
        late = torch.cat([torch.zeros_like(spikes[:delay]), spikes[:-delay]])
        total = total + late * window[delay]
    return total


class _Filtered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spikes: Tensor, window: Tensor) -> Tensor:
        spikes, window = spikes.contiguous(), window.contiguous()
        ctx.save_for_backward(spikes, window)
        result = empty(spikes, *spikes.shape)
        with torch_threads():
            _filter(spikes.detach().numpy(), window.detach().numpy(), result.numpy(), False)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        spikes, window = ctx.saved_tensors
        grad, grad_spikes, grad_window = grad.contiguous(), None, None
        with torch_threads():
            if ctx.needs_input_grad[0]:
                grad_spikes = empty(grad, *grad.shape)
                _filter(grad.numpy(), window.detach().numpy(), grad_spikes.numpy(), True)
            if ctx.needs_input_grad[1]:
                grad_window = torch.zeros_like(window)
                _correlate(grad.numpy(), spikes.numpy(), grad_window.numpy())
        return grad_spikes, grad_window


@parallel()
def _filter(sequence: np.ndarray, window: np.ndarray, result: np.ndarray, backward: bool) -> None:
    steps, batch, channels = sequence.shape
    lanes = (channels + LANE - 1) // LANE
    for job in prange(batch * lanes):
        b, first = job // lanes, job % lanes * LANE
        last = min(first + LANE, channels)
        for t in range(steps):
            row = result[t, b, first:last]
            row[:] = 0
            count = min(len(window), steps - t if backward else t + 1)
            for d in range(count):
                late, weight = sequence[t + d if backward else t - d, b, first:last], window[d, first:last]
                for i in range(row.size):
                    row[i] += weight[i] * late[i]


@parallel()
def _correlate(grad: np.ndarray, sequence: np.ndarray, result: np.ndarray) -> None:
    steps, batch, channels = sequence.shape
    # a thread has whole channels, so that the sum over recordings has one order for any number of threads
    lanes = (channels + LANE - 1) // LANE
    for lane in prange(lanes):
        first = lane * LANE
        last = min(first + LANE, channels)
        for b in range(batch):
            for t in range(steps):
                error = grad[t, b, first:last]
                for d in range(min(len(result), t + 1)):
                    late, total = sequence[t - d, b, first:last], result[d, first:last]
                    for i in range(total.size):
                        total[i] += error[i] * late[i]


def after(spikes: Tensor, window: Tensor, *, steps: int) -> Tensor:
    """Return what spikes add to the filtered channels in the steps after them.

    Args:
        spikes: Spikes of the steps before, (time, batch, channel).
        window: Weight of every delay, (delay, channel), without a gradient.
        steps: Number of steps after the last of the spikes.

    Returns:
        The sums of `filtered`, (steps, batch, channel), over the given spikes alone.
    """
    if spikes.device.type == "cpu" and spikes.dtype == window.dtype and spikes.dtype in (torch.float32, torch.float64):
        result: Tensor = _After.apply(spikes, window, steps)  # type: ignore[no-untyped-call]
        return result
    silent = spikes.new_zeros(steps, *spikes.shape[1:])
    return by_shifts(torch.cat([spikes, silent]), window)[len(spikes) :]


class _After(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spikes: Tensor, window: Tensor, steps: int) -> Tensor:
        ctx.window, ctx.before = window.contiguous(), len(spikes)
        result = empty(spikes, steps, *spikes.shape[1:])
        with torch_threads():
            _tail(spikes.detach().contiguous().numpy(), ctx.window.numpy(), result.numpy(), False)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        grad_spikes = empty(grad, ctx.before, *grad.shape[1:])
        with torch_threads():
            _tail(grad.contiguous().numpy(), ctx.window.numpy(), grad_spikes.numpy(), True)
        return grad_spikes, None, None


@parallel()
def _tail(sequence: np.ndarray, window: np.ndarray, result: np.ndarray, backward: bool) -> None:
    """Set result[p] to the sum over q of window[n + p − q] · sequence[q], n spikes before; backward, its adjoint."""
    steps, batch, channels = result.shape
    lanes = (channels + LANE - 1) // LANE
    for job in prange(batch * lanes):
        b, first = job // lanes, job % lanes * LANE
        last = min(first + LANE, channels)
        for p in range(steps):
            row = result[p, b, first:last]
            row[:] = 0
            for q in range(len(sequence)):
                delay = steps - p + q if backward else len(sequence) + p - q
                if delay < len(window):
                    late, weight = sequence[q, b, first:last], window[delay, first:last]
                    for i in range(row.size):
                        row[i] += weight[i] * late[i]
