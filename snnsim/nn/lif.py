"""Leaky integrate-and-fire: decay over one step, add the current, fire, reset.

    u[t] = β v[t−1] + I[t]        β = 1 − 1/τ, τ in steps, or β itself
    s[t] = Θ(u[t] − θ)            Θ(0) = 1
    v[t] = u[t] (1 − s[t])        reset="hard", to 0
    v[t] = u[t] − θ s[t]          reset="soft", by subtraction

Shapes   I, s, u (time, ..., neuron) · v (..., neuron) · β, θ (1,) or (neuron,)
Units    I, u, v in units of θ (1 by default) · τ in steps of the simulation
Names    u membrane before the reset · v voltage after it · I current · s spikes · β decay · θ threshold
Differs  spikingjelly's LIFNode equals this with decay_input=False and the same tau; with its default
         decay_input=True its input counts 1/τ: give it τ times the current. Its default is detach_reset=False.
         snnTorch's Leaky equals this with the same beta, reset_delay=False and detach_reset=False here, as long
         as u < 2 θ: it does not fire at θ itself, and if v is above θ after a subtraction it subtracts again in
         the next step. With its default reset_delay=True, "subtract" takes θ off after the next leak: other spikes
"""

from typing import Any

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.kernels.common import dispatch, gates
from snnsim.kernels.neuron import autograd
from snnsim.kernels.neuron.autograd import Fired
from snnsim.nn import run_neuron, settings
from snnsim.nn.decay import Decay, Learn
from snnsim.surrogate import Surrogate, as_surrogate

RESETS = ("hard", "soft")
LEAST = 0.01
"""A learned threshold stays above this share of the one that it started with: at 0, neurons fire in silence."""


class LIF(nn.Module):
    """Leaky integrate-and-fire neurons; `lif(current)` gives the spikes of a whole sequence.

    Give the leak as `tau` in steps (β = 1 − 1/τ) or as `beta`; `learn_decay` says whether one value for the
    layer or one for each of `features` neurons is trained. `surrogate` is a name or a `Surrogate`.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        tau: float | None = None,
        beta: float | None = None,
        threshold: float = 1.0,
        reset: str = "hard",
        detach_reset: bool = True,
        surrogate: str | Surrogate = "atan",
        learn_decay: Learn = "fixed",
        learn_threshold: bool = False,
        features: int | None = None,
    ) -> None:
        super().__init__()
        validation.one_of(reset, RESETS, who="LIF", name="reset")
        start = validation.positive(threshold, who="LIF", name="threshold")
        detach_reset = validation.truth(detach_reset, who="LIF", name="detach_reset")
        self.decay = Decay(tau=tau, beta=beta, learn=learn_decay, features=features)
        self.least = start * LEAST
        settings.carry(self, reset=reset, **({} if learn_threshold else {"threshold": start}))
        if validation.truth(learn_threshold, who="LIF", name="learn_threshold"):
            self.threshold = nn.Parameter(torch.full((1,), start))
        else:
            self.register_buffer("threshold", torch.full((1,), start), persistent=False)
        self.surrogate = as_surrogate(surrogate, who="LIF")
        self.reset = autograd.Reset(reset == "hard", detach_reset, self.surrogate)

    def forward(self, current: Tensor, *, temporal: bool = True) -> Tensor:
        """Return the spikes of a sequence that starts at rest."""
        return self.run(current, temporal=temporal)[0]

    def run(self, current: Tensor, voltage: Tensor | None = None, *, temporal: bool = True) -> tuple[Tensor, Tensor]:
        """Return the spikes of a sequence and the voltage after it, from the voltage before it (0 if None).

        Without `temporal`, no gradient passes through the voltage from one step to the next.
        """
        fired = self.fire(current, voltage, temporal=temporal)
        return fired.spikes, fired.last

    def trace(self, current: Tensor, voltage: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes and the membrane before the reset, both (time, ..., neuron)."""
        fired = self.fire(current, voltage, record=True)
        return fired.spikes, fired.membrane

    def fire(
        self,
        current: Tensor,
        voltage: Tensor | None = None,
        *,
        record: bool = False,
        temporal: bool = True,
        **around: Any,
    ) -> Fired:
        """Return spikes, membrane if it is to be recorded, and the last voltage.

        `around` are normalization and dropout that a layer has done in the same pass; see kernels/neuron/autograd.py.
        """
        current = gates.current(current, who="LIF")
        voltage = self.rest(current) if voltage is None else voltage
        voltage = gates.state(voltage, current.shape[1:], who="LIF", like=current)
        if current.numel() == 0:
            return Fired(current, current if record else None, voltage)
        if not self.compiled(current):
            run_neuron.check(self, current)
            return run_neuron.by_steps(current, voltage, self._advance, record=record, temporal=temporal)
        around |= {"reset": self.reset, "record": record, "temporal": temporal}
        return run_neuron.in_one_pass(current, voltage, self.decay(), self.level(), **around)

    def step(self, current: Tensor, voltage: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes of one step and the voltage after it: the equations above, as they stand."""
        voltage = torch.zeros_like(current) if voltage is None else voltage
        voltage = gates.state(voltage, current.shape, who="LIF", like=current)
        spikes, membrane, voltage = self._advance(0, current, voltage)
        gates.ended(membrane, who="LIF")
        return spikes, voltage

    def level(self) -> Tensor:
        """Return θ, (1,): the threshold, which never comes below a hundredth of where it started."""
        return self.threshold.clamp(min=self.least) if isinstance(self.threshold, nn.Parameter) else self.threshold

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring a learned threshold back above 0; call after each optimizer step."""
        if isinstance(self.threshold, nn.Parameter):
            self.threshold.clamp_(min=self.least)

    def compiled(self, current: Tensor) -> bool:
        """Return whether a compiled form will do these currents."""
        return dispatch.of_neurons(current) != "steps"

    def rest(self, current: Tensor) -> Tensor:
        """Return the voltage at rest for a sequence of currents."""
        return torch.zeros(current.shape[1:], dtype=current.dtype, device=current.device)

    def extra_repr(self) -> str:
        """Say the settings that `print(network)` should show."""
        return f"reset={'hard' if self.reset.hard else 'soft'}, surrogate={self.surrogate}"

    def _advance(self, _: int, current: Tensor, voltage: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        membrane = self.decay().to(current.dtype) * voltage + current
        spikes = self.surrogate.spike(membrane - self.level().to(current.dtype))
        return spikes, membrane, self._after_reset(membrane, spikes)

    def _after_reset(self, membrane: Tensor, spikes: Tensor) -> Tensor:
        spikes = spikes.detach() if self.reset.detached else spikes
        return membrane * (1 - spikes) if self.reset.hard else membrane - self.level().to(membrane.dtype) * spikes
