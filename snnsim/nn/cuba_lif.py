"""Leaky integrate-and-fire neurons with exponential synapses: current-based LIF, CubaLIF.

    w[t] = α w[t−1] + I[t]                       α = 1 − 1/τ_s, τ_s in steps, or α itself
    u[t] = β v[t−1] + e w[t]                     β = 1 − 1/τ, or β itself
    s[t] = Θ(u[t] − θ)
    v[t] = u[t] (1 − s[t])                       reset="hard", to 0
    v[t] = u[t] − θ s[t]                         reset="soft", by subtraction

Shapes   I, s, u (time, ..., neuron) · state: v and w, (..., neuron) each · α, β (1,) or (neuron,)
Units    u, v in units of θ (1 by default) · I, w in units of θ / e · τ, τ_s in steps
Names    w synaptic current · e gain · u membrane before the reset · v voltage after it
Source   current-based LIF with exponential synapses, as in Lava, NIR (CubaLIF) and snnTorch (Synaptic)
Differs  snnTorch's Synaptic equals this with the same alpha and beta, reset_delay=False and detach_reset=False here, as
         long as u < 2 θ; it does not fire at θ itself. spikingjelly's CUBALIFNode equals this with alpha = c_decay and
         beta = v_decay. Norse's LIF equals this with alpha = 1 − dt/τ_syn, beta = 1 − dt/τ_mem and gain = dt/τ_mem; its
         state is the current after the decay, α w
"""

import torch
from torch import Tensor

from snnsim import validation
from snnsim.kernels.neuron.two_state_types import Coefficients
from snnsim.nn import settings
from snnsim.nn.decay import Decay
from snnsim.nn.parameters import Learn
from snnsim.nn.two_state import TwoStateNeuron
from snnsim.surrogate import Surrogate


class CubaLIF(TwoStateNeuron):
    """LIF neurons with exponential synapses; `neuron(current)` gives the spikes of a whole sequence.

    Args:
        tau: Time constant of the membrane in steps, β = 1 − 1/τ; give `tau` or `beta`, or neither for τ = 2.
        beta: Decay of the voltage over a step, from 0 to 1.
        tau_synapse: Time constant of the synapses in steps, α = 1 − 1/τ_s; give it or `alpha`, or neither for τ_s = 2.
        alpha: Decay of the synaptic current over a step, from 0 to 1.
        gain: Gain e of the synaptic current, above 0.
        threshold: Membrane at which a neuron fires, itself included.
        reset: "hard", to 0, or "soft", by subtraction of the threshold.
        detach_reset: Whether gradients skip the reset.
        surrogate: Name of a surrogate derivative, or a `Surrogate`.
        learn_decay: Whether α and β are "fixed", or trained with one value for the "layer" or one for each "neuron".
        features: Number of neurons, needed for "neuron".
    """

    program_model = "cuba_lif"

    def __init__(  # noqa: PLR0913
        self,
        *,
        tau: float | None = None,
        beta: float | None = None,
        tau_synapse: float | None = None,
        alpha: float | None = None,
        gain: float = 1.0,
        threshold: float = 1.0,
        reset: str = "hard",
        detach_reset: bool = True,
        surrogate: str | Surrogate = "atan",
        learn_decay: Learn = "fixed",
        features: int | None = None,
    ) -> None:
        super().__init__(threshold=threshold, reset=reset, detach_reset=detach_reset, surrogate=surrogate)
        self.gain = validation.positive(gain, who="CubaLIF", name="gain")
        settings.carry(self, threshold=float(threshold), reset=reset, gain=self.gain)
        names = ("tau_synapse", "alpha")
        self.decay = Decay(tau=tau, beta=beta, learn=learn_decay, features=features)
        self.synapse_decay = Decay(tau=tau_synapse, beta=alpha, learn=learn_decay, features=features, names=names)

    def coefficients(self) -> Coefficients[Tensor]:
        """Return the coefficients of the equations, (1,) or (neuron,) each."""
        zero = torch.zeros_like(self.threshold)
        return Coefficients(
            beta=self.decay(),
            threshold=self.threshold,
            feedback=self.synapse_decay(),
            gain=zero + self.gain,
            sensitivity=zero,
            rho=zero,
            coupling=zero,
            jump=zero,
            intake=zero + 1,
        )
