"""Adaptive leaky integrate-and-fire neurons with a soft reset and time constants over a wide range: SiLIF.

    u[t] = α v[t−1] + (1 − α) (I[t] − w[t−1])        α = exp(−1/τ)
    s[t] = Θ(u[t] − θ)
    v[t] = u[t] − θ s[t]
    w[t] = ρ w[t−1] + a u[t] + b s[t]                 ρ = exp(−1/τ_w)

With the voltage, w[t] = ρ w[t−1] + a v[t] + (b + a θ) s[t], which is what is computed.

Shapes   I, s, u (time, ..., neuron) · state: v and w, (..., neuron) each · τ, τ_w, a, b (1,) or (neuron,)
Units    I, u, v, w in units of θ (1 by default) · τ, τ_w in steps
Names    u membrane before the reset · v voltage after it · w adaptation · a coupling to u · b jump at a spike
Source   SiLIF, arXiv 2506.06374: 1/τ log-uniform from 10 to 250 1/s, 1/τ_w from 2.5 to 10 1/s, in steps of 4 ms; it
         computes w at the beginning of a step, from the spikes and membranes of the step before
Differs  there the time constants have no bounds, a is in our default range of (−1, 1) by sparch's adLIF, the slope is a
         boxcar, and states start at random: here they start at 0, so that an evaluation can be repeated
"""

import torch
from torch import Tensor

from snnsim.kernels.neuron.two_state_types import Coefficients
from snnsim.nn import settings
from snnsim.nn.parameters import Bounded
from snnsim.nn.two_state import TwoStateNeuron
from snnsim.surrogate import Surrogate


class SiLIF(TwoStateNeuron):
    """SiLIF neurons; `neuron(current)` gives the spikes of a whole sequence.

    A number is fixed; a pair of numbers are the bounds within which it is learned. The soft reset is the model's own.

    Args:
        tau: Time constant of the membrane in steps, or its bounds; its logarithm starts uniform.
        tau_adaptation: Time constant of the adaptation in steps, or its bounds; likewise.
        coupling: Coupling a of the adaptation to the membrane, or its bounds.
        jump: Jump b of the adaptation at a spike, or its bounds.
        threshold: Membrane at which a neuron fires, itself included.
        detach_reset: Whether gradients skip the reset; those through the jump of the adaptation stay.
        surrogate: Name of a surrogate derivative, or a `Surrogate`.
        features: Number of neurons, each of which learns its own numbers; without it the layer learns one of each.
        generator: Generator of the start; by default that of torch.
    """

    program_model = "adlif"

    def __init__(  # noqa: PLR0913
        self,
        *,
        tau: float | tuple[float, float] = (1.0, 25.0),
        tau_adaptation: float | tuple[float, float] = (25.0, 100.0),
        coupling: float | tuple[float, float] = (-1.0, 1.0),
        jump: float | tuple[float, float] = (0.0, 2.0),
        threshold: float = 1.0,
        detach_reset: bool = True,
        surrogate: str | Surrogate = "boxcar",
        features: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(threshold=threshold, reset="soft", detach_reset=detach_reset, surrogate=surrogate)
        settings.carry(self, threshold=float(threshold))
        self.tau = Bounded(tau, name="tau", features=features, logarithmic=True, above=0, generator=generator)
        self.tau_adaptation = Bounded(
            tau_adaptation, name="tau_adaptation", features=features, logarithmic=True, above=0, generator=generator
        )
        self.coupling = Bounded(coupling, name="coupling", features=features, generator=generator)
        self.jump = Bounded(jump, name="jump", features=features, generator=generator)

    def coefficients(self) -> Coefficients[Tensor]:
        """Return the coefficients of the equations, (1,) or (neuron,) each."""
        alpha, coupling, zero = torch.exp(-1 / self.tau()), self.coupling(), torch.zeros_like(self.threshold)
        return Coefficients(
            beta=alpha,
            threshold=self.threshold,
            feedback=zero - 1,
            gain=1 - alpha,
            sensitivity=zero,
            rho=torch.exp(-1 / self.tau_adaptation()),
            coupling=coupling,
            jump=self.jump() + coupling * self.threshold,
            intake=zero,
        )
