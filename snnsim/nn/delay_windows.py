"""Delay windows: a weight with a real-valued delay as a kernel over integer steps.

    kernel[k] = Σ_taps w · A[k] / (Σ_k A[k] + 1e-7)     k = 0 … max_delay, the steps of delay

    window   A[k]                                  σ                          name in dcls
    gauss    exp(−((k − d) / σ)² / 2)              standard deviation         gauss, σ = |SIG| + 0.27
    max      max(0, σ − |k − d|)                   half-width of a triangle   max,   σ = |SIG| + 1
    v1       max(0, 1 − |k − d|)                   not used                   v1
    v0       1 − r at ⌊d⌋, r at ⌊d⌋ + 1            not used; not divided      v0
             with r = d − ⌊d⌋

Shapes   w, d (target, source, tap) · σ any shape that broadcasts to these · kernel (delay, target, source)
Units    d, k, σ in steps
Names    w weight · d delay; the division keeps the mass of a window that the ends of the range clip
Source   dilated convolution with learnable spacings: Hammouamri, Khalfaoui-Hassani, Masquelier 2024 (ICLR),
         arXiv 2306.17670; Khalfaoui-Hassani 2023, arXiv 2306.00817
Differs  dcls stores a position P around the center of a kernel of K = max_delay + 1 taps, reversed in time:
         d = (K − 1) / 2 − P for K odd, K / 2 − 1 − P for K even, so a gradient of P is minus one of d, and one of
         SIG is that of σ times the sign of SIG. At an integer d, where v0 has a corner, the slopes are those of
         opposite sides: ours towards longer delays, theirs towards shorter ones
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from snnsim.nn.gauss_kernel import MASS, GaussKernel
from snnsim.validation import known, number


def _gauss(delay: Tensor, step: Tensor, sigma: Tensor) -> Tensor:
    return torch.exp(((step - delay) / sigma).square() * -0.5)


def _max(delay: Tensor, step: Tensor, sigma: Tensor) -> Tensor:
    return torch.relu(sigma - (step - delay).abs())


def _v1(delay: Tensor, step: Tensor, _: Tensor) -> Tensor:
    return torch.relu(1 - (step - delay).abs())


def _v0(delay: Tensor, step: Tensor, _: Tensor) -> Tensor:
    below = delay.detach().floor()
    beyond = delay - below
    return torch.where(step == below, 1 - beyond, 0) + torch.where(step == below + 1, beyond, 0)


@dataclass(frozen=True)
class Window:
    """A shape over delays, and the meaning of its width."""

    shape: Callable[[Tensor, Tensor, Tensor], Tensor]
    normalized: bool
    offset: float
    """σ − |SIG| of dcls: the width at SIG = 0."""
    has_width: bool = True


WINDOWS = {
    "gauss": Window(_gauss, normalized=True, offset=0.27),
    "max": Window(_max, normalized=True, offset=1.0),
    "v1": Window(_v1, normalized=True, offset=1.0, has_width=False),
    "v0": Window(_v0, normalized=False, offset=1.0, has_width=False),
}


def get_window(name: str) -> Window:
    """Return a window by its name.

    Args:
        name: Name of the window: "gauss", "max", "v1" or "v0"; the ValueError for an unknown one lists all.
    """
    known(name, WINDOWS, "window")
    return WINDOWS[name]


def widest(window: str, max_delay: int) -> float:
    """Return the first σ in steps of the recipe of DCLS-Delays: half the range of delays, and the offset of the window.

    Args:
        window: Name of the window.
        max_delay: The longest delay in steps.
    """
    return max_delay / 2 + get_window(window).offset


def narrowest(window: str) -> float:
    """Return the last σ in steps of the recipe of DCLS-Delays: |SIG| = 0.23, and the offset of the window.

    Args:
        window: Name of the window.
    """
    return 0.23 + get_window(window).offset


def checked_width(window: str, sigma: float) -> float:
    """Return σ if it is wide enough: a narrower window around a delay between two steps reaches neither of them.

    Args:
        window: Name of the window.
        sigma: Width in steps.

    Raises:
        ValueError: If the width is too small, or not finite.
    """
    least = get_window(window).offset if get_window(window).has_width else 0.0
    if not least <= number(sigma, who="window", name="sigma") < float("inf"):
        raise ValueError(f"sigma of the window {window!r} must be finite, at least {least} steps, not {sigma}")
    return float(sigma)


def delay_kernel(weight: Tensor, delay: Tensor, sigma: Tensor, *, max_delay: int, window: str) -> Tensor:
    """Return the kernel (delay, target, source) of all connections, summed over their taps.

    Args:
        weight: Weights (target, source, tap).
        delay: Delays in steps, (target, source, tap).
        sigma: Widths in steps, broadcast to these.
        max_delay: The longest delay in steps.
        window: Name of the window.
    """
    if window == "gauss":
        kernel: Tensor = GaussKernel.apply(weight, delay, sigma, max_delay)  # type: ignore[no-untyped-call]
        return kernel
    return by_definition(weight, delay, sigma, max_delay=max_delay, window=window)


def by_definition(weight: Tensor, delay: Tensor, sigma: Tensor, *, max_delay: int, window: str) -> Tensor:
    """Return the kernel (delay, target, source) by the equations of the module, with torch's own gradients.

    Args:
        weight: Weights (target, source, tap).
        delay: Delays in steps, (target, source, tap).
        sigma: Widths in steps, broadcast to these.
        max_delay: The longest delay in steps.
        window: Name of the window.
    """
    shape = get_window(window)
    step = torch.arange(max_delay + 1, dtype=weight.dtype, device=weight.device).view(-1, 1, 1, 1)
    taps = shape.shape(delay, step, sigma)
    if shape.normalized:
        taps = taps / (taps.sum(0, keepdim=True) + MASS)
    return (weight * taps).sum(-1)
