"""Second-order meta-dynamic neuron: a quadratic membrane and a recovery variable, whose four numbers are learned.

    u[t] = v[t−1] + h (v[t−1]² − v[t−1] − w[t−1]) + I[t]
    s[t] = Θ(u[t] − θ)
    v[t] = u[t] (1 − s[t]) + r s[t]
    w[t] = w[t−1] + h (a v[t−1] − b w[t−1]) + c s[t]

Euler steps of dv/dt = v² − v − w + I, dw/dt = a v − b w. At v = 1 the quadratic turns from a leak into a drive. Held at
v ≥ −θ, as an Euler step of the square would throw a lower voltage over the threshold.

Shapes   I, s, u (time, ..., neuron) · state (2, ..., neuron), v and w · a, b, c, r, θ (1,) or (neuron,)
Units    I, u, v, r in units in which the quadratic turns at 1 · h in steps
Names    h step of the dynamics, 1/h steps the time constant · a, b coupling and leak of the recovery · c jump
         of it by a spike · r reset value; θ_v, θ_u, θ_s and θ_r of the papers
Source   the form usually given for Cheng, Zhang, Jia, Xu 2020, arXiv 2010.03140, not checked against its text; it is
         Izhikevich's (2003, IEEE TNN 14:1569) with other constants. Euler step, bound and initial values are ours
Differs  the papers find the four numbers on one task and use them for others; here they are trained with the weights
"""

import torch
from torch import Tensor

from snnsim import validation
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn import settings
from snnsim.nn.parameters import Learn, NeuronParameter
from snnsim.nn.protocols import Neuron
from snnsim.renamed import OldName
from snnsim.surrogate import Surrogate, as_surrogate


class SecondOrder(Neuron[Tensor]):
    """Second-order neurons; `neuron(current)` gives the spikes of a whole sequence.

    Args:
        threshold: Membrane at which a neuron fires, itself included.
        pace: Step h of the dynamics, 1 / time constant in steps; above 0 and at most 1.
        coupling: Coupling a of the recovery to the voltage.
        leak: Leak b of the recovery.
        jump: Jump c of the recovery at a spike.
        reset_value: Reset value r of the voltage.
        detach_reset: Whether gradients skip the reset.
        surrogate: Name of a surrogate derivative, or a `Surrogate`.
        learn: Whether coupling, leak, jump and reset value are "fixed", or trained with one value for the "layer" or
            one for each "neuron".
        features: Number of neurons, needed for "neuron".

    Raises:
        ValueError: If the pace is out of its range.
    """

    threshold: Tensor

    def __init__(  # noqa: PLR0913
        self,
        *,
        threshold: float = 1.0,
        pace: float = 0.5,
        coupling: float = 0.1,
        leak: float = 0.3,
        jump: float = 0.1,
        reset_value: float = 0.0,
        detach_reset: bool = True,
        surrogate: str | Surrogate = "atan",
        learn: Learn = "fixed",
        features: int | None = None,
    ) -> None:
        super().__init__()
        threshold = validation.positive(threshold, who="SecondOrder", name="threshold")
        pace = validation.number(pace, who="SecondOrder", name="pace")
        if not 0 < pace <= 1:
            raise ValueError(f"SecondOrder: pace must be above 0 and at most 1, not {pace}; it is 1 / time constant")
        settings.carry(self, threshold=threshold, pace=pace)
        self.pace, self.detached = pace, validation.truth(detach_reset, who="SecondOrder", name="detach_reset")
        self.register_buffer("threshold", torch.full((1,), threshold), persistent=False)
        self.coupling = NeuronParameter(coupling, learn=learn, features=features)
        self.jump = NeuronParameter(jump, learn=learn, features=features)
        self.leak = NeuronParameter(leak, learn=learn, features=features, positive=True)
        self.reset_value = NeuronParameter(reset_value, learn=learn, features=features)
        self.surrogate = as_surrogate(surrogate, who="SecondOrder")

    def rest(self, current: Tensor) -> Tensor:
        """Return voltage and recovery at rest, zeros (2, ..., neuron).

        Args:
            current: The currents (time, ..., neuron), whose shape, type and device the state has.
        """
        return current.new_zeros(2, *current.shape[1:])

    def firing_threshold(self) -> Tensor:
        """Return θ, (1,)."""
        return self.threshold

    def advance(self, current: Tensor, state: Tensor, draws: Draws | None = None) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Return the spikes and the membrane of one step, and the state after it: the equations above.

        Args:
            current: The current of the step, (..., neuron).
            state: Voltage and recovery before the step, (2, ..., neuron).
            draws: Not used.
        """
        (voltage, recovery), threshold = state, self.threshold.to(current.dtype)
        parameters = self.coupling, self.leak, self.jump, self.reset_value
        coupling, leak, jump, reset_value = (parameter().to(current.dtype) for parameter in parameters)
        membrane = voltage + self.pace * (voltage * (voltage - 1) - recovery) + current
        spikes = self.surrogate.spike(membrane - threshold)
        resets = spikes.detach() if self.detached else spikes
        after = torch.maximum(membrane * (1 - resets) + reset_value * resets, -threshold)
        recovery = recovery + self.pace * (coupling * voltage - leak * recovery) + jump * spikes
        return spikes, membrane, torch.stack([after, recovery])

    fire = OldName("integrate")

    def _check(self, current: Tensor) -> None:
        # the lower bound of the voltage would hide a current of minus infinity
        gates.finite(current, who="SecondOrder", name="the current")
        super()._check(current)
