"""Pair-based spike-timing-dependent plasticity (STDP), also with a delayed reward.

    Δt = t_post − t_pre ≥ 0    Δw = + A₊ exp(−Δt / τ₊)    times (w_max − w) with soft bounds
    Δt < 0                     Δw = − A₋ exp(+Δt / τ₋)    times (w − w_min) with soft bounds
    hard bounds                w stays from w_min to w_max

    with a reward R at t_R     e = Σ of those Δw exp(−(t_R − t) / τ_e), each at its time t, without bounds
                               w changes by R e, with its bounds

    pairs      all        every spike of a source with every one of a target
               nearest    each spike with the last one before it of the other side
               adjacent   the same, if no spike of its own side lies between

`snnsim reproduce meta` trains a layer by `stdp`; stdp_layer.py applies a rule while neurons run. No network of
snnsim.nn learns by it.

Shapes   weight, eligibility (target, source) · spikes bool (time, source) and (time, target)
Units    times in steps
Source   traces and pairings: Morrison, Diesmann & Gerstner 2008, Biol. Cybern. 98:459. Soft bounds: van Rossum, Bi &
         Turrigiano 2000, J. Neurosci. 20:8812. Reward: Izhikevich 2007, Cerebral Cortex 17:2443
Differs  spikes of the same step count as source before target: Δt = 0 strengthens
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from snnsim import validation
from snnsim.kernels.plasticity import stdp as kernels
from snnsim.renamed import attributes

PAIRINGS = {"all": kernels.ALL, "nearest": kernels.NEAREST, "adjacent": kernels.ADJACENT}
BOUNDS = ("soft", "hard")
__getattr__ = attributes(__name__, {"rewarded": "apply_reward"})


@dataclass(frozen=True)
class STDP:
    """A rule of STDP; the default values are those of Masquelier, Guyonneau & Thorpe 2008 at steps of 1 ms.

    Raises:
        ValueError: If a value is out of its range.
    """

    potentiation: float = 0.03125
    """A₊; anti-Hebbian rules have both amounts below 0."""
    depression: float = 0.0265625
    """A₋."""
    tau_plus: float = 16.8
    """Time constant of the sources' traces in steps."""
    tau_minus: float = 33.7
    """Time constant of the targets' traces in steps."""
    lowest: float = 0.0
    """Lower bound of the weights."""
    highest: float = 1.0
    """Upper bound of the weights."""
    bounds: Literal["soft", "hard"] = "hard"
    """Whether changes shrink towards a bound ("soft"), or are cut off at it ("hard")."""
    pairing: Literal["all", "nearest", "adjacent"] = "all"
    """Spikes that make a pair: "all", "nearest" or "adjacent"."""

    def __post_init__(self) -> None:
        for name in ("potentiation", "depression", "lowest", "highest"):
            validation.real(getattr(self, name), who="STDP", name=name)
        taus = [validation.number(getattr(self, name), who="STDP", name=name) for name in ("tau_plus", "tau_minus")]
        if not all(0 < tau < math.inf for tau in taus):
            raise ValueError(f"STDP: time constants must be positive, not {self.tau_plus} and {self.tau_minus} steps")
        if not self.lowest < self.highest:
            raise ValueError(f"STDP: lowest must be below highest; they are {self.lowest} and {self.highest}")
        for name, value, known in (("bounds", self.bounds, BOUNDS), ("pairing", self.pairing, PAIRINGS)):
            if not isinstance(value, str) or value not in known:
                raise ValueError(f"STDP: {name} must be one of {', '.join(known)}, not {value!r}")

    def numbers(self) -> kernels.Rule:
        """Return the rule as the argument of its kernel."""
        taus, limits = (float(self.tau_plus), float(self.tau_minus)), (float(self.lowest), float(self.highest))
        return kernels.Rule(*self.amounts(), *taus, *limits, self.bounds == "soft", PAIRINGS[self.pairing], 0, math.inf)

    def amounts(self) -> tuple[float, float]:
        """Return A₊ and A₋."""
        return float(self.potentiation), float(self.depression)


def stdp(weight: np.ndarray, pre: np.ndarray, post: np.ndarray, rule: STDP = STDP()) -> np.ndarray:
    """Return weights after spikes, from silence on.

    Args:
        weight: Weights (target, source); they are not changed.
        pre: Spikes of the sources, bool (time, source).
        post: Spikes of the targets, bool (time, target).
        rule: The rule.
    """
    changed = validation.numbers(weight, who="stdp", name="weights", axes=2).copy()
    _learn(changed, pre, post, rule.numbers())
    return changed


def eligibility(pre: np.ndarray, post: np.ndarray, rule: STDP = STDP(), *, tau: float = math.inf) -> np.ndarray:
    """Return the eligibility of synapses for a reward after the last step, (target, source).

    Args:
        pre: Spikes of the sources, bool (time, source).
        post: Spikes of the targets, bool (time, target).
        rule: The rule.
        tau: Time constant of the eligibility in steps.

    Raises:
        ValueError: If the time constant is not positive.
    """
    if not validation.number(tau, who="eligibility", name="tau") > 0:
        raise ValueError(f"eligibility: tau must be positive, not {tau} steps")
    pre, post = (validation.numbers(part, who="eligibility", name="spikes", axes=2) for part in (pre, post))
    trace = np.zeros((post.shape[1], pre.shape[1]))
    unbounded = rule.numbers()._replace(lowest=-math.inf, highest=math.inf, soft=False)
    _learn(trace, pre, post, unbounded._replace(end=len(pre) - 1, tau_fade=float(tau)))
    return trace


def apply_reward(
    weight: np.ndarray, eligibility: np.ndarray, reward: float | np.ndarray, rule: STDP = STDP()
) -> np.ndarray:
    """Return weights after a reward.

    Args:
        weight: Weights (target, source).
        eligibility: Eligibility of the synapses, (target, source).
        reward: Reward R, one number or one for each target, (target,).
        rule: The rule, for its bounds.

    Raises:
        ValueError: If the shapes do not match.
    """
    weight = validation.numbers(weight, who="apply_reward", name="weights", axes=2)
    trace = validation.numbers(eligibility, who="apply_reward", name="eligibility", axes=2)
    rewards = validation.numbers(reward, who="apply_reward", name="reward").reshape(-1, 1)
    if trace.shape != weight.shape or len(rewards) not in (1, len(weight)):
        raise ValueError(
            f"apply_reward: weights (target, source) {weight.shape} need an eligibility of the same shape, and one "
            f"reward or one for each target; got {trace.shape} and {len(rewards)}"
        )
    change = rewards * trace
    if rule.bounds == "soft":
        change = change * np.where(change > 0, rule.highest - weight, weight - rule.lowest)
    bounded: np.ndarray = np.clip(weight + change, rule.lowest, rule.highest)
    return bounded


def _learn(weight: np.ndarray, pre: np.ndarray, post: np.ndarray, numbers: kernels.Rule) -> None:
    pre, post = (validation.numbers(part, who="stdp", name="spikes") for part in (pre, post))
    targets, sources = weight.shape
    if pre.ndim != 2 or post.shape != (len(pre), targets) or pre.shape[1] != sources:
        raise ValueError(
            f"stdp: weights (target, source) {weight.shape} need spikes pre (time, {sources}) and post "
            f"(time, {targets}) of the same time; got {pre.shape} and {post.shape}"
        )
    traces = kernels.Traces(kernels.silent(sources), kernels.silent(targets))
    sent, fired = (kernels.Spikes(*np.nonzero(spikes)) for spikes in (pre, post))
    kernels.learn_from_trains(weight, sent, fired, traces, numbers)
