"""Gradients of recurrent connections: correlations of the errors of currents with the spikes, which need no loop.

    ∂L/∂kernel[d − 1, j, i] = Σ_t Σ_b e[t, b, j] · s[t − d, b, i]        e = ∂L/∂I

Once the errors of all steps are known, the gradient is that of a feed-forward connection whose input are the spikes one
step later. So the loop itself carries no gradient of the weights and delays, and `attached` adds it where the errors
come together.

Shapes   current, e (time, batch, target) · s (time, batch, source)
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.delay.bitpack import packed
from snnsim.kernels.delay.overlap_save import KernelFunction, gradients

Gradient = Callable[[Tensor, Tensor, Sequence[Tensor], Sequence[bool]], Sequence[Tensor | None]]
"""Function from spikes, errors, parameters and which of these need a gradient to the gradients of the parameters."""


class _Attached(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, current: Tensor, spikes: list[Tensor], mask: Tensor | None, gradient: Gradient, *parameters: Tensor
    ) -> Tensor:
        # `spikes` is filled after this call; it holds no graph, so that no cycle keeps the graph alive
        ctx.spikes, ctx.mask, ctx.gradient = spikes, mask, gradient
        ctx.save_for_backward(*parameters)
        return current.view_as(current)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        parameters, needed = ctx.saved_tensors, ctx.needs_input_grad[4:]
        grads: Sequence[Tensor | None] = [None] * len(parameters)
        if any(needed) and len(grad) > 1:
            error = grad[1:] if ctx.mask is None else grad[1:] * ctx.mask
            grads = ctx.gradient(ctx.spikes[0][: len(grad) - 1], error, parameters, needed)
        return grad, None, None, None, *grads


def attached(
    current: Tensor, spikes: list[Tensor], parameters: Sequence[Tensor], gradient: Gradient, *, mask: Tensor | None
) -> Tensor:
    """Return the current, whose backward pass gives the gradient of a recurrent connection.

    Args:
        current: The current of all steps without the recurrent one, (time, batch, target).
        spikes: A list that holds the spikes (time, batch, source), without a graph, by the backward pass.
        parameters: The parameters of the connection.
        gradient: Function that computes their gradients, such as `of_kernel(...)` or `by_autograd(...)`.
        mask: Factors of the recurrent current, (batch, target), or None.
    """
    result: Tensor = _Attached.apply(  # type: ignore[no-untyped-call]
        current, spikes, mask, gradient, *parameters
    )
    return result


def of_kernel(kernel_of: KernelFunction, *, delays: int) -> Gradient:
    """Return the gradient of a kernel over delays, by the compiled correlations of the CPU.

    Args:
        kernel_of: The function that makes the kernel (delay, target, source) from its parameters.
        delays: Number of delays of the kernel; its index 0 is a delay of one step.
    """

    def gradient(
        spikes: Tensor, error: Tensor, parameters: Sequence[Tensor], needed: Sequence[bool]
    ) -> Sequence[Tensor | None]:
        wanted = (False, *needed)
        return gradients(error, packed(spikes), kernel_of, parameters, delays=delays, before=0, needed=wanted)[1:]

    return gradient


def by_autograd(function: Callable[..., Tensor]) -> Gradient:
    """Return the gradient of any connection, by computing its currents once more.

    Args:
        function: Function from spikes (time, batch, source) and the parameters to currents (time, batch, target).
    """

    def gradient(
        spikes: Tensor, error: Tensor, parameters: Sequence[Tensor], needed: Sequence[bool]
    ) -> Sequence[Tensor | None]:
        leaves = [parameter.detach().requires_grad_(need) for parameter, need in zip(parameters, needed, strict=True)]
        with torch.enable_grad():
            current = function(spikes, *leaves)
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        results = iter(torch.autograd.grad(current, wanted, error, allow_unused=True))
        return [next(results) if need else None for need in needed]

    return gradient
