"""Events of a simulated event camera in front of which a picture moves along the sides of a triangle.

    position p(m)            m = 0 ... M; straight and evenly from (0, 0) to (a, a/2), to (0, a), to (0, 0)
    x(m)                     the picture at p(m), with bilinear interpolation, and 0 outside of it
    n = ⌊|x(m) − r| / θ⌋     events of a pixel in movement m ≥ 1, on where x(m) > r, off where x(m) < r
    r ← r ± n θ              reference of the pixel; r = x(0) at first
    step = ⌊(m − ½) D / (M dt)⌋

Shapes   pictures (picture, row, column, color) · frames (time, picture, channel)
         channel = ((row, column, color), polarity) with polarity 0 for on and 1 for off
Names    a amplitude in pixels · θ threshold · D duration · M movements, of at most a quarter of a pixel each
Source   three saccades along a triangle: Orchard, Jayawant, Cohen & Thakor 2015, Frontiers in Neuroscience 9:437
Differs  the camera responds to differences of the gray level, not of its logarithm, and has neither noise nor latency
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from snnsim.data.coding.kinds import Saccades
from snnsim.kernels.common.jit import njit, subroutine

_PIXELS = 0.25
"""Longest movement in pixels."""


class Path(NamedTuple):
    """The movements of a picture."""

    shift: np.ndarray
    """Rows and columns by which the picture is shifted, float64 (movement + 1, 2)."""
    step: np.ndarray
    """Step of each movement, int64 (movement,)."""


def path(coding: Saccades, time_step_ms: float) -> Path:
    """Return the movements of a coding.

    Args:
        coding: Amplitude and duration.
        time_step_ms: Length of a step.
    """
    a = coding.amplitude
    corners = np.array([(0.0, 0.0), (a, a / 2), (0.0, a), (0.0, 0.0)])
    side = max(1, math.ceil(math.hypot(a, a / 2) / _PIXELS))
    share = np.arange(1, side + 1)[:, None] / side
    sides = [start + (end - start) * share for start, end in pairwise(corners)]
    shift = np.concatenate([corners[:1], *sides])
    movements = len(shift) - 1
    step = np.floor((np.arange(movements) + 0.5) * coding.duration_ms / movements / time_step_ms)
    return Path(shift, step.astype(np.int64))


def events(pictures: np.ndarray, route: Path, threshold: float) -> np.ndarray:
    """Return the numbers of events of every pixel and polarity in every step, float32 (time, picture, channel).

    Args:
        pictures: Gray levels from 0 to 1, float32 (picture, row, column, color).
        route: The movements.
        threshold: Change of the gray level that causes an event.
    """
    count, rows, columns, colors = pictures.shape
    frames = np.zeros((int(route.step[-1]) + 1, count, rows * columns * colors * 2), np.float32)
    _fill(frames, np.ascontiguousarray(pictures), route, threshold)
    return frames


@njit(cache=True, nogil=True)
def _fill(frames: np.ndarray, pictures: np.ndarray, route: Path, threshold: float) -> None:
    count, rows, columns, colors = pictures.shape
    for number in range(count):
        reference = pictures[number].astype(np.float64)
        for movement in range(route.step.size):
            down, right = route.shift[movement + 1, 0], route.shift[movement + 1, 1]
            step = route.step[movement]
            for row in range(rows):
                for column in range(columns):
                    for color in range(colors):
                        now = _at(pictures[number], row - down, column - right, color)
                        change = now - reference[row, column, color]
                        spikes = math.floor(abs(change) / threshold)
                        if spikes > 0:
                            on = change > 0
                            reference[row, column, color] += spikes * threshold if on else -spikes * threshold
                            pixel = (row * columns + column) * colors + color
                            frames[step, number, 2 * pixel + (0 if on else 1)] += spikes


@subroutine(cache=True, nogil=True)
def _at(picture: np.ndarray, y: float, x: float, color: int) -> float:
    """Return a gray level between pixels by bilinear interpolation, 0 outside of the picture."""
    rows, columns, _ = picture.shape
    top, left = math.floor(y), math.floor(x)
    down, right = y - top, x - left
    total = 0.0
    for row, share_of_row in ((top, 1 - down), (top + 1, down)):
        for column, share_of_column in ((left, 1 - right), (left + 1, right)):
            if 0 <= row < rows and 0 <= column < columns:
                total += share_of_row * share_of_column * picture[row, column, color]
    return total
