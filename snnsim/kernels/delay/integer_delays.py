"""Currents of connections with integer delays, summed in one order, so that equal networks spike equally.

    I[t, b, j] = Σ_k w[k] · s[t − d[k], b, i[k]]      over the synapses k of target j, s = 0 before t = 0

The sum starts at 0 and adds one product after the other, each of them rounded: the longest delay first, so that spikes
are added in the order in which they were fired; then by source; then by tap. The engines of a Program add in the same
order, so all give the same number to the last bit, for any batch, chunk of time and number of threads. A membrane that
reaches its threshold exactly then does so everywhere; a Fourier transform would leave it one rounding below.

Gradients are those of the dense kernels, or of filters where neurons share a delay, in the fastest order, as no
threshold is compared with them. A rounded delay has no gradient.

    numba      the CPU, float32 and float64: cpu_integer_delays.py
    in_order   torch's own operations, for everything else; in a precision below float32, sums are float32

Shapes   spikes (time, batch, source) · weight, delay (target, source, tap) · current (time, batch, target)
Units    delay in steps
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from snnsim.kernels.common import dispatch
from snnsim.kernels.common.gates import eager
from snnsim.kernels.delay import cpu_integer_delays, overlap_save
from snnsim.kernels.delay.bitpack import Packed, packed
from snnsim.kernels.delay.currents import in_frequency
from snnsim.kernels.delay.direct import are_few, direct_current, in_time
from snnsim.kernels.delay.shared_delays import integer_windows, shared_current, shared_side


@eager
def integer_current(
    spikes: Tensor,
    weight: Tensor,
    delay: Tensor,
    *,
    delays: int,
    before: int = 0,
) -> Tensor:
    """Return the currents of connections with integer delays.

    Args:
        spikes: The spikes of the sources, (time, batch, source).
        weight: Weights, (target, source, tap).
        delay: Delays in steps, (target, source, tap), integers from 0 to delays - 1.
        delays: The number of delays: the longest is one less.
        before: Context steps of the spikes in front of the currents.

    Returns:
        Currents (time - before, batch, target) in the dtype of the spikes.

    Raises:
        TypeError: If delays are not integers.
        ValueError: If the shapes do not match, or a delay is outside of its range.
    """
    check_spikes(spikes, weight, before)
    check_delays(weight, delay, delays)
    # earlier steps reach no current; the gradients' pieces of time have no place for them
    reach = max(0, min(before, delays - 1))
    spikes, before = spikes[before - reach :], reach
    if not torch.is_grad_enabled():
        # or else spikes would be saved for a backward pass
        spikes, weight = spikes.detach(), weight.detach()
    arguments = spikes, weight, delay, delays, before
    current: Tensor = _IntegerCurrent.apply(*arguments)  # type: ignore[no-untyped-call]
    return current


def check_spikes(spikes: Tensor, weight: Tensor, before: int) -> None:
    """Check that spikes fit the weights of a layer.

    Args:
        spikes: Spikes of the sources, (time, batch, source).
        weight: Weights, (target, source, tap).
        before: Context steps of the spikes in front of the currents.

    Raises:
        ValueError: If the shapes do not match, or there are fewer steps than those of the context.
    """
    if spikes.ndim != 3 or weight.ndim != 3 or spikes.shape[2] != weight.shape[1]:
        raise ValueError(
            "integer_current: spikes must be (time, batch, source) and weight (target, source, tap), not "
            f"{tuple(spikes.shape)} and {tuple(weight.shape)}"
        )
    if not 0 <= before <= len(spikes):
        raise ValueError(f"integer_current: before must be from 0 to the {len(spikes)} steps there are, not {before}")


def check_delays(weight: Tensor, delay: Tensor, delays: int) -> None:
    """Check that delays fit the weights of a layer.

    Args:
        weight: Weights, (target, source, tap).
        delay: Delays in steps, of the same shape.
        delays: Number of delays: the longest is one less.

    Raises:
        TypeError: If delays are not integers.
        ValueError: If the shapes do not match, or a delay is outside of its range.
    """
    if weight.shape != delay.shape:
        raise ValueError(
            "integer_current: weight and delay must be (target, source, tap), not "
            f"{tuple(weight.shape)} and {tuple(delay.shape)}"
        )
    if delay.is_floating_point() or delay.is_complex() or delay.dtype == torch.bool:
        raise TypeError(f"integer_current: delays must be integers, not {delay.dtype}; round them")
    if delay.numel() and not 0 <= int(delay.min()) <= int(delay.max()) < delays:
        raise ValueError(
            f"integer_current: delays must be from 0 to {delays - 1}, not {int(delay.min())} to {int(delay.max())}"
        )


def dense_kernel(weight: Tensor, delay: Tensor, delays: int) -> Tensor:
    """Return the kernel (delay, target, source) of connections with integer delays.

    Args:
        weight: Weights (target, source, tap).
        delay: Integer delays in steps (target, source, tap), from 0 to `delays` - 1; taps of equal delays add up.
        delays: Number of delays of the kernel, the longest delay and 1.
    """
    step = torch.arange(delays, device=delay.device).view(-1, 1, 1, 1)
    return torch.where(step == delay, weight, 0).sum(-1)


class _IntegerCurrent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spikes: Tensor, weight: Tensor, delay: Tensor, delays: int, before: int) -> Tensor:
        if any(ctx.needs_input_grad):
            saved = packed(spikes)
            ctx.save_for_backward(saved.planes, saved.scale, weight, delay)
            ctx.delays, ctx.before, ctx.shape, ctx.counted = delays, before, saved.shape, saved.counted
        if spikes.shape[1] == 0 or len(spikes) == before:
            return spikes.new_zeros(len(spikes) - before, spikes.shape[1], len(weight))
        if dispatch.of_integer_delays(spikes, weight) == "numba":
            return cpu_integer_delays.current(spikes, weight, delay, before=before)
        return in_order(spikes, weight, delay)[before:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        planes, scale, weight, delay = ctx.saved_tensors
        spikes, needed = Packed(planes, scale, ctx.shape, ctx.counted), ctx.needs_input_grad[:2]
        if grad.numel() == 0:
            zeros = (grad.new_zeros(ctx.shape), torch.zeros_like(weight))
            return *(zero if need else None for zero, need in zip(zeros, needed, strict=True)), None, None, None
        few = are_few(grad, delays=ctx.delays, synapses=math.prod(weight.shape[:2]))
        form = dispatch.of_current(grad, delays=ctx.delays, few=few)
        if form == "overlap_save" and shared_side(delay) is None:

            def kernel_of(weight: Tensor, delay: Tensor) -> Tensor:
                return dense_kernel(weight, delay, ctx.delays)

            grads = overlap_save.gradients(
                grad, spikes, kernel_of, (weight, delay), delays=ctx.delays, before=ctx.before, needed=(*needed, False)
            )
            return *grads[:2], None, None, None
        leaves = (spikes.restored(grad.dtype).requires_grad_(needed[0]), weight.detach().requires_grad_(needed[1]))
        with torch.enable_grad():
            current = _differentiable(*leaves, delay, ctx.delays, form)[ctx.before :]
        inputs = [leaf for leaf, need in zip(leaves, needed, strict=True) if need]
        results = iter(torch.autograd.grad(current, inputs, grad))
        return *(next(results) if need else None for need in needed), None, None, None


_DENSE = {"fft": in_frequency, "direct": direct_current}


def _differentiable(spikes: Tensor, weight: Tensor, delay: Tensor, delays: int, form: str) -> Tensor:
    """Return the currents by operations that have gradients, in the fastest order."""
    side = shared_side(delay)
    if side is not None:
        axonal = side == "axonal"
        windows = integer_windows(delay, delays, axonal=axonal, dtype=spikes.dtype)
        return shared_current(spikes, weight.to(spikes.dtype), windows, axonal=axonal)
    dense = dense_kernel(weight, delay, delays).to(spikes.dtype)
    if delays == 1:
        return spikes @ dense[0].mT
    return _DENSE.get(form, in_time)(spikes, dense)


def in_order(spikes: Tensor, weight: Tensor, delay: Tensor) -> Tensor:
    """Return the currents (time, batch, target) by torch's own operations, one synapse of every target at a time.

    Args:
        spikes: The spikes (time, batch, source).
        weight: Weights (target, source, tap).
        delay: Integer delays in steps, at least 0 (target, source, tap).
    """
    kind = torch.promote_types(spikes.dtype, torch.float32)
    targets, sources, taps = weight.shape
    longest = int(delay.max()) if delay.numel() else 0
    padded = functional.pad(spikes.detach().to(kind), (0, 0, 0, 0, longest, 0))
    late, rank = (longest - delay.reshape(targets, -1)).sort(dim=1, stable=True)
    weights = weight.detach().reshape(targets, -1).gather(1, rank).to(kind)
    step = torch.arange(len(spikes), device=spikes.device)[:, None]
    current = spikes.new_zeros(len(spikes), targets, spikes.shape[1], dtype=kind)
    for k in range(sources * taps):
        arriving = padded[step + late[:, k], :, (rank[:, k] // taps)[None].expand(len(spikes), -1)]
        # a product and a sum round twice, as in every form; addcmul may round once
        current += weights[:, k, None] * arriving
    return current.permute(0, 2, 1).to(spikes.dtype)
