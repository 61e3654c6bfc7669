"""Leaky integrate-and-fire neurons with an adaptive threshold: ALIF, the neuron of LSNNs.

    u[t] = β v[t−1] + I[t]                       β = 1 − 1/τ, τ in steps, or β itself
    s[t] = Θ(u[t] − (θ + w[t−1]))
    v[t] = u[t] (1 − s[t])                       reset="hard", to 0
    v[t] = u[t] − (θ + w[t−1]) s[t]              reset="soft", by subtraction of the threshold of that step
    w[t] = ρ w[t−1] + b s[t]                     ρ = 1 − 1/τ_w, or ρ itself

Shapes   I, s, u (time, ..., neuron) · state: v and w, (..., neuron) each · β, ρ, b (1,) or (neuron,)
Units    I, u, v, w, b in units of θ (1 by default) · τ, τ_w in steps
Names    u membrane before the reset · v voltage after it · w rise of the threshold · b its jump at a spike
Source   Bellec et al. 2018, NeurIPS
Differs  Norse's LSNN decays w before it compares, so its jump is ours over ρ; it takes the synaptic current of the step
         before, and scales it by the step over τ. Sinabs' ALIF lets w take a filtered spike, with a τ of its own
"""

import torch
from torch import Tensor

from snnsim.kernels.neuron.two_state_types import Coefficients
from snnsim.nn import settings
from snnsim.nn.decay import Decay
from snnsim.nn.parameters import Bounded, Learn
from snnsim.nn.two_state import TwoStateNeuron
from snnsim.surrogate import Surrogate


class ALIF(TwoStateNeuron):
    """LIF neurons with an adaptive threshold; `neuron(current)` gives the spikes of a whole sequence.

    Args:
        tau: Time constant of the membrane in steps, β = 1 − 1/τ; give `tau` or `beta`, or neither for τ = 2.
        beta: Decay of the voltage over a step, from 0 to 1.
        tau_adaptation: Time constant of the threshold in steps, ρ = 1 − 1/τ_w; give it or `rho`, or neither for 100.
        rho: Decay of the threshold's rise over a step, from 0 to 1.
        jump: Jump b of the threshold at a spike, or the pair of bounds within which it is learned.
        threshold: Threshold θ of a neuron at rest.
        reset: "hard", to 0, or "soft", by subtraction of the threshold.
        detach_reset: Whether gradients skip the reset; those through the jump of the threshold stay.
        surrogate: Name of a surrogate derivative, or a `Surrogate`.
        learn_decay: Whether β and ρ are "fixed", or trained with one value for the "layer" or one for each "neuron".
        features: Number of neurons, needed for "neuron"; a learned jump is then one for each neuron too.
        generator: Generator of the start of a learned jump; by default that of torch.
    """

    program_model = "alif"

    def __init__(  # noqa: PLR0913
        self,
        *,
        tau: float | None = None,
        beta: float | None = None,
        tau_adaptation: float | None = None,
        rho: float | None = None,
        jump: float | tuple[float, float] = 0.1,
        threshold: float = 1.0,
        reset: str = "hard",
        detach_reset: bool = True,
        surrogate: str | Surrogate = "atan",
        learn_decay: Learn = "fixed",
        features: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(threshold=threshold, reset=reset, detach_reset=detach_reset, surrogate=surrogate)
        settings.carry(self, threshold=float(threshold), reset=reset)
        if tau_adaptation is None and rho is None:
            tau_adaptation = 100.0
        names = ("tau_adaptation", "rho")
        self.decay = Decay(tau=tau, beta=beta, learn=learn_decay, features=features)
        self.adaptation_decay = Decay(tau=tau_adaptation, beta=rho, learn=learn_decay, features=features, names=names)
        self.jump = Bounded(jump, name="jump", features=features, at_least=0, generator=generator)

    def coefficients(self) -> Coefficients[Tensor]:
        """Return the coefficients of the equations, (1,) or (neuron,) each."""
        zero = torch.zeros_like(self.threshold)
        return Coefficients(
            beta=self.decay(),
            threshold=self.threshold,
            feedback=zero,
            gain=zero + 1,
            sensitivity=zero + 1,
            rho=self.adaptation_decay(),
            coupling=zero,
            jump=self.jump(),
            intake=zero,
        )
