"""Time constants of single units that are learned and stay at 1 step or above.

    τ = max(ξ, 1)              bound="clamp": no gradient below 1, so that a unit which comes below 1 stays at 1
    τ = 1 + ln(1 + exp(ξ))     bound="smooth": a gradient everywhere

Shapes   τ (unit,)
Units    τ in steps
Source   clamp: Khajehabdollahi et al. 2024 (ICLR), arXiv 2309.12927
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim import validation
from snnsim.nn import settings

BOUNDS = ("clamp", "smooth")
LEAST = 1e-6
"""Distance from 1 step at which a time constant with a smooth bound begins at least."""


class TimeConstant(nn.Module):
    """A time constant for each unit, with a uniform start; `tau()` returns them, (unit,).

    Args:
        units: Number of units.
        start: Interval of the start in steps, from 1; two equal numbers are one start for all.
        bound: "clamp" or "smooth".
        learn: Whether the time constants are trained.
        generator: Generator of the start; by default that of torch.

    Raises:
        ValueError: If the interval does not ascend or begins below 1, or the bound is unknown.
    """

    def __init__(
        self,
        units: int,
        *,
        start: tuple[float, float] = (1.0, 2.0),
        bound: str = "clamp",
        learn: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        units = validation.integer(units, who="TimeConstant", name="units", at_least=1)
        self.bound = validation.one_of(bound, BOUNDS, who="TimeConstant", name="bound")
        low, high = (validation.real(end, who="TimeConstant", name="start", at_least=1.0) for end in start)
        if low > high:
            raise ValueError(f"TimeConstant: the interval of the start must ascend, not be {low} to {high}")
        learn = validation.truth(learn, who="TimeConstant", name="learn")
        settings.carry(self, bound=bound)
        tau = low + (high - low) * torch.rand(units, generator=generator)
        self.raw = nn.Parameter(self.inverse(tau), requires_grad=learn)

    def forward(self) -> Tensor:
        """Return τ, (unit,)."""
        return self.raw.clamp(min=1.0) if self.bound == "clamp" else 1 + functional.softplus(self.raw)

    def inverse(self, tau: Tensor) -> Tensor:
        """Return ξ of time constants, (unit,).

        Args:
            tau: Time constants in steps, from 1; 1 itself is a little more under the smooth bound.
        """
        if self.bound == "clamp":
            return tau
        # ln(exp(τ − 1) − 1)
        above = (tau - 1).clamp(min=LEAST)
        return above + torch.log(-torch.expm1(-above))
