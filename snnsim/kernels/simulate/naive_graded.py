"""The definition of a run with graded messages: the dense computation, from values and not from their changes.

Every neuron is computed in every step, and its sum is that of all its synapses, over the values that their sources have
passed on so far. Tests compare both engines with these loops; nothing else imports them.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

Synapse = tuple[int, int, int, float]


def graded(
    changes: np.ndarray,
    synapses: Sequence[Synapse],
    neurons: Sequence[tuple[str, float, float]],
    *,
    shift: int | None = None,
) -> np.ndarray:
    """Return the membranes of all neurons in the order of their computation, of exact numbers (time, neuron).

    Args:
        changes: The input, changes of the channels' values (time, channel).
        synapses: Source, target, delay and weight of each synapse; sources are channels and then neurons.
        neurons: Model, threshold and bias of each neuron.
        shift: Bits by which a membrane is finer than a weight, where all numbers are integers; None for floats.
    """
    steps, channels = changes.shape
    unit = 1 if shift is None else 2**shift
    # what each source has passed on by each step, in the units of its messages
    passed = np.zeros((steps, channels + len(neurons)), object)
    passed[:, :channels] = np.cumsum([[Fraction(float(value)) for value in row] for row in changes], axis=0)
    membrane = np.zeros((steps, len(neurons)), object)
    for t in range(steps):
        for n, (model, threshold, bias) in enumerate(neurons):
            terms = [Fraction(float(w)) * passed[t - d, i] for i, j, d, w in synapses if j == n and d <= t]
            x = unit * sum(terms, Fraction(0)) + Fraction(float(bias))
            membrane[t, n] = x
            y, before = max(x, Fraction(0)), passed[t - 1, channels + n] if t else Fraction(0)
            passed[t, channels + n] = before
            if model == "delta":
                # Python rounds ties to the even integer
                passed[t, channels + n] = Fraction(round(y / Fraction(float(threshold))))
            elif model == "sigma_delta" and abs(y - unit * before) > Fraction(float(threshold)):
                passed[t, channels + n] = y if shift is None else before + (y - unit * before) // unit
    return membrane
