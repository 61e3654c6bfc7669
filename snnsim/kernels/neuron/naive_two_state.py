"""Naive neurons with two state variables, as loops over single numbers: each model by its own equation, and all as one.

    y[t] = I[t] + f w[t−1]
    u[t] = β v[t−1] + e y[t]
    s[t] = Θ(u[t] − (θ + κ w[t−1]))
    v[t] = u[t] (1 − s[t])                      hard reset
    v[t] = u[t] − (θ + κ w[t−1]) s[t]           soft reset
    w[t] = ρ w[t−1] + a v[t] + b s[t] + c y[t]

Shapes   current I (time, neuron) · state (2, neuron), v and w before the first step · results s, u and w (time, neuron)
Source   `adlif` Baronig et al. 2025, symplectic Euler form · `silif` the SiLIF model, arXiv 2506.06374 · `alif` Bellec
         et al. 2018 · `cuba_lif` exponential synapses, as in NIR
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

Step = Callable[[float, float, float], tuple[float, float, float, float]]
"""A step of one neuron: from I, v and w to s, u, v and w."""


class Traces(NamedTuple):
    """Spikes, membrane before the reset, and the second variable after each step, (time, neuron) each."""

    spikes: np.ndarray
    membrane: np.ndarray
    second: np.ndarray


def two_state(current: np.ndarray, state: np.ndarray, number: Mapping[str, float], *, hard: bool) -> Traces:
    """The equations above.

    Args:
        current: The currents.
        state: The state before the first step.
        number: beta β, threshold θ, feedback f, gain e, sensitivity κ, rho ρ, coupling a, jump b and intake c.
        hard: Whether the reset is hard.
    """

    def step(current: float, v: float, w: float) -> tuple[float, float, float, float]:
        y = current + number["feedback"] * w
        u = number["beta"] * v + number["gain"] * y
        level = number["threshold"] + number["sensitivity"] * w
        s = 1.0 if u >= level else 0.0
        v = u * (1.0 - s) if hard else u - level * s
        return s, u, v, number["rho"] * w + number["coupling"] * v + number["jump"] * s + number["intake"] * y

    return _traces(step, current, state)


def adlif(
    current: np.ndarray, state: np.ndarray, *, alpha: float, rho: float, a: float, b: float, q: float, threshold: float
) -> Traces:
    """u = α v + (1 − α) (I − w);  v = u (1 − s);  w = ρ w + (1 − ρ) q (a v + b s) of the new v and s.

    Args:
        current: The currents.
        state: The state before the first step.
        alpha: The decay α of the membrane.
        rho: The decay ρ of the adaptation.
        a: The coupling of the adaptation to the membrane.
        b: The jump of the adaptation at a spike.
        q: The scale of both.
        threshold: The threshold θ.
    """

    def step(current: float, v: float, w: float) -> tuple[float, float, float, float]:
        u = alpha * v + (1 - alpha) * (current - w)
        s = 1.0 if u >= threshold else 0.0
        v = u * (1 - s)
        return s, u, v, rho * w + (1 - rho) * q * (a * v + b * s)

    return _traces(step, current, state)


def silif(
    current: np.ndarray, state: np.ndarray, *, alpha: float, rho: float, a: float, b: float, threshold: float
) -> Traces:
    """w = ρ w + a u + b s of the old u and s;  u = α (u − θ s) + (1 − α) (I − w) of the new w.

    The adaptation of a step is computed at the end of the step before it, so the state is u − θ s and that w.

    Args:
        current: The currents.
        state: The state before the first step.
        alpha: The decay α of the membrane.
        rho: The decay ρ of the adaptation.
        a: The coupling of the adaptation to the membrane before the reset.
        b: The jump of the adaptation at a spike.
        threshold: The threshold θ.
    """

    def step(current: float, v: float, w: float) -> tuple[float, float, float, float]:
        u = alpha * v + (1 - alpha) * (current - w)
        s = 1.0 if u >= threshold else 0.0
        return s, u, u - threshold * s, rho * w + a * u + b * s

    return _traces(step, current, state)


def alif(
    current: np.ndarray, state: np.ndarray, *, beta: float, rho: float, b: float, threshold: float, hard: bool
) -> Traces:
    """u = β v + I;  s = Θ(u − (θ + w));  v = u (1 − s), or u − (θ + w) s;  w = ρ w + b s.

    Args:
        current: The currents.
        state: The state before the first step.
        beta: The decay β of the membrane.
        rho: The decay ρ of the threshold.
        b: The jump of the threshold at a spike.
        threshold: The threshold θ at rest.
        hard: Whether the reset is hard.
    """

    def step(current: float, v: float, w: float) -> tuple[float, float, float, float]:
        u = beta * v + current
        level = threshold + w
        s = 1.0 if u >= level else 0.0
        return s, u, u * (1 - s) if hard else u - level * s, rho * w + b * s

    return _traces(step, current, state)


def cuba_lif(
    current: np.ndarray, state: np.ndarray, *, beta: float, alpha: float, gain: float, threshold: float, hard: bool
) -> Traces:
    """w = α w + I;  u = β v + e w of the new w;  s = Θ(u − θ);  v = u (1 − s), or u − θ s.

    Args:
        current: The currents.
        state: The state before the first step.
        beta: The decay β of the membrane.
        alpha: The decay α of the synaptic current.
        gain: The gain e of the synaptic current.
        threshold: The threshold θ.
        hard: Whether the reset is hard.
    """

    def step(current: float, v: float, w: float) -> tuple[float, float, float, float]:
        w = alpha * w + current
        u = beta * v + gain * w
        s = 1.0 if u >= threshold else 0.0
        return s, u, u * (1 - s) if hard else u - threshold * s, w

    return _traces(step, current, state)


def _traces(step: Step, current: np.ndarray, state: np.ndarray) -> Traces:
    traces = Traces(*(np.zeros_like(current) for _ in range(3)))
    for neuron in range(current.shape[1]):
        v, w = state[:, neuron]
        for t in range(len(current)):
            s, u, v, w = step(current[t, neuron], v, w)
            traces.spikes[t, neuron], traces.membrane[t, neuron], traces.second[t, neuron] = s, u, w
    return traces
