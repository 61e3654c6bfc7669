"""Probabilistic meta-neuron: a leaky integrator with random spikes, whose own parameters are learned.

    u[t] = β v[t−1] + I[t] − w[t−1]
    s[t] ~ Bernoulli(p[t])                      p[t] = sigmoid((u[t] − θ) / Δ)
    v[t] = u[t] (1 − s[t]) + r s[t]             reset="hard"
    v[t] = u[t] − (θ − r) s[t]                  reset="soft"
    w[t] = ρ w[t−1] + a u[t] + b s[t]           with a recovery variable; w = 0 without one

Drawn as s[t] = Θ(u[t] − θ + Δ ξ[t]) with logistic ξ, a function of seed, layer, recording, step and neuron. Without
draws ξ = 0: a neuron fires where a spike is at least as likely as none. With Δ = 0, r = 0 and no recovery, it is LIF,
spike for spike.

    straight_through   ∂s/∂x := ∂p/∂x for x in u, θ, Δ: the sigmoid's derivative, p (1 − p) / Δ
    expectation        s[t] = p[t] is sent, and resets in part: smooth, with exact gradients, but another network
    score              ∇ E[L] = E[L ∇ ln P(s)]: unbiased; `log_likelihood` is ln P(s[t] | s[0] ... s[t − 1])

Shapes   I, s, u, p (time, ..., neuron) · state v (..., neuron), or (2, ..., neuron): v and w
         all others (1,) or (neuron,)
Units    I, u, v, w, Δ, r in units of θ
Names    u membrane before the reset · v after it · w recovery · β decay · θ threshold · Δ width of the noise
         r reset value · ρ, a, b of the recovery: its decay, its gain from the membrane, its jump at a spike
Source   our own definition, of what Rudnicka, Szczepanski, Pregowska 2025, arXiv 2508.11674 call a (probabilistic)
         meta-neuron, whose equations were not available; escape noise: Gerstner & Kistler 2002, Spiking Neuron Models,
         ch. 5; straight through: Bengio, Léonard, Courville 2013, arXiv 1308.3432; score: Williams 1992
Differs  from the Levy-Baxter neuron, whose inputs are released at random, and from meta-dynamic neurons, which
         second_order.py has
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim import validation
from snnsim.kernels.common import dispatch, gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron import autograd
from snnsim.kernels.neuron.types import Noise
from snnsim.nn import settings
from snnsim.nn.decay import Decay
from snnsim.nn.lif import RESETS, flat, shaped
from snnsim.nn.neuron_state import Activity
from snnsim.nn.parameters import Learn, NeuronParameter
from snnsim.nn.protocols import DEFAULTS, Neuron, NeuronOptions
from snnsim.renamed import OldName, fields
from snnsim.surrogate import Surrogate, as_surrogate

Decide = Callable[[Tensor, Tensor], Tensor]
"""From the membrane and the threshold of a step to its spikes."""
ESTIMATORS = ("straight_through", "expectation")


class Recovery(NamedTuple):
    """The recovery variable at the start of training."""

    decay: float = 0.9
    """ρ, decay of the variable over a step."""
    membrane: float = 0.0
    """a, gain from the membrane."""
    spike: float = 0.1
    """b, jump at a spike."""


fields(Recovery, kept="decay")
_SAVED = ("kept", "membrane", "spike")
"""Names of the variable's parameters in saved states."""


class _Learning(TypedDict):
    learn: Learn
    features: int | None


