"""Recurrent currents as loops over single numbers: the reference for the fast forms."""

import numpy as np


def recurrent_current(spikes: np.ndarray, kernel: np.ndarray, step: int) -> np.ndarray:
    """Return the recurrent current of one step: I[t, j] = Σ_d Σ_i kernel[d − 1, j, i] · s[t − d, i], d from 1.

    Args:
        spikes: Spikes of the steps so far, (time, neuron), at least `step` of them.
        kernel: Weights by delay, (delay, target, source); index 0 is a delay of one step.
        step: The step t whose current is wanted.

    Returns:
        The current of every neuron, (neuron,).
    """
    current = np.zeros(kernel.shape[1])
    for index, target, source in np.ndindex(kernel.shape):
        if index + 1 <= step:
            current[target] += kernel[index, target, source] * spikes[step - index - 1, source]
    return current
