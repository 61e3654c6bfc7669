"""Levy-Baxter neuron: its inputs reach it in quanta that may fail, and it fires where enough of them do.

    x̂[t, i] = Q_i φ[t, i] x[t, i]          φ[t, i] ~ Bernoulli(s_i)
    z[t, j] = Θ(I[t, j] − g)               I = Σ_i w_ij x̂_i, with or without delays; nothing is kept from step to step

    drawn        φ is 0 or 1, a function of seed, layer, recording, step and source; ∂x̂/∂s := Q x, straight through
    expected     without draws φ = s: what arrives in the mean, with exact gradients

Shapes   x (time, ..., source) · I, z (time, ..., neuron) · s, Q (1,) or (source,) · g (1,)
Names    φ release · s success probability, 1 − s the failure rate · Q amplitude factor · g threshold
Source   Levy & Baxter 2002, J. Neurosci. 22:4746; Paprocki & Szczepanski 2013
Differs  a release is that of a source, shared by all neurons of a layer: each by itself is a Levy-Baxter neuron, but
         the failures of two are not independent. In those papers w = 1 and Q has a law; here all are learned
"""

from typing import Any

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron import autograd
from snnsim.kernels.neuron.autograd import Fired
from snnsim.nn import settings
from snnsim.nn.decay import Decay, Learn, learned_shape
from snnsim.nn.lif import LIF
from snnsim.nn.parameters import Learned
from snnsim.surrogate import Surrogate


class LevyBaxter(nn.Module):
    """Threshold neurons whose inputs are released by chance; a layer releases them before its synapse.

    `learn` says whether success and amplitude are fixed, or trained with one value for the layer or one for each of
    `sources`, and the threshold with one value.
    """

    def __init__(
        self,
        *,
        threshold: float = 1.0,
        success: float = 0.75,
        amplitude: float = 1.0,
        surrogate: str | Surrogate = "atan",
        learn: Learn = "fixed",
        sources: int | None = None,
    ) -> None:
        super().__init__()
        success = validation.number(success, who="LevyBaxter", name="success")
        if not 0 < success <= 1:
            raise ValueError(f"LevyBaxter: success must be above 0 and at most 1, not {success}; it is a probability")
        amplitude = validation.positive(amplitude, who="LevyBaxter", name="amplitude")
        if learned_shape("learn", learn, 1 if sources is None else sources) and learn == "neuron" and sources is None:
            raise ValueError("LevyBaxter: learn='neuron' needs sources, the number of inputs")
        settings.carry(self)
        self.unit = LIF(beta=0.0, threshold=threshold, surrogate=surrogate, learn_threshold=learn != "fixed")
        self.success = Decay(tau=None, beta=success, learn=learn, features=sources)
        self.amplitude = Learned(amplitude, learn=learn, features=sources, positive=True)

    @property
    def threshold(self) -> Tensor:
        """g, (1,)."""
        return self.unit.threshold

    def constrain(self) -> None:
        """Bring a learned threshold back above 0; call after each optimizer step."""
        self.unit.constrain()

    @property
    def noisy(self) -> bool:
        """Whether there is anything to draw."""
        return self.success.logit is not None or bool((self.success.value < 1).any())

    def release(self, spikes: Tensor, draws: Draws | None = None) -> Tensor:
        """Return what of spikes (time, ..., source) is released: by chance, or in the mean without draws."""
        success, amplitude = (
            gates.each_neuron(part(), spikes, who="LevyBaxter", name=name)
            for name, part in (("success", self.success), ("amplitude", self.amplitude))
        )
        sent = spikes * amplitude
        if draws is None or len(spikes) == 0:
            return sent * success
        released = torch.stack([_below(success, draws.at(draws.step + step), now) for step, now in enumerate(spikes)])
        # the gradient of the mean for the probability, that of the draw for what came
        return sent * released + (sent.detach() * (success - success.detach()))

    def forward(self, current: Tensor, *, temporal: bool = True, draws: Draws | None = None) -> Tensor:
        """Return the spikes that the currents of released spikes lead to."""
        return self.run(current, temporal=temporal, draws=draws)[0]

    def run(
        self, current: Tensor, voltage: Tensor | None = None, *, temporal: bool = True, draws: Draws | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the spikes of a sequence, and a state that says nothing, as nothing is kept."""
        fired = self.fire(current, voltage, temporal=temporal, draws=draws)
        return fired.spikes, fired.last

    def trace(
        self, current: Tensor, voltage: Tensor | None = None, draws: Draws | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the spikes and the sum that was compared with the threshold, both (time, ..., neuron)."""
        fired = self.fire(current, voltage, record=True, draws=draws)
        return fired.spikes, fired.membrane

    def fire(self, current: Tensor, voltage: Tensor | None = None, draws: Draws | None = None, **how: Any) -> Fired:  # noqa: ARG002
        """Return spikes, sum and state as LIF does; the draws have been used up by the release."""
        return self.unit.fire(current, voltage, **how)

    def step(self, current: Tensor, voltage: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes of one step and the state after it."""
        spikes, voltage = self.run(current[None], voltage)
        return spikes[0], voltage

    def compiled(self, current: Tensor) -> bool:
        """Return whether a compiled form will do these currents."""
        return self.unit.compiled(current)


@torch.no_grad()
def _below(success: Tensor, draws: Draws, like: Tensor) -> Tensor:
    # r < s where logit(r) < logit(s)
    return (autograd.logistic(draws, like) < torch.logit(success)).to(like.dtype)
