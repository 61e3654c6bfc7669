"""The share of the voltage that is kept over one step, fixed or learned, given as `tau` or as `beta`.

    β = 1 − 1/τ          `tau` in steps, spikingjelly's convention
    β = sigmoid(λ)       when learned: λ is the parameter, so β stays between 0 and 1

Source   learned decay through a sigmoid: PLIF (Fang et al. 2021, ICCV)
"""

from typing import Literal

import torch
from torch import Tensor, nn

from snnsim import units

Learn = Literal["fixed", "layer", "neuron"]
DEFAULT_TAU = 2.0


class Decay(nn.Module):
    """The decay β, one number for a layer or one for each neuron."""

    def __init__(
        self, *, tau: float | None, beta: float | None, learn: Learn = "fixed", features: int | None = None
    ) -> None:
        super().__init__()
        value = decay_value(tau, beta)
        if learn not in ("fixed", "layer", "neuron"):
            raise ValueError(f"learn_decay must be 'fixed', 'layer' or 'neuron', not {learn!r}")
        if learn == "neuron" and features is None:
            raise ValueError("learn_decay='neuron' needs features, the number of neurons")
        if learn != "fixed" and not 0 < value < 1:
            raise ValueError(f"a learned decay must start between 0 and 1, not at beta = {value}")
        initial = torch.full((features or 1,) if learn == "neuron" else (1,), value)
        if learn == "fixed":
            self.register_buffer("value", initial, persistent=False)
            self.logit = None
        else:
            self.logit = nn.Parameter(torch.logit(initial))

    def forward(self) -> Tensor:
        """Return β, (1,) or (neuron,)."""
        return self.value if self.logit is None else torch.sigmoid(self.logit)


def decay_value(tau: float | None, beta: float | None) -> float:
    """Return β from whichever of `tau` (steps) and `beta` is given, and for τ = 2 if neither is."""
    if tau is not None and beta is not None:
        raise ValueError(f"give tau or beta, not both (tau={tau}, beta={beta}; beta = 1 - 1/tau)")
    if beta is None:
        return units.euler_decay(DEFAULT_TAU if tau is None else tau)
    if not 0 <= beta <= 1:
        raise ValueError(f"beta must be between 0 and 1, not {beta}; it is the share of the voltage kept")
    return float(beta)
