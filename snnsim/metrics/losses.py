"""Losses of predictions without torch, by their definitions; snnsim.learning.tasks computes the same with gradients.

    class            −ln softmax(s)[y]
    step-class       the mean over steps with a label
    regression       the mean of (ŷ − y)² over the numbers that are there
    step-regression  the same, over steps and targets

Every recording weighs the same; one without a label has the loss 0.

Shapes   scores s (class,) of a recording, or (time, class) · target (), (time,), (target,) or (time, target)
"""

import numpy as np


def cross_entropy(scores: np.ndarray, target: np.ndarray) -> float:
    """Return the mean cross-entropy of scores (..., class) over the classes (...,) from 0; 0 if there is none.

    Args:
        scores: Scores (..., class).
        target: Classes (...,), -1 for none.
    """
    rows, classes = scores.reshape(-1, scores.shape[-1]), np.ravel(target)
    labeled = np.flatnonzero(classes >= 0)
    if not len(labeled):
        return 0.0
    # exponents of at most 0 do not overflow
    exponent = rows[labeled] - rows[labeled].max(-1, keepdims=True)
    losses = np.log(np.exp(exponent).sum(-1)) - exponent[np.arange(len(labeled)), classes[labeled]]
    return float(losses.mean())


def squared_error(predicted: np.ndarray, target: np.ndarray) -> float:
    """Return the mean squared error over the numbers that are not NaN; 0 if there is none.

    Args:
        predicted: Numbers of any shape.
        target: Numbers of the same shape, NaN for none.
    """
    present = ~np.isnan(target)
    return float(((predicted - target)[present] ** 2).mean()) if present.any() else 0.0
