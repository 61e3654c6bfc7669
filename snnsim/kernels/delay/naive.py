"""The definitions of delayed currents, as loops over single numbers in the order of their equations.

Tests compare every fast form with these loops; nothing else imports them.
"""

import numpy as np


def delayed_current(spikes: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return I[t, j] = Σ_i Σ_d kernel[d, j, i] · s[t − d, i], with s = 0 before t = 0.

    Args:
        spikes: The spikes, (time, source).
        kernel: The kernels, (delay, target, source).

    Returns:
        The currents, float64 (time, target).
    """
    steps = len(spikes)
    current = np.zeros((steps, kernel.shape[1]))
    for delay, target, source in np.ndindex(kernel.shape):
        for t in range(delay, steps):
            current[t, target] += kernel[delay, target, source] * spikes[t - delay, source]
    return current


def integer_current(spikes: np.ndarray, weight: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """Return I[t, j] = Σ_d Σ_i Σ_k w[j, i, k] · s[t − d, i] over the synapses of delay d, the longest delay first.

    Args:
        spikes: The spikes, (time, source).
        weight: The weights, (target, source, tap).
        delay: The delays in steps, (target, source, tap).

    Returns:
        The currents (time, target), in the type of the spikes.
    """
    current: np.ndarray = np.zeros((len(spikes), len(weight)), spikes.dtype)
    for t, target in np.ndindex(current.shape):
        for d in range(t, -1, -1):
            for source, tap in np.ndindex(weight.shape[1:]):
                if delay[target, source, tap] == d:
                    current[t, target] += weight[target, source, tap] * spikes[t - d, source]
    return current
