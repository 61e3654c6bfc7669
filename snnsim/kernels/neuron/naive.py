"""The definitions of neurons, as loops over single numbers in the order of their equations.

Tests compare every fast form with these loops; nothing else imports them.
"""

from typing import NamedTuple

import numpy as np


class NoisyNeuron(NamedTuple):
    """The parameters of a stochastic neuron."""

    beta: float
    threshold: float
    scale: float
    """Δ, of the noise."""
    reset_value: float
    """r̂."""


def lif(
    current: np.ndarray, voltage: np.ndarray, *, beta: float, threshold: float, hard: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes and membranes of leaky integrate-and-fire neurons.

    u[t] = β v[t−1] + I[t];  s[t] = Θ(u[t] − θ);  v[t] = u[t] (1 − s[t]) or u[t] − θ s[t].

    Args:
        current: The currents, (time, neuron).
        voltage: The voltage v before the first step, (neuron,).
        beta: The decay β.
        threshold: The threshold θ.
        hard: Whether a spike resets the voltage to 0; otherwise the threshold is subtracted.

    Returns:
        The spikes s and the membranes u, (time, neuron) each.
    """
    spikes, membrane = np.zeros_like(current), np.zeros_like(current)
    for neuron in range(current.shape[1]):
        v = voltage[neuron]
        for t in range(len(current)):
            u = beta * v + current[t, neuron]
            spikes[t, neuron] = s = 1.0 if u >= threshold else 0.0
            membrane[t, neuron] = u
            v = u * (1.0 - s) if hard else u - threshold * s
    return spikes, membrane


def meta(
    current: np.ndarray, voltage: np.ndarray, draws: np.ndarray, *, neuron: NoisyNeuron, hard: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes and membranes of stochastic neurons.

    u[t] = β v[t−1] + I[t];  s[t] = 1 if r[t] > 1 − sigmoid((u[t] − θ) / Δ);  v[t] = r̂ or u[t] − θ + r̂ after a spike.

    Args:
        current: The currents, (time, neuron).
        voltage: The voltage before the first step, (neuron,).
        draws: The uniform random numbers r, (time, neuron).
        neuron: The parameters of all neurons.
        hard: Whether the reset is hard.

    Returns:
        The spikes s and the membranes u, (time, neuron) each.
    """
    spikes, membrane = np.zeros_like(current), np.zeros_like(current)
    for n in range(current.shape[1]):
        v = voltage[n]
        for t in range(len(current)):
            u = neuron.beta * v + current[t, n]
            silent = 1 / (1 + np.exp((u - neuron.threshold) / neuron.scale))
            spikes[t, n], membrane[t, n] = draws[t, n] > silent, u
            after = neuron.reset_value + (0 if hard else u - neuron.threshold)
            v = after if spikes[t, n] else u
    return spikes, membrane
