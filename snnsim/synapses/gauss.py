"""The Gaussian window with its own gradients: the numbers of its definition in windows.py, in a third of the memory.

    A[k] = exp(−((k − d) / σ)² / 2)      P = A / (Σ A + 1e-7)      kernel[k] = Σ_taps w P[k]

    with q = w · ∂L/∂kernel  and  r[k] = P[k] (q[k] − Σ_k q P)
    ∂L/∂w = Σ_k P ∂L/∂kernel      ∂L/∂d = Σ_k r (k − d) / σ²      ∂L/∂σ = Σ_k r (k − d)² / σ³

Shapes   w, d (target, source, tap) · σ any shape that broadcasts to these · kernel (delay, target, source)
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

MASS = 1e-7
LEAST = -80.0
"""exp(−80) stands for all that is smaller: numbers below the normal ones take a processor a hundred times longer."""


class GaussKernel(torch.autograd.Function):
    """The kernel of all connections, of weight, delay, σ and the longest delay."""

    @staticmethod
    def forward(ctx, weight, delay, sigma, max_delay):
        window = _window(delay, sigma, max_delay)
        ctx.save_for_backward(weight, delay, sigma, window)
        return _over_taps(window, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        weight, delay, sigma, window = ctx.saved_tensors
        weighted = grad[..., None] * window
        grad_weight = weighted.sum(0)
        if not any(ctx.needs_input_grad[1:3]):
            return grad_weight, None, None, None
        # P (q − Σ q P), where Σ q P is the weight's gradient times the weight
        pull = weighted.mul_(weight).addcmul_(window, grad_weight * weight, value=-1)
        away = _steps(delay, len(window)) - delay
        grad_delay = pull.mul_(away).sum(0) / sigma**2
        grad_sigma = None
        if ctx.needs_input_grad[2]:
            grad_sigma = (pull.mul_(away).sum(0) / sigma**3).sum_to_size(sigma.shape)
        return grad_weight, grad_delay, grad_sigma, None


def _steps(delay: Tensor, number: int) -> Tensor:
    return torch.arange(number, dtype=delay.dtype, device=delay.device).view(-1, 1, 1, 1)


def _window(delay: Tensor, sigma: Tensor, max_delay: int) -> Tensor:
    """Return P, (delay, target, source, tap)."""
    window = _steps(delay, max_delay + 1) - delay
    window = window.div_(sigma).square_().mul_(-0.5).clamp_(min=LEAST).exp_()
    return window.div_(window.sum(0, keepdim=True).add_(MASS))


def _over_taps(window: Tensor, weight: Tensor) -> Tensor:
    if weight.shape[-1] == 1:
        return window[..., 0] * weight[..., 0]
    return (window * weight).sum(-1)
