"""The highest membrane of a sum of inputs, found exactly, and learning at its time.

    V(t) = V₀ (a − b)      a = Σ w exp(−(t − t_i) / τ), b = Σ w exp(−(t − t_i) / τ_s) over the inputs so far
    between two inputs     V has a maximum where exp(δ (1/τ_s − 1/τ)) = b τ / (a τ_s), if a > 0, b > 0 and δ > 0 there

V is continuous, so its highest value is one of those maxima, or V at an input.

Shapes   one pattern: time, source, decay, decay_s (event,), sorted by time; decays lead to an event from the one before
"""

import math

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def highest(weight, pattern, constants):
    """Return the time and the value of the highest membrane of one pattern; (0, 0) without inputs."""
    (time, source, decay, decay_s), (tau, tau_s, scale) = pattern, constants
    a = b = best = when = 0.0
    rate, ratio = 1 / tau_s - 1 / tau, tau / tau_s
    for event in range(time.size):
        a, b = a * decay[event], b * decay_s[event]
        value = scale * (a - b)
        if event == 0 or value > best:
            best, when = value, time[event]
        a, b = a + weight[source[event]], b + weight[source[event]]
        if a > 0 and b * ratio > a:
            rise = math.log(b * ratio / a) / rate
            inside = event + 1 == time.size or rise < time[event + 1] - time[event]
            value = scale * (a * math.exp(-rise / tau) - b * math.exp(-rise / tau_s)) if inside else best
            if value > best:
                best, when = value, time[event] + rise
    return when, best


@njit(nogil=True, cache=True)
def shift(change, when, amount, pattern, constants):
    """Add to the change of weights what every input gives the membrane at a time, times an amount."""
    (time, source, _, _), (tau, tau_s, scale) = pattern, constants
    for event in range(time.size):
        since = when - time[event]
        if since <= 0:
            break
        change[source[event]] += amount * scale * (math.exp(-since / tau) - math.exp(-since / tau_s))


@njit(nogil=True, cache=True)
def of_pattern(number, trains):
    """Return the events of one pattern."""
    time, source, decay, decay_s, offset = trains
    some = slice(offset[number], offset[number + 1])
    return time[some], source[some], decay[some], decay_s[some]


@njit(nogil=True, cache=True)
def epoch(weight, change, trains, wanted, order, rule):
    """Learn from every pattern once, in place, and return on how many the neuron was wrong."""
    constants, (threshold, margin, rate, momentum) = rule
    wrong = 0
    for number in order:
        pattern = of_pattern(number, trains)
        when, value = highest(weight, pattern, constants)
        wrong += (value >= threshold) != wanted[number]
        far = value >= threshold + margin if wanted[number] else value < threshold - margin
        if not far:
            change *= momentum
            shift(change, when, rate if wanted[number] else -rate, pattern, constants)
            weight += change
    return wrong


@njit(nogil=True, cache=True)
def peaks(weight, trains, constants, found):
    """Write time and value of the highest membrane of every pattern, (pattern, 2)."""
    for number in range(len(found)):
        when, value = highest(weight, of_pattern(number, trains), constants)
        found[number, 0], found[number, 1] = when, value


def decays(time: np.ndarray, offset: np.ndarray, tau: float) -> np.ndarray:
    """Return the decay from event to event within each pattern."""
    gap = np.diff(time, prepend=time[:1])
    gap[offset[:-1][offset[:-1] < len(time)]] = 0
    return np.exp(-gap / tau)