class MetaNeuron(Neuron[Tensor]):
    """Neurons with random spikes; `neuron(current, draws=Draws.of(seed))` gives the spikes of a whole sequence.

    Args:
        tau: Time constant of the leak in steps, β = 1 − 1/τ; give `tau` or `beta`, or neither for τ = 2.
        beta: Decay of the voltage over a step, from 0 to 1.
        threshold: Membrane at which a spike is as likely as none.
        width: Width Δ of the noise; 0 for none.
        reset: "hard", to the reset value, or "soft", by subtraction of threshold − reset value.
        reset_value: Reset value r.
        recovery: The recovery variable at the start of training; None for none.
        detach_reset: Whether gradients skip the reset.
        surrogate: Name of a surrogate derivative, or a `Surrogate`; used without noise alone.
        estimator: "straight_through" or "expectation", see the module.
        learn: Whether decay, threshold, width, reset value and recovery are "fixed", or trained with one value for the
            "layer" or one for each "neuron".
        features: Number of neurons, needed for "neuron".

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        tau: float | None = None,
        beta: float | None = None,
        threshold: float = 1.0,
        width: float = 0.2,
        reset: str = "hard",
        reset_value: float = 0.0,
        recovery: Recovery | None = None,
        detach_reset: bool = True,
        surrogate: str | Surrogate = "sigmoid",
        estimator: str = "straight_through",
        learn: Learn = "fixed",
        features: int | None = None,
    ) -> None:
        super().__init__()
        validation.one_of(reset, RESETS, who="MetaNeuron", name="reset")
        validation.one_of(estimator, ESTIMATORS, who="MetaNeuron", name="estimator")
        threshold = validation.positive(threshold, who="MetaNeuron", name="threshold")
        width = validation.number(width, who="MetaNeuron", name="width")
        detach_reset = validation.truth(detach_reset, who="MetaNeuron", name="detach_reset")
        if not 0 <= width < math.inf or (width == 0 and (learn != "fixed" or estimator == "expectation")):
            raise ValueError(
                f"MetaNeuron: width must be positive, or 0 where it is fixed and spikes are sent, not {width}"
            )
        learning = _Learning(learn=learn, features=features)
        self.decay = Decay(tau=tau, beta=beta, **learning)
        self.threshold = NeuronParameter(threshold, positive=True, **learning)
        self.width = NeuronParameter(width, positive=True, **learning)
        self.reset_value = NeuronParameter(reset_value, **learning)
        self.recovery = None if recovery is None else _recovery(recovery, learning)
        self.estimator = estimator
        self.reset = autograd.Reset(reset == "hard", detach_reset, as_surrogate(surrogate, who="MetaNeuron"))
        settings.carry(self, reset=reset, estimator=estimator, recovery=recovery is not None)

    @property
    def is_stochastic(self) -> bool:
        """Whether spikes are drawn: neither expected values, nor without noise."""
        noisy = self.width.raw is not None or bool((self.width.value > 0).all())
        return self.estimator != "expectation" and noisy

    def supports_fused(self, current: Tensor) -> bool:
        """Return whether a compiled kernel computes these currents.

        Args:
            current: The currents (time, ..., neuron), whose type and device count.
        """
        known = self.recovery is None and self.estimator != "expectation"
        return known and dispatch.of_neurons(current, noisy=True) != "steps"

    def fused(
        self, current: Tensor, state: Tensor | None = None, options: NeuronOptions = DEFAULTS
    ) -> Activity[Tensor]:
        """Return the activity of a sequence by the compiled kernel, for currents that `supports_fused` accepts.

        Args:
            current: The currents, (time, ..., neuron).
            state: The voltage before the first step, (..., neuron); None for rest.
            options: Gradient path, random counter, normalization and dropout.
        """
        voltage = self.initial_state(current, state)
        width = gates.each_neuron(self.width(), current, who="neurons", name="width")
        reset_value = gates.each_neuron(self.reset_value(), current, who="neurons", name="reset value")
        stochastic = self.is_stochastic
        # a width without elements means no noise
        noise = Noise(width if stochastic else current.new_empty(0), reset_value, options.draws if stochastic else None)
        lanes = flat(current)
        fired = autograd.lif(
            lanes,
            voltage.reshape(lanes.shape[1:]),
            gates.each_neuron(self.decay(), current, who="neurons", name="decay"),
            gates.each_neuron(self.threshold(), current, who="neurons", name="threshold"),
            reset=self.reset,
            norm=options.norm,
            lengths=options.valid,
            mask=options.mask,
            record=options.record,
            temporal=options.temporal,
            noise=noise,
        )
        return shaped(fired, current)

    def advance(self, current: Tensor, state: Tensor, draws: Draws | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the spikes and the membrane of one step, and the state after it: the equations above.

        Args:
            current: The current of the step, (..., neuron).
            state: The state before the step.
            draws: Random counter of the step, or None for no randomness.
        """
        if self.estimator == "expectation":
            return self._advance(current, state, self._expected)
        if not self.is_stochastic:
            return self._advance(current, state, lambda membrane, level: self.reset.surrogate.spike(membrane - level))
        xi = None if draws is None else autograd.logistic(draws, current)
        return self._advance(current, state, lambda membrane, level: self._drawn(membrane, level, xi))

    def probability(self, above: Tensor) -> Tensor:
        """Return the probability p of a spike, of any shape.

        Args:
            above: Distance of each membrane from the threshold, u − θ, (..., neuron).
        """
        return torch.sigmoid(above / self.width().to(above.dtype))

    def log_likelihood(self, current: Tensor, spikes: Tensor, state: Tensor | None = None) -> Tensor:
        """Return ln P(s[t] | s[0] ... s[t − 1]) of spikes with its exact gradient, (time, ..., neuron).

        Args:
            current: The currents, (time, ..., neuron).
            spikes: The spikes, in the same shape.
            state: The state before the first step, or None for rest.
        """
        state = self.rest(current) if state is None else state
        likelihoods = []
        for now, sent in zip(current, spikes, strict=True):

            def decide(membrane: Tensor, threshold: Tensor, sent: Tensor = sent) -> Tensor:
                side = (2 * sent - 1) * (membrane - threshold)
                likelihoods.append(functional.logsigmoid(side / self.width().to(side.dtype)))
                return sent

            _, _, state = self._advance(now, state, decide)
        return torch.stack(likelihoods)

    def rest(self, current: Tensor) -> Tensor:
        """Return the state at rest, zeros (..., neuron), or (2, ..., neuron) with a recovery variable.

        Args:
            current: The currents (time, ..., neuron), whose shape, type and device the state has.
        """
        pair = () if self.recovery is None else (2,)
        return current.new_zeros(pair + current.shape[1:])

    def firing_threshold(self) -> Tensor:
        """Return θ, (1,) or (neuron,)."""
        threshold: Tensor = self.threshold()
        return threshold

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return f"reset={'hard' if self.reset.hard else 'soft'}, estimator={self.estimator}"

    noisy, fire, compiled = OldName("is_stochastic"), OldName("integrate"), OldName("supports_fused")

    def _expected(self, membrane: Tensor, threshold: Tensor) -> Tensor:
        return self.probability(membrane - threshold)

    def _drawn(self, membrane: Tensor, threshold: Tensor, xi: Tensor | None) -> Tensor:
        # rounded as the compiled kernel rounds it
        level = threshold if xi is None else threshold - self.width().to(xi.dtype) * xi
        spikes: Tensor = _StraightThrough.apply(  # type: ignore[no-untyped-call]
            self._expected(membrane, threshold), (membrane >= level).to(membrane.dtype)
        )
        return spikes

    def _advance(self, now: Tensor, state: Tensor, decide: Decide) -> tuple[Tensor, Tensor, Tensor]:
        parameters = self.decay, self.threshold, self.reset_value
        beta, threshold, reset_value = (parameter().to(now.dtype) for parameter in parameters)
        voltage, recovery = (state, None) if self.recovery is None else state
        membrane = beta * voltage + now
        if recovery is not None:
            membrane = membrane - recovery
        spikes = decide(membrane, threshold)
        resets = spikes.detach() if self.reset.detached and self.estimator != "expectation" else spikes
        lowered = membrane * (1 - resets) if self.reset.hard else membrane - threshold * resets
        voltage = lowered + reset_value * resets
        if self.recovery is None or recovery is None:
            return spikes, membrane, voltage
        decay, gain, jump = (self.recovery[name]().to(now.dtype) for name in _SAVED)
        return spikes, membrane, torch.stack([voltage, decay * recovery + gain * membrane + jump * spikes])


def _recovery(start: Recovery, learning: _Learning) -> nn.ModuleDict:
    decay = Decay(tau=None, beta=start.decay, **learning)
    gain, jump = NeuronParameter(start.membrane, **learning), NeuronParameter(start.spike, **learning)
    return nn.ModuleDict(dict(zip(_SAVED, (decay, gain, jump), strict=True)))


class _StraightThrough(torch.autograd.Function):
    """The drawn spikes forward, the gradient of their probability backward."""

    @staticmethod
    def forward(ctx: Any, probability: Tensor, spikes: Tensor) -> Tensor:  # noqa: ARG004
        return spikes

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return grad, None
