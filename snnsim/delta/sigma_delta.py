"""Sigma-delta neurons: a change is sent when it exceeds a threshold, and the rest is kept for later steps.

    d[t] = x[t] − x[t−1] + r[t−1]        x[−1] = r[−1] = 0
    y[t] = d[t] 1[|d[t]| > θ]            graded event
    r[t] = d[t] − y[t]                   so the decoded value Σ y = x − r is never further than θ from x
    without residual: r = 0, and errors add up

    ∂y/∂d = 1, so ∂L/∂x[t] = g[t] − g[t+1]                  g[t] = ∂L/∂y[t]
    ∂L/∂θ = Σ g[t] · { −d κ exp(−(|d| − θ) / τ) / θ   if |d| > θ;   −sign(d)   else }

Shapes   x, y, d, r (time, batch, axes of a neuron) · θ broadcasts to the axes of a neuron
Units    θ, τ in units of x; the absolute value of a threshold counts
Names    θ threshold · r residual · κ, τ scale and width of the gradient of the threshold
Source   lava-dl's sigma-delta neurons (BSD-3); Mostafa et al., O'Connor & Welling 2017 (ICLR), arXiv 1611.02024
Exact    the gradient of the value sent before a call is g of its first step, so a sequence may run in parts;
         a sent value is x itself, not the sum of what was sent, so the decoded value carries no error of rounding;
         the neurons return the decoded value, whose difference from the step before is the event
Differs  lava-nc sends at |d| ≥ θ; Programs and files for Loihi 2 use this module's rule
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from snnsim.delta.coding import Coding, Granularity
from snnsim.validation import real

TINY = 1e-6
"""Smallest threshold in the division of its gradient."""


class _Send(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, threshold: Tensor, state: Tensor, options: tuple[bool, float, float]) -> Any:
        residual, scale, width = options
        ctx.sign, threshold = threshold.sign(), threshold.abs()
        sent, last = state
        decoded, change = torch.empty_like(values), torch.empty_like(values)
        for step, value in enumerate(values):
            # with a residual, x[t] − x[t−1] + r[t−1] is the distance from the value decoded so far
            change[step] = value - (sent if residual else last)
            sends = change[step].abs() > threshold
            sent = torch.where(sends, value if residual else sent + change[step], sent)
            decoded[step], last = sent, value
        ctx.save_for_backward(change, threshold)
        ctx.scale, ctx.width = scale, width
        return decoded, torch.stack((sent, last))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        change, threshold = ctx.saved_tensors
        # an event reaches the decoded values of its own step and of all later ones, those of later calls included
        event = gradients[0].flip(0).cumsum(0).flip(0) + gradients[1][0]
        size = change.abs()
        beyond = -change * ctx.scale * torch.exp(-(size - threshold) / ctx.width) / threshold.clamp_min(TINY)
        slope = torch.where(size > threshold, beyond, -change.sign())
        earlier = torch.stack((event[0], torch.zeros_like(event[0])))
        return gradients[0], (event * slope * ctx.sign).sum_to_size(threshold.shape), earlier, None


class SigmaDelta(Coding):
    """An activation whose changes are sent when they exceed a learned threshold; module docstring has the equations.

    Args:
        activation: Module that computes x; None for the identity.
        step: Initial threshold, above 0.
        granularity: One of GRANULARITIES.
        shape: Axes of a neuron; needed for thresholds of channels or neurons.
        learn: Whether the threshold is trained.
        residual: Whether the rest of a change counts in later steps.
        gradient_scale: Scale κ of the gradient of the threshold.
        gradient_width: Width τ of the gradient of the threshold, above 0.
    """

    def __init__(  # noqa: PLR0913
        self,
        activation: nn.Module | None = None,
        *,
        step: float = 0.1,
        granularity: Granularity = "layer",
        shape: tuple[int, ...] | None = None,
        learn: bool = True,
        residual: bool = True,
        gradient_scale: float = 1.0,
        gradient_width: float = 0.5,
    ) -> None:
        super().__init__(activation, step=step, granularity=granularity, shape=shape, learn=learn)
        self.residual = residual
        self.gradient_scale = real(gradient_scale, who="SigmaDelta", name="gradient_scale", at_least=0)
        self.gradient_width = real(gradient_width, who="SigmaDelta", name="gradient_width", above=0)

    def code(self, values: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the decoded values, and the last decoded value and activation (2, batch, axes of a neuron).

        Args:
            values: Activations x (time, batch, axes of a neuron).
            state: State after the steps before; None before the first step.
        """
        state = torch.zeros((2, *values.shape[1:]), dtype=values.dtype) if state is None else state
        options = self.residual, self.gradient_scale, self.gradient_width
        decoded, after = _Send.apply(values, self.step, state.to(values), options)  # type: ignore[no-untyped-call]
        return decoded, cast("Tensor", after)
