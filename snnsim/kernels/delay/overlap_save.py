"""Delayed currents on the CPU by overlap-save: compiled transforms, and a piece of the network at a time.

Time is cut into windows of L points. Their spectra are multiplied with those of the kernels, three real products for a
complex one. No scratch memory is as large as the spectra of all spikes or of all kernels; the kernels, too, are
computed from their parameters piece by piece. The backward pass needs the spikes, which are saved in a bit each.

Shapes   as in currents.py · rows: (window, lane), a lane is a recording · columns: sources or targets
Names    L points of a window
Source   overlap-save and overlap-add: Oppenheim & Schafer, Discrete-Time Signal Processing, §8.7
Differs  memory: T · B · I bits of saved spikes; scratch memory of up to PIECE bytes for spectra of spikes (LITTLE where
         the process is set to use little memory), and about as much again for kernels and products
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.threads import torch_threads
from snnsim.kernels.delay.bitpack import Packed, packed
from snnsim.kernels.delay.pieces import Pieces
from snnsim.kernels.delay.windowed_fft import Span

KernelFunction = Callable[..., Tensor]
"""From parameters (target, source, ...) to kernels (delay, target, source), of any part of the connections."""


class OverlapSave(torch.autograd.Function):
    """Delayed currents: forward by pieces of the targets, backward by pieces of the sources."""

    @staticmethod
    def forward(
        ctx: Any, spikes: Tensor, kernel_of: KernelFunction, delays: int, before: int, *parameters: Tensor
    ) -> Tensor:
        """Return the currents.

        Args:
            ctx: The context of the backward pass.
            spikes: The spikes (time, batch, source).
            kernel_of: The function from parameters to kernels.
            delays: The number of delays of a kernel.
            before: The context steps in front of the currents.
            *parameters: The parameters of the kernels, (target, source, ...).
        """
        spikes = spikes.contiguous()
        steps, batch, sources = spikes.shape
        current = empty(spikes, steps - before, batch, len(parameters[0]))
        if any(ctx.needs_input_grad):
            saved = packed(spikes)
            ctx.save_for_backward(saved.planes, saved.scale, *parameters)
            ctx.kernel_of, ctx.delays, ctx.before = kernel_of, delays, before
            ctx.shape, ctx.counted = saved.shape, saved.counted
        pieces = Pieces(current, min(delays, steps), columns=sources, before=before)
        # columns lie side by side in a product; here they are the targets: kernels (delay, source, target)
        transposed = [one.transpose(0, 1).contiguous() if one.ndim else one for one in parameters]
        with torch_threads():
            for group, targets in pieces.groups(current.shape[2]):
                response = pieces.response(kernel_of(*(narrowed(one, 1, targets) for one in transposed)))
                for rows in group:
                    signal = pieces.spectrum(spikes, rows)
                    product = pieces.product(signal, response, (rows.size, sources, targets.size))
                    pieces.set_current(current, product, rows, targets)
        return current

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments of `forward`; None for those that are no tensors.

        Args:
            ctx: Context of the backward pass, with the packed spikes and the parameters.
            grad: Gradient of the current (time, batch, target).
        """
        planes, scale, *parameters = ctx.saved_tensors
        spikes = Packed(planes, scale, ctx.shape, ctx.counted)
        needed = ctx.needs_input_grad[0], *ctx.needs_input_grad[4:]
        grads = gradients(grad, spikes, ctx.kernel_of, parameters, delays=ctx.delays, before=ctx.before, needed=needed)
        return grads[0], None, None, None, *grads[1:]


def gradients(
    grad: Tensor,
    spikes: Packed,
    kernel_of: KernelFunction,
    parameters: Sequence[Tensor],
    *,
    delays: int,
    before: int,
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """Return the gradients of the spikes and of the parameters of kernels.

    Args:
        grad: The gradient of the currents, (time - before, batch, target).
        spikes: The spikes (time, batch, source).
        kernel_of: The function from parameters to kernels.
        parameters: The parameters of the kernels, (target, source, ...).
        delays: The number of delays of a kernel.
        before: The context steps in front of the currents.
        needed: Whether each gradient is needed, that of the spikes first.

    Returns:
        The gradients, that of the spikes first; None for those that are not needed, and for parameters on which a
        kernel does not depend.
    """
    counts, grad, targets = spikes.counts(), grad.contiguous(), grad.shape[2]
    grad_spikes = empty(grad, *counts.shape) if needed[0] else None
    grads = [torch.zeros_like(one) if need else None for one, need in zip(parameters, needed[1:], strict=True)]
    pieces = Pieces(grad, min(delays, len(counts)), columns=targets, before=before)
    with torch_threads():
        for group, sources in pieces.groups(counts.shape[2]):
            leaves = [narrowed(parameter, 1, sources).detach() for parameter in parameters]
            with torch.enable_grad():
                kernel = kernel_of(*map(torch.Tensor.requires_grad_, leaves, needed[1:]))
            if grad_spikes is not None:
                response = pieces.response(kernel.detach())
                for rows in group:
                    error = pieces.spectrum(grad, rows, late=True)
                    product = pieces.product(error, response, (rows.size, targets, sources.size), conjugate=True)
                    pieces.add_spike_gradient(grad_spikes, product, rows, sources)
            if any(needed[1:]):
                # the spectra of the kernels' gradient replace the responses
                for rows in group:
                    error = pieces.spectrum(grad, rows, late=True)
                    signal = pieces.count_spectrum(counts, float(spikes.scale), rows, sources)
                    pieces.add_kernel_gradient(error, signal, rows, sources, first=rows == group[0])
                add_gradients(grads, kernel, leaves, pieces.kernel_gradient(sources, delays), sources)
            # its memory is free before the next kernel is computed
            del kernel
    return [grad_spikes, *grads]


def narrowed(parameter: Tensor, axis: int, span: Span) -> Tensor:
    """Return the part of a parameter for a span of targets or sources; all of a parameter that all of them share.

    Args:
        parameter: The parameter, (target, source, ...), its transpose, or ().
        axis: The axis of the span.
        span: The span.
    """
    return parameter.narrow(axis, span.start, span.size) if parameter.ndim else parameter


def add_gradients(
    grads: list[Tensor | None], kernel: Tensor, leaves: list[Tensor], grad: Tensor, sources: Span
) -> None:
    """Add the gradients of a kernel's parameters, for the gradient of the kernel.

    Args:
        grads: The gradients, (target, source, ...) each; None for those that are not needed.
        kernel: The kernel (delay, target, source) of a span of sources, with its graph.
        leaves: The parameters from which it was computed.
        grad: The gradient of the kernel.
        sources: The span of sources.
    """
    needed = [index for index, total in enumerate(grads) if total is not None]
    results = torch.autograd.grad(kernel, [leaves[index] for index in needed], grad, allow_unused=True)
    for index, result in zip(needed, results, strict=True):
        total = grads[index]
        if result is None or total is None:
            # a rounded delay has no slope
            grads[index] = None
        else:
            narrowed(total, 1, sources).add_(result)
