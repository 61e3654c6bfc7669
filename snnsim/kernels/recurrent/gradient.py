"""Gradients of recurrent kernels: correlations of the errors of currents with the spikes, which need no loop.

    ∂L/∂kernel[d − 1, j, i] = Σ_t Σ_b e[t, b, j] · s[t − d, b, i]        e = ∂L/∂I

Once the errors of all steps are known, the gradient is that of a feed-forward connection whose input are the spikes one
step later. So the loop itself carries no gradient of the kernel, and `attached` adds it where the errors come together.

Shapes   current, e (time, batch, target) · s (time, batch, source)
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.delay.bitpack import packed
from snnsim.kernels.delay.overlap_save import Spread, gradients


class _Attached(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, current: Tensor, spikes: list[Tensor], spread: Spread, delays: int, *parameters: Tensor):
        ctx.spikes, ctx.spread, ctx.delays = spikes, spread, delays
        ctx.save_for_backward(*parameters)
        return current.view_as(current)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        parameters, needed = ctx.saved_tensors, ctx.needs_input_grad[4:]
        grads: Sequence[Tensor | None] = [None] * len(parameters)
        if any(needed) and len(grad) > 1:
            sent = packed(torch.stack(ctx.spikes[: len(grad) - 1]))
            grads = gradients(
                grad[1:], sent, ctx.spread, parameters, delays=ctx.delays, before=0, needed=(False, *needed)
            )[1:]
        return grad, None, None, None, *grads


def attached(
    current: Tensor, spikes: list[Tensor], spread: Spread, parameters: tuple[Tensor, ...], *, delays: int
) -> Tensor:
    """Return the current, whose backward pass gives the gradient of a recurrent kernel.

    Args:
        current: The current of all steps without the recurrent one, (time, batch, target).
        spikes: A list that holds the spikes (batch, source) of every step by the time of the backward pass.
        spread: The function that makes the kernel (delay, target, source) from its parameters.
        parameters: Tensors of the kernel, (target, source, ...), or () where all connections share one.
        delays: Number of delays of the kernel; its index 0 is a delay of one step.
    """
    result: Tensor = _Attached.apply(current, spikes, spread, delays, *parameters)
    return result
