"""From the readout's membrane over time to one score per class, without torch.

    summed_softmax   Σ_t softmax(u[t])
    mean_membrane    Σ_t u[t] / steps
    max_membrane     max_t u[t]
    last_membrane    u at the last step

Shapes   output (time, class), the steps that count · scores (class,)
Differs  from learning.decisions in the library alone; a test holds the two together
"""

from collections.abc import Callable

import numpy as np


def _summed_softmax(output: np.ndarray) -> np.ndarray:
    raised = np.exp(output - output.max(-1, keepdims=True))
    return (raised / raised.sum(-1, keepdims=True)).sum(0)


SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "summed_softmax": _summed_softmax,
    "mean_membrane": lambda output: output.mean(0),
    "max_membrane": lambda output: output.max(0),
    "last_membrane": lambda output: output[-1],
}


def scores(decision: str, output: np.ndarray) -> np.ndarray:
    """Return one score per class of one recording."""
    return SCORES[decision](output)
