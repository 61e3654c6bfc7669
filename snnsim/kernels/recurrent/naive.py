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


def in_order(sent: np.ndarray, own: np.ndarray, weight: np.ndarray, delay: np.ndarray, step: int) -> np.ndarray:
    """Return the currents of one step, added in the order of the spikes: the earliest first, then by source and tap.

    Args:
        sent: Spikes of other layers, (time, source).
        own: Spikes of the layer itself in the steps so far, (time, neuron).
        weight: Weights, (target, source and then neuron, tap).
        delay: Delays in steps, of the same shape; those of own spikes are 1 at least.
        step: The step whose currents are wanted.

    Returns:
        The current of every neuron, in the type of the spikes.
    """
    current: np.ndarray = np.zeros(own.shape[1], sent.dtype)
    for earlier in range(step + 1):
        for target, source, tap in np.ndindex(weight.shape):
            if delay[target, source, tap] != step - earlier:
                continue
            inside = source < sent.shape[1]
            spike = sent[earlier, source] if inside else own[earlier, source - sent.shape[1]]
            current[target] += weight[target, source, tap] * spike
    return current
