"""Pictures as spikes: bright pixels have more spikes (rate), or earlier ones (latency).

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
    """Return independent spikes whose probability is proportional to the gray of the pixel.

    Args:
        gray: Brightness from 0 to 1 (picture, ...).
        generator: Generator of the random numbers.
        steps: Number of steps.
        probability: Probability of a spike per step where the brightness is 1.

    Returns:
        bool (time, picture, ...).

    Raises:
        ValueError: If the probability or a gray is not from 0 to 1, or there is no step.
    """
    bright = _checked("rate", gray, steps)
    if not 0 <= probability <= 1:
        raise ValueError(f"rate: the highest probability of a spike must be from 0 to 1, not {probability}")
    spikes: np.ndarray = generator.random((steps, *bright.shape)) < probability * bright
    return spikes


def latency(gray: ArrayLike, *, steps: int) -> np.ndarray:
    """Return at most one spike of each pixel, bool (time, picture, ...); a pixel of brightness 1 fires in step 0.

    Args:
        gray: Brightness of pixels, (picture, ...), from 0 (no spike) to 1 (a spike in step 0).
        steps: Number of steps T, at least 1.
    """
    spikes: np.ndarray = np.arange(steps).reshape(-1, *(1,) * np.ndim(gray)) == first_spike(gray, steps=steps)
    return spikes


def first_spike(gray: ArrayLike, *, steps: int) -> np.ndarray:
    """Return the step of the spike of each pixel, int64 (picture, ...), and NEVER for brightness 0.

    Args:
        gray: Brightness of pixels, (picture, ...), from 0 (NEVER) to 1 (step 0).
        steps: Number of steps T, at least 1; steps of the result are below it.
    """
    bright = _checked("latency", gray, steps)
    step = np.floor((1 - bright) * (steps - 1) + 0.5).astype(np.int64)
    return np.where(bright > 0, step, NEVER)


def _checked(who: str, gray: ArrayLike, steps: int) -> np.ndarray:
    bright = np.asarray(gray, float)
    if steps < 1:
        raise ValueError(f"{who}: a picture must be shown for a step or more, not {steps}")
    if bright.size and not (bright.min() >= 0 and bright.max() <= 1):
        raise ValueError(
            f"{who}: grays must be from 0 to 1; they are from {bright.min():g} to {bright.max():g}; divide them by "
            "the brightest possible gray"
        )
    return bright
