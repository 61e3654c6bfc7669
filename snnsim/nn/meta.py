"""Probabilistic meta-neuron: a leaky integrator that fires by chance, and whose own parameters are learned.

    u[t] = β v[t−1] + I[t] − w[t−1]
    s[t] ~ Bernoulli(p[t])                      p[t] = sigmoid((u[t] − θ) / Δ)
    v[t] = u[t] (1 − s[t]) + r s[t]             reset="hard"
    v[t] = u[t] − (θ − r) s[t]                  reset="soft"
    w[t] = ρ w[t−1] + a u[t] + b s[t]           with a recovery variable; w = 0 without one

Drawn as s[t] = Θ(u[t] − θ + Δ ξ[t]) with logistic ξ, a function of seed, layer, recording, step and neuron. Without
draws ξ = 0: it fires where it is at least as likely as not. With Δ = 0, r = 0 and no recovery it is LIF, spike
for spike.

    straight_through   ∂s/∂x := ∂p/∂x for x in u, θ, Δ: the sigmoid's derivative, p (1 − p) / Δ
    expectation        s[t] = p[t] is sent and resets, in part: smooth, with exact gradients, but another network
    score              ∇ E[L] = E[L ∇ ln P(s)]: unbiased; `log_likelihood` is ln P(s[t] | s[0] ... s[t − 1])

Shapes   I, s, u, p (time, ..., neuron) · state v (..., neuron), or (2, ..., neuron): v and w
         all others (1,) or (neuron,)
Units    I, u, v, w, Δ, r in units of θ
Names    u membrane before the reset · v after it · w recovery · β decay · θ threshold · Δ width of the noise
         r reset value · ρ, a, b of the recovery: share kept over a step, part of the membrane, part of each spike
Source   our own definition, of what Rudnicka, Szczepanski, Pregowska 2025, arXiv 2508.11674 call a (probabilistic)
         meta-neuron, whose equations were not to be had; escape noise: Gerstner & Kistler 2002, Spiking Neuron Models,
         ch. 5; straight through: Bengio, Léonard, Courville 2013, arXiv 1308.3432; score: Williams 1992
Differs  from the Levy-Baxter neuron, which fails to pass spikes on, and from meta-dynamic neurons, see second_order.py
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim import validation
from snnsim.kernels.common import dispatch, gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron import autograd
from snnsim.kernels.neuron.autograd import Fired
from snnsim.kernels.neuron.types import Noise
from snnsim.nn import run_neuron, settings
from snnsim.nn.decay import Decay, Learn
from snnsim.nn.lif import RESETS
from snnsim.nn.parameters import Learned
from snnsim.surrogate import Surrogate, as_surrogate

Decide = Callable[[Tensor, Tensor], Tensor]
ESTIMATORS = ("straight_through", "expectation")


class Recovery(NamedTuple):
    """The recovery variable at the start of training."""

    kept: float = 0.9
    membrane: float = 0.0
    spike: float = 0.1


class MetaNeuron(nn.Module):
    """Neurons that fire by chance; `neuron(current, draws=Draws.of(seed))` gives the spikes of a whole sequence.

    `learn` says whether decay, threshold, width, reset value and recovery are fixed, or trained with one value for the
    layer or one for each of `features` neurons. `surrogate` is used where the width is 0 alone.
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
        how: dict[str, Any] = {"learn": learn, "features": features}
        self.decay = Decay(tau=tau, beta=beta, **how)
        self.threshold = Learned(threshold, positive=True, **how)
        self.width = Learned(width, positive=True, **how)
        self.reset_value = Learned(reset_value, **how)
        self.recovery = None if recovery is None else _recovery(recovery, how)
        self.estimator = estimator
        self.reset = autograd.Reset(reset == "hard", detach_reset, as_surrogate(surrogate, who="MetaNeuron"))
        settings.carry(self, reset=reset, estimator=estimator, recovery=recovery is not None)

    @property
    def noisy(self) -> bool:
        """Whether there is anything to draw."""
        return self.estimator != "expectation" and (self.width.raw is not None or bool((self.width.value > 0).all()))

    def compiled(self, current: Tensor) -> bool:
        """Return whether a compiled form will do these currents."""
        known = self.recovery is None and self.estimator != "expectation"
        return known and dispatch.of_neurons(current, noisy=True) != "steps"

    def forward(self, current: Tensor, *, temporal: bool = True, draws: Draws | None = None) -> Tensor:
        """Return the spikes of a sequence that starts at rest."""
        return self.run(current, temporal=temporal, draws=draws)[0]

    def run(
        self, current: Tensor, state: Tensor | None = None, *, temporal: bool = True, draws: Draws | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the spikes of a sequence and the state after it, from the state before it (rest if None).

        Without `temporal`, no gradient passes through the state from one step to the next.
        """
        fired = self.fire(current, state, temporal=temporal, draws=draws)
        return fired.spikes, fired.last

    def trace(self, current: Tensor, state: Tensor | None = None, draws: Draws | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes and the membrane before the reset, both (time, ..., neuron)."""
        fired = self.fire(current, state, record=True, draws=draws)
        return fired.spikes, fired.membrane

    def fire(
        self,
        current: Tensor,
        state: Tensor | None = None,
        *,
        record: bool = False,
        temporal: bool = True,
        draws: Draws | None = None,
        **around: Any,
    ) -> Fired:
        """Return spikes, membrane if it is to be recorded, and the last state.

        `around` are normalization and dropout that a layer has done in the same pass; see kernels/neuron/autograd.py.
        """
        rest = self.rest(gates.current(current, who="MetaNeuron"))
        state = gates.state(rest if state is None else state, rest.shape, who="MetaNeuron", like=current)
        if current.numel() == 0:
            return Fired(current, current if record else None, state)
        if not self.compiled(current):
            run_neuron.check(self, current)
            decide = self._decider(current, draws)
            return run_neuron.by_steps(
                current, state, lambda t, now, was: self._advance(now, was, decide(t)), record=record, temporal=temporal
            )
        numbers = {"width": self.width, "reset value": self.reset_value}
        spread = [run_neuron.spread(part(), current, name=name) for name, part in numbers.items()]
        noise = Noise(spread[0] if self.noisy else current.new_empty(0), spread[1], draws if self.noisy else None)
        around |= {"reset": self.reset, "record": record, "temporal": temporal, "noise": noise}
        return run_neuron.in_one_pass(current, state, self.decay(), self.threshold(), **around)

    def step(self, current: Tensor, state: Tensor | None = None, draws: Draws | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes of one step and the state after it: the equations above, as they stand."""
        rest = self.rest(current[None])
        state = gates.state(rest if state is None else state, rest.shape, who="MetaNeuron", like=current)
        spikes, membrane, state = self._advance(current, state, self._decider(current[None], draws)(0))
        gates.ended(membrane, who="MetaNeuron")
        return spikes, state

    def probability(self, above: Tensor) -> Tensor:
        """Return p of how far membranes are above the threshold, u − θ."""
        return torch.sigmoid(above / self.width().to(above.dtype))

    def log_likelihood(self, current: Tensor, spikes: Tensor, state: Tensor | None = None) -> Tensor:
        """Return ln P(s[t] | s[0] ... s[t − 1]) of given spikes, (time, ..., neuron), with its exact gradient."""
        state = self.rest(current) if state is None else state
        found = []
        for now, given in zip(current, spikes, strict=True):

            def decide(membrane: Tensor, threshold: Tensor, given: Tensor = given) -> Tensor:
                side = (2 * given - 1) * (membrane - threshold)
                found.append(functional.logsigmoid(side / self.width().to(side.dtype)))
                return given

            _, _, state = self._advance(now, state, decide)
        return torch.stack(found)

    def rest(self, current: Tensor) -> Tensor:
        """Return the state at rest for a sequence of currents."""
        pair = () if self.recovery is None else (2,)
        return current.new_zeros(pair + current.shape[1:])

    def extra_repr(self) -> str:
        """Say the settings that `print(network)` should show."""
        return f"reset={'hard' if self.reset.hard else 'soft'}, estimator={self.estimator}"

    def _decider(self, current: Tensor, draws: Draws | None) -> Callable[[int], Decide]:
        """Return, for the number of a step, the function from u and θ to what is sent."""
        if self.estimator == "expectation":
            return lambda _: self._expected
        if not self.noisy:
            return lambda _: lambda membrane, threshold: self.reset.surrogate.spike(membrane - threshold)

        def of_step(step: int) -> Decide:
            xi = None if draws is None else autograd.logistic(draws.at(draws.step + step), current[0])
            return lambda membrane, threshold: self._drawn(membrane, threshold, xi)

        return of_step

    def _expected(self, membrane: Tensor, threshold: Tensor) -> Tensor:
        return self.probability(membrane - threshold)

    def _drawn(self, membrane: Tensor, threshold: Tensor, xi: Tensor | None) -> Tensor:
        # rounded as the compiled form does
        level = threshold if xi is None else threshold - self.width().to(xi.dtype) * xi
        spikes: Tensor = _Straight.apply(self._expected(membrane, threshold), (membrane >= level).to(membrane.dtype))
        return spikes

    def _advance(self, now: Tensor, state: Tensor, decide: Decide) -> tuple[Tensor, Tensor, Tensor]:
        beta, threshold, back = (part().to(now.dtype) for part in (self.decay, self.threshold, self.reset_value))
        voltage, recovery = (state, None) if self.recovery is None else state
        membrane = beta * voltage + now
        if recovery is not None:
            membrane = membrane - recovery
        spikes = decide(membrane, threshold)
        cleared = spikes.detach() if self.reset.detached and self.estimator != "expectation" else spikes
        lowered = membrane * (1 - cleared) if self.reset.hard else membrane - threshold * cleared
        voltage = lowered + back * cleared
        if recovery is None:
            return spikes, membrane, voltage
        kept, part, jump = (self.recovery[name]().to(now.dtype) for name in Recovery._fields)
        return spikes, membrane, torch.stack([voltage, kept * recovery + part * membrane + jump * spikes])


def _recovery(start: Recovery, how: dict[str, Any]) -> nn.ModuleDict:
    kept = Decay(tau=None, beta=start.kept, **how)
    return nn.ModuleDict(
        {"kept": kept, "membrane": Learned(start.membrane, **how), "spike": Learned(start.spike, **how)}
    )


class _Straight(torch.autograd.Function):
    """The draw forward, the gradient of its probability backward."""

    @staticmethod
    def forward(ctx, probability: Tensor, spikes: Tensor) -> Tensor:  # type: ignore[no-untyped-def]  # noqa: ARG004
        return spikes

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def]  # noqa: ARG004
        return grad, None
