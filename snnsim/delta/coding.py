"""Delta Activation Layer: activations rounded to multiples of a learned step, whose differences over time are events.

    k[t] = round(f(x[t]) / |θ|)          ties to the even integer
    q[t] = |θ| k[t]                      the value that the next layer gets, dense or as the sum of all differences
    Δ[t] = k[t] − k[t−1], k[−1] = 0      an event of a neuron in every step with Δ ≠ 0, of either sign

    ∂q/∂x = f'(x)                        rounding counts as the identity
    ∂q/∂θ = −sign(θ) k                   "published": no gradient through the division, and a negated one through the
                                         product, so that a penalty on |q[t] − q[t−1]| raises θ
    ∂q/∂θ = sign(θ) (k − f(x) / |θ|)     "step_size": learned step size, of the temporal delta layer

Shapes   x, q (time, batch, axes of a neuron) · θ () for a layer, (channel, 1 ...) or the axes of a neuron
Units    θ in units of f(x)
Names    θ step · f activation · k level · q coded value
Source   Yousefzadeh & Sifalakis 2021, arXiv 2107.07305; temporal delta layer: Vijayan et al.; learned step size: Esser
         et al. 2020 (ICLR), arXiv 1902.08153
Differs  the first step counts, apart from the others; Esser et al. scale the gradient of the step by the layer's size
"""

from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from snnsim.validation import known, real, require, shown

Granularity = Literal["layer", "channel", "neuron"]
Gradient = Literal["published", "step_size"]
GRANULARITIES = ("layer", "channel", "neuron")
GRADIENTS = ("published", "step_size")
SMALLEST = 1e-9
"""Least step that values are divided by, as training may lead a step through 0."""


class _Quantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, step: Tensor, gradient: Gradient) -> Tensor:
        ratio = value / step.abs().clamp_min(SMALLEST)
        level = torch.round(ratio)
        ctx.save_for_backward(level if gradient == "published" else ratio, step)
        ctx.gradient = gradient
        return level * step.abs()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (gradient,) = gradients
        saved, step = ctx.saved_tensors
        slope = -saved if ctx.gradient == "published" else torch.round(saved) - saved
        return gradient, (gradient * slope * step.sign()).sum_to_size(step.shape), None


def quantize(value: Tensor, step: Tensor, gradient: Gradient = "published") -> Tensor:
    """Return values rounded to multiples of a step, with the gradients of the module's equations.

    Args:
        value: Values of any shape.
        step: Steps that broadcast to the values, none of them 0; the absolute value counts.
        gradient: One of GRADIENTS.
    """
    known(gradient, GRADIENTS, "quantize: gradient")
    return cast("Tensor", _Quantize.apply(value, step, gradient))  # type: ignore[no-untyped-call]


class Coding(nn.Module):
    """A coding of activations by their changes; `code` returns what the next layer decodes from all events so far.

    Args:
        activation: Module that computes f; None for the identity.
        step: Initial step, or threshold, above 0.
        granularity: One of GRANULARITIES: a step of the layer, of each channel, or of each neuron.
        shape: Axes of a neuron, such as (channel, row, column); needed for steps of channels or neurons.
        learn: Whether the step is trained.
    """

    step: Tensor

    def __init__(
        self,
        activation: nn.Module | None = None,
        *,
        step: float = 0.1,
        granularity: Granularity = "layer",
        shape: tuple[int, ...] | None = None,
        learn: bool = True,
    ) -> None:
        super().__init__()
        who = type(self).__name__
        step = real(step, who=who, name="step", above=0)
        known(granularity, GRANULARITIES, f"{who}: granularity")
        require(
            granularity == "layer" or bool(shape),
            f"{who}: steps of each {granularity} need the shape of the neurons, not {shown(shape)}; "
            "pass shape=(channel, row, column)",
        )
        axes = {"layer": (), "channel": (*(shape or ())[:1], *(1,) * (len(shape or ()) - 1)), "neuron": shape or ()}
        self.activation = nn.Identity() if activation is None else activation
        self.granularity = granularity
        self.step = nn.Parameter(torch.full(axes[granularity], step), requires_grad=learn)

    def code(self, values: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the coded values and the state after the last step.

        Args:
            values: Activations f(x) (time, batch, axes of a neuron).
            state: State after the steps before; None before the first step.

        Raises:
            NotImplementedError: In this class.
        """
        raise NotImplementedError

    def forward(self, values: Tensor) -> Tensor:
        """Return the coded values (time, batch, axes of a neuron) of complete sequences.

        Args:
            values: Inputs x of the activation, of the same shape.

        Raises:
            ValueError: If the axes of time, batch and neurons are missing, or do not fit the steps.
        """
        require(
            isinstance(values, Tensor) and values.ndim >= 3,
            f"{type(self).__name__}: values must be (time, batch, axes of a neuron), not {shown(values)}",
        )
        return self.code(self.checked(self.activation(values)))[0]

    def checked(self, values: Tensor) -> Tensor:
        """Return values after a check of their last axes.

        Args:
            values: Activations (time, batch, axes of a neuron).

        Raises:
            ValueError: If the steps of channels or neurons have other axes.
        """
        own, axes = tuple(self.step.shape), tuple(values.shape[2:])
        fits = len(own) in (0, len(axes)) and all(one in (1, size) for one, size in zip(own, axes, strict=False))
        require(
            fits,
            f"{type(self).__name__}: its steps of shape {own} must fit the axes {axes} of the neurons; build it with "
            "the shape of this layer",
        )
        return values

    def extra_repr(self) -> str:
        """Return the granularity and the mean step."""
        return f"granularity={self.granularity!r}, step={float(self.step.detach().abs().mean()):.3g}"


class DeltaActivation(Coding):
    """An activation whose values are rounded to multiples of a learned step; module docstring has the equations.

    Args:
        activation: Module that computes f; None for the identity.
        step: Initial step, above 0.
        granularity: One of GRANULARITIES.
        shape: Axes of a neuron; needed for steps of channels or neurons.
        learn: Whether the step is trained.
    """

    gradient: Gradient = "published"

    def code(self, values: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the coded values, and no state, as a level depends on its own step alone.

        Args:
            values: Activations f(x) (time, batch, axes of a neuron).
            state: Not used.
        """
        return quantize(values, self.step, self.gradient), state


class TemporalDelta(DeltaActivation):
    """The same with the gradient of learned step sizes, by which the loss of the task chooses the step.

    Args:
        activation: Module that computes f; None for the identity.
        step: Initial step, above 0.
        granularity: One of GRANULARITIES.
        shape: Axes of a neuron; needed for steps of channels or neurons.
        learn: Whether the step is trained.
    """

    gradient: Gradient = "step_size"
