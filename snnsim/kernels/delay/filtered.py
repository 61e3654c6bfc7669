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
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
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


def gradients(
    grad: Tensor, spikes: Tensor, window: Tensor, *, needed: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of spikes and window of `filtered`, by the compiled loops of the CPU.

    Args:
        grad: The gradient of the result, (time, batch, channel), without gaps.
        spikes: The spikes, (time, batch, channel), without gaps.
        window: The window, (delay, channel), without gaps.
        needed: Whether each of the two is needed; None stands for one that is not.
    """
    grad_spikes = grad_window = None
    with torch_threads():
        if needed[0]:
            grad_spikes = empty(grad, *grad.shape)
            _filter(grad.numpy(), window.detach().numpy(), grad_spikes.numpy(), False, True)
        if needed[1]:
            grad_window = torch.zeros_like(window)
            _correlate(grad.numpy(), spikes.detach().numpy(), grad_window.numpy())
    return grad_spikes, grad_window


class _Filtered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spikes: Tensor, window: Tensor) -> Tensor:
        spikes, window = spikes.contiguous(), window.contiguous()
        ctx.save_for_backward(spikes, window)
        result = empty(spikes, *spikes.shape)
        with torch_threads():
            _filter(spikes.detach().numpy(), window.detach().numpy(), result.numpy(), False, False)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        spikes, window = ctx.saved_tensors
        needed = ctx.needs_input_grad[:2]
        return gradients(grad.contiguous(), spikes, window.detach(), needed=needed)


@subroutine(nogil=True, cache=True)
def _first_terms(p: int, before: int, steps: int, delays: int, after: bool, backward: bool) -> tuple[int, int, int]:
    """Return step and delay of the first product that step p of a result sums, and the number of products.

    Args:
        p: The step of the result.
        before: Steps of the sequence.
        steps: Steps of the result.
        delays: Steps of the window.
        after: Whether the result lies behind the sequence, or the sequence behind the result in the backward pass.
        backward: Whether delays lead back.
    """
    if not after:
        return p, 0, min(delays, steps - p if backward else p + 1)
    if backward:
        return 0, steps - p, min(before, delays - (steps - p))
    first = max(0, before + p - delays + 1)
    return first, before + p - first, before - first


@parallel()
def _filter(sequence: np.ndarray, window: np.ndarray, result: np.ndarray, after: bool, backward: bool) -> None:
    """Set result[p] to a sum of window[d] · sequence[q], forward with d = p − q, backward with d = q − p.

    The steps of `after` are those behind the sequence: d = n + p − q with n steps of the sequence, and its adjoint.
    """
    _, batch, channels = result.shape
    lanes = (channels + LANE - 1) // LANE
    for_each(_filter_lane, batch * lanes, (sequence, window, result, after, backward))


@subroutine(cache=True, error_model="numpy")
def _filter_lane(
    job: int, sequence: np.ndarray, window: np.ndarray, result: np.ndarray, after: bool, backward: bool
) -> None:
    """Set a few channels of a recording."""
    steps, _, channels = result.shape
    lanes = (channels + LANE - 1) // LANE
    # delays grow with the products in all cases but one, whose products follow the steps
    forward_in_steps = after and not backward
    toward = 1 if after or backward else -1
    longer = -1 if forward_in_steps else 1
    b, first = job // lanes, job % lanes * LANE
    last = min(first + LANE, channels)
    for p in range(steps):
        row = result[p, b, first:last]
        row[:] = 0
        q, d, count = _first_terms(p, len(sequence), steps, len(window), after, backward)
        for k in range(count):
            late, weight = sequence[q + toward * k, b, first:last], window[d + longer * k, first:last]
            for i in range(row.size):
                row[i] += weight[i] * late[i]


@parallel()
def _correlate(grad: np.ndarray, sequence: np.ndarray, result: np.ndarray) -> None:
    # a thread has complete channels, so that the sum over recordings has one order for any number of threads
    lanes = (sequence.shape[2] + LANE - 1) // LANE
    for_each(_correlate_lane, lanes, (grad, sequence, result))


@subroutine(cache=True)
def _correlate_lane(lane: int, grad: np.ndarray, sequence: np.ndarray, result: np.ndarray) -> None:
    steps, batch, channels = sequence.shape
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
            _filter(spikes.detach().contiguous().numpy(), ctx.window.numpy(), result.numpy(), True, False)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        grad_spikes = empty(grad, ctx.before, *grad.shape[1:])
        with torch_threads():
            _filter(grad.contiguous().numpy(), ctx.window.numpy(), grad_spikes.numpy(), True, True)
        return grad_spikes, None, None
