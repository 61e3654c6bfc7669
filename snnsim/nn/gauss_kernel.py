"""The Gaussian window with its own gradients: the numbers of delay_windows.py, in less memory.

    A[k] = exp(−((k − d) / σ)² / 2)      P = A / (Σ A + 1e-7)      kernel[k] = Σ_taps w P[k]

    with q = w · ∂L/∂kernel  and  r[k] = P[k] (q[k] − Σ_k q P)
    ∂L/∂w = Σ_k P ∂L/∂kernel      ∂L/∂d = Σ_k r (k − d) / σ²      ∂L/∂σ = Σ_k r (k − d)² / σ³

The backward pass computes P again, on the CPU one row at a time, so none of it is kept in between.

Shapes   w, d (target, source, tap) · σ any shape that broadcasts to these · kernel (delay, target, source)
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.delay import gauss_window
from snnsim.kernels.delay.gauss_window import LEAST, MASS

__all__ = ["MASS", "GaussKernel"]


class GaussKernel(torch.autograd.Function):
    """The kernel of all connections, as a function of weight, delay, σ and the longest delay."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, delay: Tensor, sigma: Tensor, max_delay: int) -> Tensor:
        """Return the kernel (delay, target, source).

        Args:
            ctx: Context of the backward pass.
            weight: Weights (target, source, tap).
            delay: Delays in steps, (target, source, tap).
            sigma: Widths in steps, broadcast to these.
            max_delay: The longest delay in steps.
        """
        ctx.save_for_backward(weight, delay, sigma)
        if gauss_window.supports(weight, delay, sigma):
            return gauss_window.forward(weight, delay, sigma, max_delay + 1)
        return _over_taps(_window(delay, sigma, max_delay + 1), weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Return the gradients of weight, delay and σ, and None for the longest delay.

        Args:
            ctx: Context of the backward pass.
            grad: Gradient of the kernel, (delay, target, source).
        """
        weight, delay, sigma = ctx.saved_tensors
        backward = gauss_window.backward if gauss_window.supports(grad, weight, delay, sigma) else _back
        grad_weight, grad_delay, grad_sigma = backward(grad, weight, delay, sigma)
        return grad_weight, grad_delay, grad_sigma.sum_to_size(sigma.shape), None


def _back(grad: Tensor, weight: Tensor, delay: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    window = _window(delay, sigma, len(grad))
    weighted = grad[..., None] * window
    grad_weight = weighted.sum(0)
    # P (q − Σ q P), where Σ q P is the weight's gradient times the weight
    pull = weighted.mul_(weight).addcmul_(window, grad_weight * weight, value=-1)
    distance = _steps(delay, len(window)) - delay
    grad_delay = pull.mul_(distance).sum(0) / sigma**2
    return grad_weight, grad_delay, pull.mul_(distance).sum(0) / sigma**3


def _steps(delay: Tensor, number: int) -> Tensor:
    return torch.arange(number, dtype=delay.dtype, device=delay.device).view(-1, 1, 1, 1)


def _window(delay: Tensor, sigma: Tensor, number: int) -> Tensor:
    """Return P, (delay, target, source, tap)."""
    window = _steps(delay, number) - delay
    window = window.div_(sigma).square_().mul_(-0.5).clamp_(min=LEAST).exp_()
    return window.div_(window.sum(0, keepdim=True).add_(MASS))


def _over_taps(window: Tensor, weight: Tensor) -> Tensor:
    if weight.shape[-1] == 1:
        return window[..., 0] * weight[..., 0]
    return (window * weight).sum(-1)
