"""Second-order meta-dynamic neuron: a quadratic membrane and a recovery variable, whose four numbers are learned.

    u[t] = v[t−1] + h (v[t−1]² − v[t−1] − w[t−1]) + I[t]
    s[t] = Θ(u[t] − θ)
    v[t] = u[t] (1 − s[t]) + r s[t]
    w[t] = w[t−1] + h (a v[t−1] − b w[t−1]) + c s[t]

Euler steps of dv/dt = v² − v − w + I, dw/dt = a v − b w. At v = 1 the quadratic turns from a leak into a drive. Held at
v ≥ −θ, below which an Euler step of the square would throw the voltage over the threshold.

Shapes   I, s, u (time, ..., neuron) · state (2, ..., neuron), v and w · a, b, c, r, θ (1,) or (neuron,)
Units    I, u, v, r in units in which the quadratic turns at 1 · h in steps
Names    h the share of a step's dynamics, 1/h steps the time constant · a, b coupling and leak of the recovery · c jump
         of it by a spike · r reset value; θ_v, θ_u, θ_s and θ_r of the papers
Source   the form usually given for Cheng, Zhang, Jia, Xu 2020, arXiv 2010.03140, not checked against its text; it is
         Izhikevich's (2003, IEEE TNN 14:1569) with other constants. Euler step, bound and initial values are ours
Differs  the papers find the four numbers on one task and use them for others; here they are trained with the weights
"""

from typing import Any

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.kernels.common import gates
from snnsim.kernels.neuron.autograd import Fired
from snnsim.nn import run_neuron, settings
from snnsim.nn.decay import Learn
from snnsim.nn.parameters import Learned
from snnsim.surrogate import Surrogate, as_surrogate


class SecondOrder(nn.Module):
    """Second-order neurons; `neuron(current)` gives the spikes of a whole sequence.

    `learn` says whether coupling, leak, jump and reset are fixed, or trained with one value for the layer or one for
    each of `features` neurons.
    """

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
        how: dict[str, Any] = {"learn": learn, "features": features}
        settings.carry(self, threshold=threshold, pace=pace)
        self.pace, self.detached = pace, validation.truth(detach_reset, who="SecondOrder", name="detach_reset")
        self.register_buffer("threshold", torch.full((1,), threshold), persistent=False)
        self.coupling, self.jump = Learned(coupling, **how), Learned(jump, **how)
        self.leak, self.reset_value = Learned(leak, positive=True, **how), Learned(reset_value, **how)
        self.surrogate = as_surrogate(surrogate, who="SecondOrder")

    def forward(self, current: Tensor, *, temporal: bool = True) -> Tensor:
        """Return the spikes of a sequence that starts at rest."""
        return self.run(current, temporal=temporal)[0]

    def run(self, current: Tensor, state: Tensor | None = None, *, temporal: bool = True) -> tuple[Tensor, Tensor]:
        """Return the spikes of a sequence and the state after it, from the state before it (rest if None).

        Without `temporal`, no gradient passes through the state from one step to the next.
        """
        fired = self.fire(current, state, temporal=temporal)
        return fired.spikes, fired.last

    def trace(self, current: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes and the membrane before the reset, both (time, ..., neuron)."""
        fired = self.fire(current, state, record=True)
        return fired.spikes, fired.membrane

    def fire(
        self, current: Tensor, state: Tensor | None = None, *, record: bool = False, temporal: bool = True
    ) -> Fired:
        """Return spikes, membrane if it is to be recorded, and the last state."""
        current = gates.current(current, who="SecondOrder")
        state = current.new_zeros(2, *current.shape[1:]) if state is None else state
        state = gates.state(state, (2, *current.shape[1:]), who="SecondOrder", like=current)
        # the bound below would make -1 of minus infinity
        gates.finite(current, who="SecondOrder", name="the current")
        if current.numel() == 0:
            return Fired(current, current if record else None, state)
        run_neuron.check(self, current)
        return run_neuron.by_steps(current, state, self._advance, record=record, temporal=temporal)

    def step(self, current: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes of one step and the state after it: the equations above, as they stand."""
        state = current.new_zeros(2, *current.shape) if state is None else state
        state = gates.state(state, (2, *current.shape), who="SecondOrder", like=current)
        spikes, membrane, state = self._advance(0, current, state)
        gates.ended(membrane, who="SecondOrder")
        return spikes, state

    def _advance(self, _: int, now: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (voltage, recovery), threshold = state, self.threshold.to(now.dtype)
        parts = self.coupling, self.leak, self.jump, self.reset_value
        coupling, leak, jump, back = (part().to(now.dtype) for part in parts)
        membrane = voltage + self.pace * (voltage * (voltage - 1) - recovery) + now
        spikes = self.surrogate.spike(membrane - threshold)
        cleared = spikes.detach() if self.detached else spikes
        after = torch.maximum(membrane * (1 - cleared) + back * cleared, -threshold)
        recovery = recovery + self.pace * (coupling * voltage - leak * recovery) + jump * spikes
        return spikes, membrane, torch.stack([after, recovery])
