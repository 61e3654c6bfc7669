"""The share of the voltage that is kept over one step, fixed or learned, given as `tau` or as `beta`.

    β = 1 − 1/τ          `tau` in steps, spikingjelly's convention
    β = sigmoid(λ)       when learned: λ is the parameter, so β stays between 0 and 1

Source   learned decay through a sigmoid: PLIF (Fang et al. 2021, ICCV)
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from snnsim import units, validation
from snnsim.nn import settings

Learn = Literal["fixed", "layer", "neuron"]
DEFAULT_TAU = 2.0


class Decay(nn.Module):
    """The decay β, one number for a layer or one for each neuron."""

    def __init__(
        self, *, tau: float | None, beta: float | None, learn: Learn = "fixed", features: int | None = None
    ) -> None:
        super().__init__()
        value, shape = decay_value(tau, beta), learned_shape("learn_decay", learn, features)
        if learn != "fixed" and not 0 < value < 1:
            raise ValueError(f"a learned decay must start between 0 and 1, not at beta = {value}")
        initial = torch.full(shape, value)
        if learn == "fixed":
            self.register_buffer("value", initial, persistent=False)
            self.logit = None
            settings.carry(self, beta=value)
        else:
            self.logit = nn.Parameter(torch.logit(initial))
            settings.carry(self)

    def forward(self) -> Tensor:
        """Return β, (1,) or (neuron,)."""
        return self.value if self.logit is None else torch.sigmoid(self.logit)


def learned_shape(name: str, learn: Learn, features: int | None) -> tuple[int]:
    """Return the shape of a number of the neurons, (1,), or (neuron,) where each has its own.

    Args:
        name: Name of the argument that says how it is learned, for the message.
        learn: "fixed", "layer" or "neuron".
        features: The number of neurons.

    Raises:
        TypeError: If the number of neurons is no integer.
        ValueError: If the way to learn is unknown, or the number of neurons is missing or below 1.
    """
    if not isinstance(learn, str) or learn not in ("fixed", "layer", "neuron"):
        raise ValueError(f"{name} must be 'fixed', 'layer' or 'neuron', not {validation.shown(learn)}")
    if learn == "neuron" and features is None:
        raise ValueError(f"{name}='neuron' needs features, the number of neurons")
    if features is not None:
        features = validation.integer(features, who=name, name="features", at_least=1, at_most=2**28)
    return (features or 1,) if learn == "neuron" else (1,)


def decay_value(tau: float | None, beta: float | None) -> float:
    """Return β from whichever of `tau` (steps) and `beta` is given, and for τ = 2 if neither is.

    Raises:
        TypeError: If it is no number.
        ValueError: If both are given, or one is outside of its range.
    """
    if tau is not None and beta is not None:
        raise ValueError(f"give tau or beta, not both (tau={tau}, beta={beta}; beta = 1 - 1/tau)")
    if beta is None:
        steps = validation.number(DEFAULT_TAU if tau is None else tau, who="decay", name="tau")
        if steps == math.inf:
            raise ValueError("decay: tau must be a finite number of steps, not inf; beta=1 is for neurons without leak")
        return units.euler_decay(steps)
    kept = validation.number(beta, who="decay", name="beta")
    if not 0 <= kept <= 1:
        raise ValueError(f"beta must be between 0 and 1, not {kept}; it is the share of the voltage kept")
    return kept
