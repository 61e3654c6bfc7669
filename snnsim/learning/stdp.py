"""Pair-based spike-timing-dependent plasticity, and the same with a reward that decides about it afterwards.

    Δt = t_post − t_pre ≥ 0    Δw = + A₊ exp(−Δt / τ₊)    times (w_max − w) with soft bounds
    Δt < 0                     Δw = − A₋ exp(+Δt / τ₋)    times (w − w_min) with soft bounds
    hard bounds                w stays from w_min to w_max

    with a reward R at t_R     e = Σ of those Δw exp(−(t_R − t) / τ_e), each at its time t, without bounds
                               w changes by R e, with its bounds

Pairs    all        every spike of a source with every one of a target
         nearest    each spike with the last one before it of the other side
         adjacent   the same, as long as no spike of its own side lies between

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

PAIRINGS = {"all": kernels.ALL, "nearest": kernels.NEAREST, "adjacent": kernels.ADJACENT}
BOUNDS = ("soft", "hard")


@dataclass(frozen=True)
class STDP:
    """How weights follow spikes; the values are those of Masquelier, Guyonneau & Thorpe 2008 at steps of 1 ms."""

    potentiation: float = 0.03125
    """A₊; anti-Hebbian rules have both amounts below 0."""
    depression: float = 0.0265625
    """A₋."""
    tau_plus: float = 16.8
    """Time constant of the sources' traces in steps."""
    tau_minus: float = 33.7
    """Time constant of the targets' traces in steps."""
    lowest: float = 0.0
    """Weight that none goes below."""
    highest: float = 1.0
    """Weight that none goes above."""
    bounds: Literal["soft", "hard"] = "hard"
    """Whether changes shrink towards a bound, or are cut off at it."""
    pairing: Literal["all", "nearest", "adjacent"] = "all"
    """Which spikes make a pair."""

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
        """Return the rule as its kernel takes it."""
        taus, limits = (float(self.tau_plus), float(self.tau_minus)), (float(self.lowest), float(self.highest))
        return kernels.Rule(*self.amounts(), *taus, *limits, self.bounds == "soft", PAIRINGS[self.pairing], 0, math.inf)

    def amounts(self) -> tuple[float, float]:
        """Return A₊ and A₋."""
        return float(self.potentiation), float(self.depression)


def stdp(weight: np.ndarray, pre: np.ndarray, post: np.ndarray, rule: STDP = STDP()) -> np.ndarray:
    """Return weights (target, source) after the spikes pre (time, source) and post (time, target), from silence."""
    changed = validation.numbers(weight, who="stdp", name="weights", axes=2).copy()
    _learn(changed, pre, post, rule.numbers())
    return changed


def eligibility(pre: np.ndarray, post: np.ndarray, rule: STDP = STDP(), *, tau: float = math.inf) -> np.ndarray:
    """Return what spikes leave for a reward after the last step, (target, source); it fades with `tau` steps."""
    if not validation.number(tau, who="eligibility", name="tau") > 0:
        raise ValueError(f"eligibility: tau must be positive, not {tau} steps")
    pre, post = (validation.numbers(part, who="eligibility", name="spikes", axes=2) for part in (pre, post))
    left = np.zeros((post.shape[1], pre.shape[1]))
    unbounded = rule.numbers()._replace(lowest=-math.inf, highest=math.inf, soft=False)
    _learn(left, pre, post, unbounded._replace(end=len(pre) - 1, tau_fade=float(tau)))
    return left


def rewarded(
    weight: np.ndarray, eligibility: np.ndarray, reward: float | np.ndarray, rule: STDP = STDP()
) -> np.ndarray:
    """Return weights (target, source) after a reward, one number or one of each target, (target,)."""
    weight = validation.numbers(weight, who="rewarded", name="weights", axes=2)
    left = validation.numbers(eligibility, who="rewarded", name="eligibility", axes=2)
    reward = validation.numbers(reward, who="rewarded", name="reward").reshape(-1, 1)
    if left.shape != weight.shape or len(reward) not in (1, len(weight)):
        raise ValueError(
            f"rewarded: weights (target, source) {weight.shape} need an eligibility of the same shape, and one reward "
            f"or one for each target; got {left.shape} and {len(reward)}"
        )
    change = reward * left
    if rule.bounds == "soft":
        change = change * np.where(change > 0, rule.highest - weight, weight - rule.lowest)
    return np.clip(weight + change, rule.lowest, rule.highest)


def _learn(weight: np.ndarray, pre: np.ndarray, post: np.ndarray, numbers: kernels.Rule) -> None:
    pre, post = (validation.numbers(part, who="stdp", name="spikes") for part in (pre, post))
    targets, sources = weight.shape
    if pre.ndim != 2 or post.shape != (len(pre), targets) or pre.shape[1] != sources:
        raise ValueError(
            f"stdp: weights (target, source) {weight.shape} need spikes pre (time, {sources}) and post "
            f"(time, {targets}) of the same time; got {pre.shape} and {post.shape}"
        )
    traces = kernels.Traces(kernels.silent(sources), kernels.silent(targets))
    trains = (kernels.Spikes(*np.nonzero(spikes)) for spikes in (pre, post))
    kernels.learn_from_trains(weight, *trains, traces, numbers)
