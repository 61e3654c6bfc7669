"""Leaky integrate-and-fire neurons whose current counts 1/τ, each with a time constant of its own.

    u[t] = (1 − 1/τ) v[t−1] + I[t] / τ
    s[t] = Θ(u[t] − θ)
    v[t] = u[t] (1 − s[t])         reset="hard", to 0
    v[t] = u[t] − θ s[t]           reset="soft", by subtraction

A constant current I below θ leads to the voltage I whatever τ is, so τ is no gain. With the current in full, as in LIF,
the voltage would be τ I, and a longer time constant a larger weight.

Shapes   I, s, u (time, ..., neuron) · v (..., neuron) · τ (neuron,)
Units    I, u, v in units of θ (1 by default) · τ in steps
Names    u membrane before the reset · v voltage after it
Differs  spikingjelly's LIFNode equals this with decay_input=True and one τ for all neurons; the second variable of the
         form that it shares with adaptive neurons (nn/two_state.py) stays 0
"""

import torch
from torch import Tensor

from snnsim.kernels.neuron.two_state_types import Coefficients
from snnsim.nn import settings
from snnsim.nn.time_constant import TimeConstant
from snnsim.nn.two_state import TwoStateNeuron
from snnsim.surrogate import Surrogate


class UnitGainLIF(TwoStateNeuron):
    """LIF neurons whose current counts 1/τ; `neuron(current)` gives the spikes of a whole sequence.

    Args:
        features: Number of neurons.
        tau: Interval in which the time constants start, in steps, from 1.
        bound: Bound of the time constants, "clamp" or "smooth", see nn/time_constant.py.
        learn_tau: Whether the time constants are trained.
        threshold: Membrane at which a neuron fires, itself included.
        reset: "hard", to 0, or "soft", by subtraction of the threshold.
        detach_reset: Whether gradients skip the reset.
        surrogate: Name of a surrogate derivative, or a `Surrogate`.
        generator: Generator of the start; by default that of torch.
    """

    program_model = "adlif"

    def __init__(  # noqa: PLR0913
        self,
        *,
        features: int,
        tau: tuple[float, float] = (1.0, 2.0),
        bound: str = "smooth",
        learn_tau: bool = True,
        threshold: float = 1.0,
        reset: str = "soft",
        detach_reset: bool = True,
        surrogate: str | Surrogate = "atan",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(threshold=threshold, reset=reset, detach_reset=detach_reset, surrogate=surrogate)
        settings.carry(self, threshold=float(threshold), reset=reset)
        self.tau = TimeConstant(features, start=tau, bound=bound, learn=learn_tau, generator=generator)

    def coefficients(self) -> Coefficients[Tensor]:
        """Return the coefficients of the equations, (1,) or (neuron,) each."""
        share, zero = 1 / self.tau(), torch.zeros_like(self.threshold)
        return Coefficients(
            beta=1 - share,
            threshold=self.threshold,
            feedback=zero - 1,
            gain=share,
            sensitivity=zero,
            rho=zero,
            coupling=zero,
            jump=zero,
            intake=zero,
        )
