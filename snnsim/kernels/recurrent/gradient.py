"""Gradients of recurrent connections: correlations of the errors of currents with the spikes, which need no loop.

    ∂L/∂kernel[d − 1, j, i] = Σ_t Σ_b e[t, b, j] · s[t − d, b, i]        e = ∂L/∂I

Once the errors of all steps are known, the gradient is that of a feed-forward connection whose input are the spikes one
step later. So the loop itself carries no gradient of the weights and delays, and `attached` adds it where the errors
come together.

Shapes   current, e (time, batch, target) · s (time, batch, source)
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.delay import filtered
from snnsim.kernels.delay.bitpack import packed
from snnsim.kernels.delay.overlap_save import KernelFunction, gradients

Gradient = Callable[[Tensor, Tensor, Sequence[Tensor], Sequence[bool]], Sequence[Tensor | None]]
"""Function from spikes, errors, parameters and which of these need a gradient to the gradients of the parameters."""


class Fired(NamedTuple):
    """Spikes of a layer for its backward pass, without a graph, in the memory that the layer returns."""

    spikes: Tensor
    """(time, batch, source)."""
    version: int
    """Number of their changes in place, as torch counts them."""

    @classmethod
    def of(cls, spikes: Tensor) -> Self:
        """Return spikes that stay as they are until the backward pass.

        Args:
            spikes: The spikes, (time, batch, source).
        """
        return cls(spikes.detach(), 0 if spikes.is_inference() else spikes._version)

    def unchanged(self) -> Tensor:
        """Return the spikes.

        Raises:
            RuntimeError: If they were changed in place.
        """
        if self.spikes._version != self.version:
            raise RuntimeError(
                "Recurrence: spikes that a recurrent layer returns must stay as they are until the backward pass, "
                "which needs them, but were changed in place; change a copy, such as spikes.clone()"
            )
        return self.spikes


class _Attached(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, current: Tensor, spikes: list[Fired], mask: Tensor | None, gradient: Gradient, *parameters: Tensor
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
        if any(needed) and len(grad) > 1 and grad.numel() > 0:
            error, spikes = grad[1:] if ctx.mask is None else grad[1:] * ctx.mask, ctx.spikes[0].unchanged()
            grads = ctx.gradient(spikes[: len(grad) - 1], error, parameters, needed)
        return grad, None, None, None, *grads


def attached(
    current: Tensor, spikes: list[Fired], parameters: Sequence[Tensor], gradient: Gradient, *, mask: Tensor | None
) -> Tensor:
    """Return the current, whose backward pass gives the gradient of a recurrent connection.

    Args:
        current: The current of all steps without the recurrent one, (time, batch, target).
        spikes: A list that holds the spikes by the backward pass.
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


def of_windows(windows_of: Callable[..., Sequence[Tensor]], *, axonal: bool) -> Gradient:
    """Return the gradient of axonal or dendritic delays, by the compiled filters of the CPU.

        axonal      ∂L/∂w = Σ_t e[t] y[t]ᵀ, y the filtered spikes        ∂L/∂window from wᵀ e and the spikes
        dendritic   ∂L/∂w = Σ_t g[t] s[t]ᵀ, g the errors filtered back   ∂L/∂window from e and w s

    Args:
        windows_of: The function from delays and widths to the window of every tap, (delay, channel); its index 0 is a
            delay of one step. The parameters are weights (target, source, tap), delays and widths.
        axonal: Whether the windows are those of sources; otherwise those of targets.
    """

    def gradient(
        spikes: Tensor, error: Tensor, parameters: Sequence[Tensor], needed: Sequence[bool]
    ) -> Sequence[Tensor | None]:
        weight, *timing = (one.detach() for one in parameters)
        back: Tensor | None
        leaves = [one.requires_grad_(need) for one, need in zip(timing, needed[1:], strict=True)]
        with torch.enable_grad():
            windows = windows_of(*leaves)
        sent, error, of_weight, of_windows = spikes.contiguous(), error.contiguous(), [], []
        timed = any(needed[1:])
        for tap, window in enumerate(one.detach().contiguous() for one in windows):
            matrix = weight[..., tap]
            if axonal:
                late, back = filtered.filtered(sent, window), error
                grad = filtered.gradients(error @ matrix, sent, window, needed=(False, timed))[1] if timed else None
            else:
                late, before = sent, sent @ matrix.mT if timed else sent
                back, grad = filtered.gradients(error, before, window, needed=(True, timed))
            of_weight.append(cast(Tensor, back).flatten(0, 1).mT @ late.flatten(0, 1))
            of_windows.append(grad)
        results = iter(
            torch.autograd.grad(windows, [one for one in leaves if one.requires_grad], of_windows) if timed else ()
        )
        grads = (next(results) if need else None for need in needed[1:])
        return [torch.stack(of_weight, -1) if needed[0] else None, *grads]

    return gradient
