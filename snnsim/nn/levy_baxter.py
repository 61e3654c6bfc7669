"""Levy-Baxter neuron: a threshold neuron whose inputs arrive in quanta, each of which may fail.

    x̂[t, i] = Q_i φ[t, i] x[t, i]          φ[t, i] ~ Bernoulli(s_i)
    z[t, j] = Θ(I[t, j] − g)               I = Σ_i w_ij x̂_i, with or without delays; no state

    drawn        φ is 0 or 1, a function of seed, layer, recording, step and source; ∂x̂/∂s := Q x, straight through
    expected     without draws φ = s: the mean of the release, with exact gradients

Shapes   x (time, ..., source) · I, z (time, ..., neuron) · s, Q (1,) or (source,) · g (1,)
Names    φ release · s success probability, 1 − s the failure rate · Q amplitude factor · g threshold
Source   Levy & Baxter 2002, J. Neurosci. 22:4746; Paprocki & Szczepanski 2013
Differs  a release is that of a source, shared by all neurons of a layer: each by itself is a Levy-Baxter neuron, but
         the failures of two are not independent. In those papers w = 1 and Q has a law; here all are learned
"""

import torch
from torch import Tensor

from snnsim import validation
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron import autograd
from snnsim.nn import settings
from snnsim.nn.lif import LIF
from snnsim.nn.neuron_state import Activity
from snnsim.nn.parameters import Fraction, Learn, NeuronParameter, learned_shape
from snnsim.nn.protocols import DEFAULTS, Neuron, NeuronOptions
from snnsim.renamed import OldName
from snnsim.surrogate import Surrogate


class LevyBaxter(Neuron[Tensor]):
    """Threshold neurons with a random release of their inputs; a layer calls `release` before its synapse.

    Args:
        threshold: Threshold g.
        success: Success probability s of a release, above 0 and at most 1.
        amplitude: Amplitude factor Q.
        surrogate: Name of a surrogate derivative, or a `Surrogate`.
        learn: Whether success, amplitude and threshold are "fixed", or trained: success and amplitude with one value
            for the "layer" or one for each source ("neuron"), the threshold with one value.
        sources: Number of inputs, needed for "neuron".

    Raises:
        ValueError: If the success probability is out of its range, or the number of inputs is missing.
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
        self.success = Fraction(success, name="success", learn=learn, features=sources)
        self.amplitude = NeuronParameter(amplitude, learn=learn, features=sources, positive=True)

    @property
    def threshold(self) -> Tensor:
        """g, (1,)."""
        return self.unit.threshold

    @property
    def is_stochastic(self) -> bool:
        """Whether a release may fail."""
        return self.success.logit is not None or bool((self.success.value < 1).any())

    def release(self, spikes: Tensor, draws: Draws | None = None) -> Tensor:
        """Return the released part of spikes: drawn at random, or its mean without draws.

        Args:
            spikes: The input, (time, ..., source).
            draws: Random counter of the first step, or None.
        """
        success = gates.each_neuron(self.success(), spikes, who="LevyBaxter", name="success")
        amplitude = gates.each_neuron(self.amplitude(), spikes, who="LevyBaxter", name="amplitude")
        sent = spikes * amplitude
        if draws is None or len(spikes) == 0:
            return sent * success
        released = torch.stack([_below(success, draws.at(draws.step + step), now) for step, now in enumerate(spikes)])
        # the probability gets the gradient of the mean, the input that of the drawn release
        return sent * released + (sent.detach() * (success - success.detach()))

    def rest(self, current: Tensor) -> Tensor:
        """Return the state at rest, which has no effect, as the decay is 0.

        Args:
            current: The currents (time, ..., neuron), whose shape, type and device the state has.
        """
        return self.unit.rest(current)

    def firing_threshold(self) -> Tensor:
        """Return g, (1,)."""
        return self.unit.firing_threshold()

    def constrain(self) -> None:
        """Bring a learned threshold back above 0; called after each optimizer step."""
        self.unit.constrain()

    def supports_fused(self, current: Tensor) -> bool:
        """Return whether a compiled kernel computes these currents.

        Args:
            current: The currents (time, ..., neuron), whose type and device count.
        """
        return self.unit.supports_fused(current)

    # the release has used the draws
    def fused(
        self, current: Tensor, state: Tensor | None = None, options: NeuronOptions = DEFAULTS
    ) -> Activity[Tensor]:
        """Return the activity of a sequence by the compiled kernel.

        Args:
            current: The currents, (time, ..., neuron).
            state: The state before the first step, which has no effect; None for rest.
            options: Gradient path, normalization and dropout; draws act in `release` alone.
        """
        return self.unit.fused(current, state, options)

    def advance(self, current: Tensor, state: Tensor, draws: Draws | None = None) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Return the spikes and the sum of one step, and the state after it.

        Args:
            current: The current of the step, (..., neuron).
            state: The state before the step.
            draws: Not used; the release has used them.
        """
        return self.unit.advance(current, state)

    noisy, fire, compiled = OldName("is_stochastic"), OldName("integrate"), OldName("supports_fused")

    def _check(self, current: Tensor) -> None:
        # success and amplitude are of the sources, whose number may be another
        self.unit._check(current)


@torch.no_grad()
def _below(success: Tensor, draws: Draws, like: Tensor) -> Tensor:
    # r < s where logit(r) < logit(s)
    return (autograd.logistic(draws, like) < torch.logit(success)).to(like.dtype)
