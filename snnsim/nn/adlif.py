"""Adaptive leaky integrate-and-fire neurons, in the symplectic Euler form: SE-adLIF.

    u[t] = α v[t−1] + (1 − α) (I[t] − w[t−1])        α = exp(−1/τ)
    s[t] = Θ(u[t] − θ)
    v[t] = u[t] (1 − s[t])
    w[t] = ρ w[t−1] + (1 − ρ) q (a v[t] + b s[t])     ρ = exp(−1/τ_w)

The adaptation w takes the new voltage and the new spike. The neuron therefore oscillates without growing: for the old
ones (forward Euler) the discretization adds energy.

Shapes   I, s, u (time, ..., neuron) · state: v and w, (..., neuron) each · τ, τ_w, a, b (1,) or (neuron,)
Units    I, u, v, w in units of θ (1 by default) · τ, τ_w in steps
Names    u membrane before the reset · v voltage after it · w adaptation · a coupling to the voltage · b jump at a spike
         q scale of both
Source   Baronig, Ferrand, Sabathiel, Legenstein 2025, Nat. Commun.: defaults for steps of 4 ms
Differs  the paper's surrogate is c α exp(−α |x|) / 2 with α = 5, c = 0.4. A step of another length needs other time
         constants: τ in steps is τ in ms over the step in ms. Products (1 − ρ) q a and (1 − ρ) q b are one number each
"""

import torch
from torch import Tensor

from snnsim import validation
from snnsim.kernels.neuron.two_state_types import Coefficients
from snnsim.nn import settings
from snnsim.nn.parameters import Bounded
from snnsim.nn.two_state import TwoStateNeuron
from snnsim.surrogate import Surrogate


class AdLIF(TwoStateNeuron):
    """Adaptive LIF neurons (SE-adLIF); `neuron(current)` gives the spikes of a whole sequence.

    A number is fixed; a pair of numbers are the bounds within which it is learned. The hard reset is the model's own.

    Args:
        tau: Time constant of the membrane in steps, or its bounds.
        tau_adaptation: Time constant of the adaptation in steps, or its bounds.
        coupling: Coupling a of the adaptation to the voltage, or its bounds.
        jump: Jump b of the adaptation at a spike, or its bounds.
        scale: Scale q of coupling and jump.
        threshold: Membrane at which a neuron fires, itself included.
        detach_reset: Whether gradients skip the reset; those through the jump of the adaptation stay.
        surrogate: Name of a surrogate derivative, or a `Surrogate`.
        features: Number of neurons, each of which learns its own numbers; without it the layer learns one of each.
        generator: Generator of the start, which is uniform within the bounds; by default that of torch.
    """

    program_model = "adlif"

    def __init__(  # noqa: PLR0913
        self,
        *,
        tau: float | tuple[float, float] = (5.0, 25.0),
        tau_adaptation: float | tuple[float, float] = (60.0, 300.0),
        coupling: float | tuple[float, float] = (0.0, 1.0),
        jump: float | tuple[float, float] = (0.0, 2.0),
        scale: float = 120.0,
        threshold: float = 1.0,
        detach_reset: bool = True,
        surrogate: str | Surrogate = "atan",
        features: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(threshold=threshold, reset="hard", detach_reset=detach_reset, surrogate=surrogate)
        self.scale = validation.positive(scale, who="AdLIF", name="scale")
        settings.carry(self, threshold=float(threshold), scale=self.scale)
        self.tau = Bounded(tau, name="tau", features=features, above=0, generator=generator)
        self.tau_adaptation = Bounded(
            tau_adaptation, name="tau_adaptation", features=features, above=0, generator=generator
        )
        self.coupling = Bounded(coupling, name="coupling", features=features, generator=generator)
        self.jump = Bounded(jump, name="jump", features=features, generator=generator)

    def coefficients(self) -> Coefficients[Tensor]:
        """Return the coefficients of the equations, (1,) or (neuron,) each."""
        alpha, rho = torch.exp(-1 / self.tau()), torch.exp(-1 / self.tau_adaptation())
        zero, strength = torch.zeros_like(self.threshold), (1 - rho) * self.scale
        return Coefficients(
            beta=alpha,
            threshold=self.threshold,
            feedback=zero - 1,
            gain=1 - alpha,
            sensitivity=zero,
            rho=rho,
            coupling=strength * self.coupling(),
            jump=strength * self.jump(),
            intake=zero,
        )
