"""A still image as a function of continuous position: a quintic spline through its pixels, and paths of a window in it.

    L(x) = Σ_k c_k β⁵(x − k)           c from the image, so that L(k) is the pixel k
    x[t + 1] = x[t] − v                the window moves against the motion v, so that the scene in it moves by v

All pixels of a window have the same fraction of position, so that a window is a product of two small matrices with the
coefficients around it. A window stays inside of the image: a path is drawn for the space that it needs.

Shapes   image, window float64 (row, column) · path float64 (step + 1, 2)
Units    positions in pixels, v in pixels per step, directions in degrees from the columns' axis, rows going down
Names    c coefficients · v velocity
Source   Unser 1999, IEEE Signal Processing Magazine 16(6):22; the path is that of Grimaldi & Perrinet 2023, Biol.
         Cybern. 117:373, with a spline in place of a shift of Fourier phases, which wraps round at the border
"""

from typing import Protocol

import numpy as np
import scipy

ORDER = 5
REACH = 3
"""Pixels around a window that its spline needs."""
# β⁵(f − k) for k = −2 … 3 as polynomials of the fraction f, from the constant to the fifth power
_POLYNOMIALS = (
    np.array(
        [
            [1, -5, 10, -10, 5, -1],
            [26, -50, 20, 20, -20, 5],
            [66, 0, -60, 0, 30, -10],
            [26, 50, 20, -20, -20, 10],
            [1, 5, 10, 10, 5, -5],
            [0, 0, 0, 0, 0, 1],
        ]
    )
    / 120
)


class Scene(Protocol):
    """The log intensity at a position and a time."""

    def __call__(self, position: np.ndarray, shape: tuple[int, int], time_ms: float) -> np.ndarray:
        """Return the log intensity (row, column) of a window.

        Args:
            position: Row and column of the first pixel of the window.
            shape: Rows and columns of the window.
            time_ms: Time in ms.
        """


class Picture:
    """A still image of any position.

    Args:
        image: Log intensity, (row, column).

    Raises:
        ValueError: If the image is no finite matrix.
    """

    def __init__(self, image: np.ndarray) -> None:
        image = np.asarray(image, np.float64)
        if image.ndim != 2 or not np.isfinite(image).all():
            raise ValueError(f"Picture: the image must be a finite matrix of log intensity, not {image.shape}")
        self.shape = image.shape
        self.coefficients = scipy.ndimage.spline_filter(image, ORDER, mode="mirror")

    def __call__(self, position: np.ndarray, shape: tuple[int, int], time_ms: float = 0.0) -> np.ndarray:  # noqa: ARG002
        """Return the log intensity (row, column) of a window.

        Args:
            position: Row and column of the first pixel of the window; the window and three pixels around it must be
                inside of the image.
            shape: Rows and columns of the window.
            time_ms: Not used, as the image is still.

        Raises:
            ValueError: If the window leaves the image.
        """
        first = np.floor(position).astype(int)
        low, high = first - REACH + 1, first + np.array(shape) + REACH
        if low.min() < 0 or np.any(high > self.shape):
            raise ValueError(
                f"Picture: a window of {shape} and three pixels around it must lie inside of the image {self.shape}; "
                f"it begins at {np.asarray(position)}; move it"
            )
        part = self.coefficients[low[0] : high[0], low[1] : high[1]]
        rows, columns = (_weights(float(x - f)) for x, f in zip(position, first, strict=True))
        return _filtered(_filtered(part, rows).T, columns).T


def _filtered(part: np.ndarray, weights: np.ndarray) -> np.ndarray:
    count = len(part) - len(weights) + 1
    total: np.ndarray = sum(weight * part[k : k + count] for k, weight in enumerate(weights))
    return total


def _weights(fraction: float) -> np.ndarray:
    """Return the values of the spline at the six pixels around a fraction of a pixel, from 2 before it to 3 behind."""
    weights: np.ndarray = _POLYNOMIALS @ fraction ** np.arange(ORDER + 1)
    return weights


def path(velocity: np.ndarray) -> np.ndarray:
    """Return the positions (step + 1, 2) of a window that sees a motion; the smallest row and column are 0.

    Args:
        velocity: Velocity of the scene in the window, rows and columns in pixels per step, (step, 2).
    """
    moved = np.concatenate([np.zeros((1, 2)), -np.cumsum(velocity, axis=0)])
    result: np.ndarray = moved - moved.min(0)
    return result


def placed(
    path: np.ndarray, window: tuple[int, int], image: tuple[int, int], generator: np.random.Generator
) -> np.ndarray:
    """Return a path moved to a random place of an image, where no window of it touches the border.

    Args:
        path: Positions (step + 1, 2) from 0.
        window: Rows and columns of the window.
        image: Rows and columns of the image.
        generator: Generator of the place.

    Raises:
        ValueError: If the path does not fit into the image.
    """
    free = np.array(image) - np.array(window) - 2 * REACH - 1 - path.max(0)
    if free.min() < 0:
        raise ValueError(
            f"placed: a window of {window} on a path of {np.ceil(path.max(0)).astype(int)} pixels needs a larger image "
            f"than {image}; take fewer steps or slower motions"
        )
    result: np.ndarray = path + REACH + free * generator.random(2)
    return result
