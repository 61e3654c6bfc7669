"""The definition of spike-timing-dependent plasticity, pair by pair of spikes.

Tests compare the compiled form with these loops; nothing else imports them.
"""

import math
from typing import Any, Protocol

import numpy as np


class Rule(Protocol):
    """The constants of a learning rule, such as snnsim.learning.stdp.STDP has."""

    potentiation: float
    depression: float
    tau_plus: float
    tau_minus: float
    lowest: float
    highest: float
    bounds: str
    pairing: str


def stdp(weight: np.ndarray, pre: np.ndarray, post: np.ndarray, rule: Rule) -> np.ndarray:
    """Return weights after spikes: + A₊ exp(−Δt / τ₊) as the target fires, − A₋ exp(−Δt / τ₋) as the source fires.

    A source's spike comes before a target's spike of the same step. Pairs are all pairs, those with the last spike of
    the other side, or the adjacent pairs among these.

    Args:
        weight: The weights, (target, source).
        pre: The spikes of the sources, (time, source).
        post: The spikes of the targets, (time, target).
        rule: The learning rule.

    Returns:
        The weights, (target, source).
    """
    weight = weight.copy()
    for t in range(len(pre)):
        for j, i in np.ndindex(weight.shape):
            before = [s for s in range(t) if post[s, j]]
            since = [s for s in range(t) if pre[s, i] and before and s > before[-1]]
            for s in _paired(before, since, rule.pairing) if pre[t, i] else ():
                weight[j, i] = _bounded(weight[j, i], -rule.depression * math.exp((s - t) / rule.tau_minus), rule)
        for j, i in np.ndindex(weight.shape):
            before = [s for s in range(t + 1) if pre[s, i]]
            since = [s for s in range(t) if post[s, j] and before and s >= before[-1]]
            for s in _paired(before, since, rule.pairing) if post[t, j] else ():
                weight[j, i] = _bounded(weight[j, i], rule.potentiation * math.exp((s - t) / rule.tau_plus), rule)
    return weight


def _paired(before: list[int], since: list[int], pairing: str) -> list[int]:
    """Return the steps of the other side's spikes that a spike is paired with."""
    if pairing == "all":
        return before
    return [] if pairing == "adjacent" and since else before[-1:]


def _bounded(weight: Any, change: float, rule: Rule) -> Any:
    if rule.bounds == "soft":
        change *= rule.highest - weight if change > 0 else weight - rule.lowest
    return min(max(weight + change, rule.lowest), rule.highest)
