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


def space_time_current(
    spikes: np.ndarray, kernel: np.ndarray, margin: tuple[int, int], before: int, stride: tuple[int, int, int]
) -> np.ndarray:
    """Return I[t, y, x, c] = Σ_{d, i, j, p} K[d, i, j, p, c] s[t − d, y + i − up, x + j − left, p].

    Args:
        spikes: The spikes, (time, row, column, channel).
        kernel: The kernel, (delay, row, column, channel, target).
        margin: Rows above and columns left of the field that hold zeros.
        before: First step that has a current.
        stride: Steps, rows and columns from one current to the next.

    Returns:
        The currents (time, row, column, target), float64.
    """
    steps, height, width, channels = spikes.shape
    delays, rows, columns, _, targets = kernel.shape
    extent = steps - before, height + 2 * margin[0] - rows + 1, width + 2 * margin[1] - columns + 1
    current = np.zeros((*(-(-size // by) for size, by in zip(extent, stride, strict=True)), targets))
    for t, y, x, target in np.ndindex(current.shape):
        step, top, left = before + t * stride[0], y * stride[1] - margin[0], x * stride[2] - margin[1]
        for d in range(min(step + 1, delays) - 1, -1, -1):
            for i, j, channel in np.ndindex(rows, columns, channels):
                if 0 <= top + i < height and 0 <= left + j < width:
                    tap = kernel[d, i, j, channel, target]
                    current[t, y, x, target] += tap * spikes[step - d, top + i, left + j, channel]
    return current
