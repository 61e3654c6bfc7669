"""A number of the neurons' own, fixed or learned, one for a layer or one for each neuron.

    x = ξ                      learned, any number
    x = ln(1 + exp(ξ))         learned, positive: ξ is the parameter

Shapes   x (1,) or (neuron,)
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim import validation
from snnsim.nn import settings
from snnsim.nn.decay import Decay, Learn, learned_shape

LEAST = 1e-6
"""Positive numbers that are learned do not fall below this, or below where they start."""


def numbers(neurons: nn.Module) -> dict[str, Tensor]:
    """Return the numbers of a layer's neurons that are learned, by their names."""
    parts = {name: part for name, part in neurons.named_modules() if isinstance(part, Learned | Decay)}
    return {name: part().detach() for name, part in parts.items() if any(True for _ in part.parameters())}


class Learned(nn.Module):
    """One number for a layer or one for each of `features` neurons; `positive` keeps it so while it is learned."""

    def __init__(self, value: float, *, learn: Learn, features: int | None, positive: bool = False) -> None:
        super().__init__()
        value, shape = validation.real(value, who="Learned", name="value"), learned_shape("learn", learn, features)
        if learn != "fixed" and positive and not value > 0:
            raise ValueError(f"a learned positive number must start above 0, not at {value}")
        initial = torch.full(shape, value)
        self.positive, self.least = positive, min(LEAST, value)
        settings.carry(self, **({"value": value} if learn == "fixed" else {}))
        if learn == "fixed":
            self.register_buffer("value", initial, persistent=False)
            self.raw = None
        else:
            # ln(exp(x) − 1)
            self.raw = nn.Parameter(initial + torch.log(-torch.expm1(-initial)) if positive else initial)

    def forward(self) -> Tensor:
        """Return x."""
        if self.raw is None:
            return self.value
        # what is divided by it would not be finite at 0, where float32 ends
        return functional.softplus(self.raw).clamp(min=self.least) if self.positive else self.raw
