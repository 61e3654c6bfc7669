"""The spike function: a step forward, the slope of a smooth primitive backward.

    forward    s = Θ(x),  Θ(0) = 1
    backward   ds/dx := g'(x)

    name           g(x)                             g'(x)                            α
    atan           arctan(π α x / 2) / π + 1/2      (α / 2) / (1 + (π α x / 2)²)     2
    triangle       α x − α² x |x| / 2 + 1/2         max(0, α − α² |x|)               1
    sigmoid        1 / (1 + exp(−α x))              α g (1 − g)                      4
    fast_sigmoid   x / (1 + α |x|)                  1 / (1 + α |x|)²                 25
    boxcar         α x + 1/2, clipped to 0 and 1    α where |x| < 1 / (2 α)          1

Names    x voltage minus threshold · α sharpness; the last column is its default
Source   atan, triangle (PiecewiseQuadratic), sigmoid, boxcar (Rect) as in spikingjelly; fast_sigmoid as in snnTorch,
         α its slope (Zenke & Ganguli 2018); boxcar is that of STBP (Wu et al. 2018)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snnsim import validation
from snnsim.choices import SURROGATES

Shape = Callable[[Tensor, float], Tensor]


def _atan(x: Tensor, alpha: float) -> Tensor:
    return torch.atan(x * (math.pi / 2 * alpha)) / math.pi + 0.5


def _atan_slope(x: Tensor, alpha: float) -> Tensor:
    return (x * (math.pi / 2 * alpha)).square_().add_(1).reciprocal_().mul_(alpha / 2)


def _triangle(x: Tensor, alpha: float) -> Tensor:
    inside = x.clamp(-1 / alpha, 1 / alpha)
    return alpha * inside - alpha**2 / 2 * inside * inside.abs() + 0.5


def _triangle_slope(x: Tensor, alpha: float) -> Tensor:
    return x.abs().mul_(-(alpha**2)).add_(alpha).clamp_(min=0)


def _sigmoid(x: Tensor, alpha: float) -> Tensor:
    return torch.sigmoid(alpha * x)


def _sigmoid_slope(x: Tensor, alpha: float) -> Tensor:
    g = torch.sigmoid(alpha * x)
    return alpha * g * (1 - g)


def _fast_sigmoid(x: Tensor, alpha: float) -> Tensor:
    return x / (1 + alpha * x.abs())


def _fast_sigmoid_slope(x: Tensor, alpha: float) -> Tensor:
    return x.abs().mul_(alpha).add_(1).square_().reciprocal_()


def _boxcar(x: Tensor, alpha: float) -> Tensor:
    return (alpha * x + 0.5).clamp(0, 1)


def _boxcar_slope(x: Tensor, alpha: float) -> Tensor:
    return (x.abs() < 0.5 / alpha).to(x.dtype).mul_(alpha)


_SHAPES: dict[str, tuple[Shape, Shape, float]] = {
    "atan": (_atan, _atan_slope, 2.0),
    "triangle": (_triangle, _triangle_slope, 1.0),
    "sigmoid": (_sigmoid, _sigmoid_slope, 4.0),
    "fast_sigmoid": (_fast_sigmoid, _fast_sigmoid_slope, 25.0),
    "boxcar": (_boxcar, _boxcar_slope, 1.0),
}
NAMES = SURROGATES
SHARPEST = 1e6
"""The largest α: a slope grows with α, that of triangle with α², and larger numbers end in infinity and NaN."""


@dataclass(frozen=True)
class Surrogate:
    """A surrogate shape with its sharpness.

    Args:
        name: The name of a shape in the table above.
        alpha: The sharpness α, from above 0 to 1e6; None for the default of the shape.

    Raises:
        TypeError: If an argument has another type.
        ValueError: If the name is unknown, or the sharpness is out of its range.
    """

    name: str = "atan"
    alpha: float | None = None

    def __post_init__(self) -> None:
        validation.one_of(self.name, NAMES, who="Surrogate", name="name")
        alpha = _SHAPES[self.name][2] if self.alpha is None else self.alpha
        bounds: dict[str, Any] = {"above": 0, "at_most": SHARPEST}
        object.__setattr__(self, "alpha", validation.real(alpha, who=f"Surrogate {self.name}", name="alpha", **bounds))

    @property
    def sharpness(self) -> float:
        """The α of the equations, with the default filled in."""
        return _SHAPES[self.name][2] if self.alpha is None else self.alpha

    def primitive(self, x: Tensor) -> Tensor:
        """Return g(x).

        Args:
            x: Membrane minus threshold, of any shape.
        """
        return _SHAPES[self.name][0](x, self.sharpness)

    def slope(self, x: Tensor) -> Tensor:
        """Return g'(x).

        Args:
            x: Membrane minus threshold, of any shape.
        """
        return _SHAPES[self.name][1](x, self.sharpness)

    def spike(self, x: Tensor) -> Tensor:
        """Return Θ(x), with g'(x) as its derivative.

        Args:
            x: Membrane minus threshold, of any shape; a value of exactly 0 is a spike.
        """
        spikes: Tensor = _Spike.apply(x, self)  # type: ignore[no-untyped-call]
        return spikes


def as_surrogate(surrogate: "str | Surrogate", *, who: str) -> Surrogate:
    """Return a surrogate, or the surrogate of a name.

    Args:
        surrogate: The surrogate, or its name.
        who: Name of the class that was called, for the message.

    Raises:
        TypeError: If the argument is neither a surrogate nor a name.
        ValueError: If the name is unknown.
    """
    if isinstance(surrogate, Surrogate):
        return surrogate
    if not isinstance(surrogate, str):
        raise TypeError(f"{who}: surrogate must be a Surrogate or a name, not {validation.shown(surrogate)}")
    return Surrogate(surrogate)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, surrogate: Surrogate) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        ctx.surrogate = surrogate
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]
        (x,) = ctx.saved_tensors
        return grad * ctx.surrogate.slope(x), None
