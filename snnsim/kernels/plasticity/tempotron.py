"""The highest membrane of a sum of inputs, found exactly, and learning at its time.

    V(t) = V₀ (a − b)      a = Σ w exp(−(t − t_i) / τ), b = Σ w exp(−(t − t_i) / τ_s) over the inputs so far
    between two inputs     V has a maximum where exp(δ (1/τ_s − 1/τ)) = b τ / (a τ_s), if a > 0, b > 0 and δ > 0 there

V is continuous, so its highest value is one of those maxima, or V at an input.

Shapes   one pattern: time, source, decay, decay_s (event,), sorted by time · weight, change (source,)
Units    times and time constants in one unit
"""

import math
from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.jit import njit, subroutine


class Constants(NamedTuple):
    """The constants of the membrane."""

    tau: float
    tau_s: float
    scale: float
    """V₀."""


class Rule(NamedTuple):
    """The constants of the learning rule."""

    threshold: float
    margin: float
    rate: float
    momentum: float


class Pattern(NamedTuple):
    """The inputs of one pattern."""

    time: np.ndarray
    source: np.ndarray
    decay: np.ndarray
    """Factor of a from the input before to this one."""
    decay_s: np.ndarray
    """Factor of b from the input before to this one."""


class Patterns(NamedTuple):
    """The inputs of all patterns, pattern after pattern."""

    time: np.ndarray
    source: np.ndarray
    decay: np.ndarray
    decay_s: np.ndarray
    indptr: np.ndarray
    """int64 (pattern + 1,), the first input of each pattern."""


@subroutine(nogil=True, cache=True)
def highest(weight: np.ndarray, pattern: Pattern, constants: Constants) -> tuple[float, float]:
    """Return the time and the value of the highest membrane of one pattern; (0, 0) without inputs.

    Args:
        weight: Weights of one neuron, (source,).
        pattern: Inputs of the pattern, sorted by time.
        constants: Time constants of the membrane, and V₀.
    """
    time, source, tau, tau_s, scale = pattern.time, pattern.source, constants.tau, constants.tau_s, constants.scale
    a = b = best = peak_time = 0.0
    rate, ratio = 1 / tau_s - 1 / tau, tau / tau_s
    for event in range(time.size):
        a, b = a * pattern.decay[event], b * pattern.decay_s[event]
        value = scale * (a - b)
        if event == 0 or value > best:
            best, peak_time = value, time[event]
        a, b = a + weight[source[event]], b + weight[source[event]]
        # the maximum behind this input counts if it comes before the next input
        if a > 0 and b * ratio > a:
            rise = math.log(b * ratio / a) / rate
            inside = event + 1 == time.size or rise < time[event + 1] - time[event]
            value = scale * (a * math.exp(-rise / tau) - b * math.exp(-rise / tau_s)) if inside else best
            if value > best:
                best, peak_time = value, time[event] + rise
    return peak_time, best


@subroutine(nogil=True, cache=True)
def add_gradient(change: np.ndarray, time: float, amount: float, pattern: Pattern, constants: Constants) -> None:
    """Add the gradient of the membrane at a time to the change of the weights.

    Args:
        change: The change of the weights.
        time: The time.
        amount: A factor of the gradient.
        pattern: The pattern.
        constants: The constants of the membrane.
    """
    tau, tau_s = constants.tau, constants.tau_s
    for event in range(pattern.time.size):
        since = time - pattern.time[event]
        if since <= 0:
            break
        change[pattern.source[event]] += amount * constants.scale * (math.exp(-since / tau) - math.exp(-since / tau_s))


@subroutine(nogil=True, cache=True)
def pattern_of(number: int, patterns: Patterns) -> Pattern:
    """Return the inputs of one pattern.

    Args:
        number: Number of the pattern, from 0.
        patterns: Inputs of all patterns.
    """
    inputs = slice(patterns.indptr[number], patterns.indptr[number + 1])
    return Pattern(patterns.time[inputs], patterns.source[inputs], patterns.decay[inputs], patterns.decay_s[inputs])


@njit(nogil=True, cache=True)
def epoch(
    weight: np.ndarray, change: np.ndarray, patterns: Patterns, target: np.ndarray, order: np.ndarray,
    constants: Constants, rule: Rule,
) -> int:  # fmt: skip
    """Learn from every pattern once, and return the number of patterns on which the neuron was wrong.

    Args:
        weight: The weights, which change.
        change: The last change of the weights, which changes.
        patterns: The patterns.
        target: Whether the neuron should fire, bool (pattern,).
        order: The order of the patterns, int64 (pattern,).
        constants: The constants of the membrane.
        rule: The constants of the learning rule.
    """
    threshold, margin, rate, wrong = rule.threshold, rule.margin, rule.rate, 0
    for number in order:
        pattern = pattern_of(number, patterns)
        time, value = highest(weight, pattern, constants)
        wrong += (value >= threshold) != target[number]
        right = value >= threshold + margin if target[number] else value < threshold - margin
        if not right:
            change *= rule.momentum
            add_gradient(change, time, rate if target[number] else -rate, pattern, constants)
            weight += change
    return wrong


@njit(nogil=True, cache=True)
def peaks(weight: np.ndarray, patterns: Patterns, constants: Constants, result: np.ndarray) -> None:
    """Set the time and the value of the highest membrane of every pattern.

    Args:
        weight: The weights.
        patterns: The patterns.
        constants: The constants of the membrane.
        result: The times and values, (pattern, 2).
    """
    for number in range(len(result)):
        time, value = highest(weight, pattern_of(number, patterns), constants)
        result[number, 0], result[number, 1] = time, value


def decays(time: np.ndarray, indptr: np.ndarray, tau: float) -> np.ndarray:
    """Return the decay from input to input within each pattern, (event,).

    Args:
        time: The times of the inputs, (event,).
        indptr: The first input of each pattern, (pattern + 1,).
        tau: The time constant.
    """
    gap = np.diff(time, prepend=time[:1])
    gap[indptr[:-1][indptr[:-1] < len(time)]] = 0
    result: np.ndarray = np.exp(-gap / tau)
    return result
