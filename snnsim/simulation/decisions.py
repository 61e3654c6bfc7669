"""Decisions: from the membrane of the readout over time to one score per class, without torch.

    summed_softmax   Σ_t softmax(u[t])
    mean_membrane    Σ_t u[t] / steps
    max_membrane     max_t u[t]
    last_membrane    u at the last step

Shapes   output (time, class) · scores (class,)
Differs  from learning.decisions in the library alone; a test compares the two
"""

from collections.abc import Callable

import numpy as np


def _summed_softmax(output: np.ndarray) -> np.ndarray:
    # exponents of at most 0 do not overflow
    powers = np.exp(output - output.max(-1, keepdims=True))
    scores: np.ndarray = (powers / powers.sum(-1, keepdims=True)).sum(0)
    return scores


SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "summed_softmax": _summed_softmax,
    "mean_membrane": lambda output: output.mean(0),
    "max_membrane": lambda output: output.max(0),
    "last_membrane": lambda output: output[-1],
}
"""The decisions by name."""


def scores(decision: str, output: np.ndarray) -> np.ndarray:
    """Return one score per class (class,) of one recording.

    Args:
        decision: A name in SCORES.
        output: Membranes of the readout (time, class), at least one step.
    """
    return SCORES[decision](output)
