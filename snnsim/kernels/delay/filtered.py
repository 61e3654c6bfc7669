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
from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.prefetch import prefetch
from snnsim.kernels.common.threads import parallel, torch_threads
from snnsim.kernels.delay.filter_microkernel import VECTOR, Rows, filter_vectors

LANE, NARROW = 64, 32
"""Channels that are filtered at once, and of which a gradient is summed: their steps stay in the first cache."""
ROW, MEMORY = 1024, 2**17
"""Numbers of a step that a thread reads at once, and of a sequence that it keeps in the second cache."""
_four_vectors, _two_vectors, _vector = (filter_vectors(vectors, fused=False) for vectors in (4, 2, 1))


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
            grad_window = torch.empty_like(window)
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
    group = max(1, min(ROW // max(1, channels), MEMORY // max(1, len(sequence) * channels)))
    for_each(_filter_group, -(-batch // group), (group, sequence, window, result, after, backward))


@subroutine(cache=True, error_model="numpy")
def _filter_group(
    job: int, group: int, sequence: np.ndarray, window: np.ndarray, result: np.ndarray, after: bool, backward: bool
) -> None:
    """Set a few recordings, whose channels of a step lie side by side."""
    steps, batch, channels = result.shape
    start, delays, before = job * group, len(window), len(sequence)
    # delays grow with the products in all cases but one, whose products follow the steps
    forward_in_steps = after and not backward
    toward = 1 if after or backward else -1
    longer = -1 if forward_in_steps else 1
    lanes, stop = -(-channels // LANE), min(start + group, batch)
    late = np.zeros((stop - start) * lanes * before * LANE, sequence.dtype)
    weight, row = np.zeros(lanes * delays * LANE, sequence.dtype), np.empty(LANE, result.dtype)
    for d in range(delays):
        _set_lanes(window[d], d, delays, weight)
    for q in range(before):
        for b in range(start, stop):
            first = (b - start) * lanes * before * LANE
            _set_lanes(sequence[q, b], q, before, late[first : first + lanes * before * LANE])
    for p in range(steps):
        q, d, count = _first_terms(p, before, steps, delays, after, backward)
        for b in range(start, stop):
            for lane in range(lanes):
                one = Rows(weight, (lane * delays + d) * LANE, longer * LANE)
                other = Rows(late, (((b - start) * lanes + lane) * before + q) * LANE, toward * LANE)
                part = result[p, b, lane * LANE : min((lane + 1) * LANE, channels)]
                _sum_rows(one, other, count, False, row, -(-part.size // VECTOR) * VECTOR, 0)
                copy_row(row, part)


@subroutine(cache=True)
def _set_lanes(values: np.ndarray, step: int, steps: int, lanes: np.ndarray) -> None:
    """Copy the channels of a step into lanes of LANE channels, in each of which the steps follow one another."""
    for first in range(0, values.size, LANE):
        part = values[first : first + LANE]
        begin = first * steps + step * LANE
        copy_row(part, lanes[begin : begin + part.size])


@subroutine(cache=True)
def _columns(rows: np.ndarray, width: int) -> np.ndarray:
    """Return a copy of a few columns in which rows of a width follow one another, with a margin of 0."""
    values = np.zeros(len(rows) * width, rows.dtype)
    for step in range(len(rows)):
        copy_row(rows[step], values[step * width : step * width + rows.shape[1]])
    return values


@subroutine(cache=True)
def _sum_rows(
    one: Rows, other: Rows, rows: int, added: bool, total: np.ndarray, width: int, start: int
) -> None:  # fmt: skip
    """Set or add to a row of `total` of a width in whole vectors, which begins at a number."""
    channel = 0
    while channel < width:
        a = Rows(one.values, one.first + channel, one.row)
        b, index = Rows(other.values, other.first + channel, other.row), start + channel
        if width - channel >= 4 * VECTOR:
            _four_vectors(a, b, rows, added, total, index)
            channel += 4 * VECTOR
        elif width - channel >= 2 * VECTOR:
            _two_vectors(a, b, rows, added, total, index)
            channel += 2 * VECTOR
        else:
            _vector(a, b, rows, added, total, index)
            channel += VECTOR


@parallel()
def _correlate(grad: np.ndarray, sequence: np.ndarray, result: np.ndarray) -> None:
    # a thread has complete channels, so that the sum over recordings has one order for any number of threads
    lanes = (sequence.shape[2] + NARROW - 1) // NARROW
    for_each(_correlate_lane, lanes, (grad, sequence, result))


@subroutine(cache=True)
def _correlate_lane(lane: int, grad: np.ndarray, sequence: np.ndarray, result: np.ndarray) -> None:
    steps, batch, channels = sequence.shape
    first = lane * NARROW
    last = min(first + NARROW, channels)
    width = -(-(last - first) // VECTOR) * VECTOR
    totals = np.zeros(len(result) * width, result.dtype)
    for b in range(batch):
        if b + 1 < batch:
            for t in range(steps):
                prefetch(grad[t, b + 1, first:last])
                prefetch(sequence[t, b + 1, first:last])
        error, late = _columns(grad[:, b, first:last], width), _columns(sequence[:, b, first:last], width)
        for d in range(min(len(result), steps)):
            _sum_rows(Rows(error, d * width, width), Rows(late, 0, width), steps - d, True, totals, width, d * width)
    for d in range(len(result)):
        copy_row(totals[d * width :], result[d, first:last])


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
