"""Pictures as spikes: as many as the gray is bright, or the earlier the brighter.

    rate      P(s[t, i] = 1) = p x_i
    latency   one spike, at t_i = ⌊(1 − x_i) (T − 1) + ½⌋; none where x_i is 0

Shapes   gray x (picture, ...), from 0 to 1 · spikes bool (time, picture, ...) · first spike int64 (picture, ...)
Names    T steps · p highest probability of a spike per step
Source   latency: Thorpe, Delorme & Van Rullen 2001, Neural Networks 14:715
"""

import numpy as np
from numpy.typing import ArrayLike

NEVER = -1


def rate(gray: ArrayLike, generator: np.random.Generator, *, steps: int, probability: float = 1.0) -> np.ndarray:
    """Return independent spikes bool (time, picture, ...), as probable as the gray (picture, ...) is bright."""
    bright = _checked("rate", gray, steps)
    if not 0 <= probability <= 1:
        raise ValueError(f"rate: the highest probability of a spike must be from 0 to 1, not {probability}")
    return generator.random((steps, *bright.shape)) < probability * bright


def latency(gray: ArrayLike, *, steps: int) -> np.ndarray:
    """Return at most one spike of each pixel, bool (time, picture, ...): the brightest (picture, ...) in step 0."""
    return np.arange(steps).reshape(-1, *(1,) * np.ndim(gray)) == first_spike(gray, steps=steps)


def first_spike(gray: ArrayLike, *, steps: int) -> np.ndarray:
    """Return the step of each pixel's spike, int64 (picture, ...), NEVER for one that is black."""
    bright = _checked("latency", gray, steps)
    when = np.floor((1 - bright) * (steps - 1) + 0.5).astype(np.int64)
    return np.where(bright > 0, when, NEVER)


def _checked(who: str, gray: ArrayLike, steps: int) -> np.ndarray:
    bright = np.asarray(gray, float)
    if steps < 1:
        raise ValueError(f"{who}: a picture must be shown for a step or more, not {steps}")
    if bright.size and not (bright.min() >= 0 and bright.max() <= 1):
        raise ValueError(
            f"{who}: grays must be from 0 to 1; they are from {bright.min():g} to {bright.max():g}. Divide them by "
            "the brightest that there can be"
        )
    return bright
