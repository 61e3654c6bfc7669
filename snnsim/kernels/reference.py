"""The oracle: delayed currents and neurons as loops over single numbers, in the order of their equations."""

import numpy as np


def delayed_current(spikes: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """I[t, j] = Σ_i Σ_d kernel[d, j, i] · s[t − d, i], with s = 0 before t = 0.

    Shapes: spikes (time, source) · kernel (delay, target, source) · result (time, target).
    """
    steps = len(spikes)
    current = np.zeros((steps, kernel.shape[1]))
    for delay, target, source in np.ndindex(kernel.shape):
        for t in range(delay, steps):
            current[t, target] += kernel[delay, target, source] * spikes[t - delay, source]
    return current


def lif(
    current: np.ndarray, voltage: np.ndarray, *, beta: float, threshold: float, hard: bool
) -> tuple[np.ndarray, np.ndarray]:
    """u[t] = β v[t−1] + I[t];  s[t] = Θ(u[t] − θ);  v[t] = u[t] (1 − s[t]) or u[t] − θ s[t].

    Shapes: current (time, neuron) · voltage (neuron,), v before the first step · results s and u (time, neuron).
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
