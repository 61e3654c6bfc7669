"""Moving textures with chosen frequencies: Motion Clouds and gratings, as functions of position and time.

    L(x, t) = Σ_k a_k cos(2π (f_k · (x − v t)) − 2π b_k t + φ_k)

    grating        one frequency: f = f₀ (cos θ, sin θ), no speed of its own (b = 0)
    Motion Cloud   f_k from a log-normal around f₀ with an orientation from a normal around θ (or any orientation),
                   and b_k from a normal with deviation B |f_k|, the bandwidth of speed; φ_k uniform

Shapes   L float64 (row, column), standard deviation 1 on average
Units    f in cycles per pixel, v and B in pixels per ms, t in ms, angles in degrees, rows going down
Source   Sanz Leon, Vanzetta, Masson & Perrinet 2012, J. Neurophysiol. 107:3217, as a sum of waves in place of a filter
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Waves:
    """A sum of moving waves; `waves(position, shape, time_ms)` is the image at a position of the scene."""

    frequency: np.ndarray
    """Cycles per pixel along rows and columns (wave, 2)."""
    beat: np.ndarray
    """Own temporal frequency in cycles per ms (wave,)."""
    phase: np.ndarray
    """Radians (wave,)."""

    def __call__(self, position: np.ndarray, shape: tuple[int, int], time_ms: float) -> np.ndarray:
        """Return the log intensity (row, column) of a window of the scene.

        Args:
            position: Row and column of the first pixel of the window, of any fraction.
            shape: Rows and columns of the window.
            time_ms: Time in ms.
        """
        # cos(a + b) of rows and columns as a product of complex factors: one multiplication of matrices
        turn = 2j * np.pi
        first = np.exp(turn * np.multiply.outer(position[0] + np.arange(shape[0]), self.frequency[:, 0]))
        second = np.exp(turn * np.multiply.outer(self.frequency[:, 1], position[1] + np.arange(shape[1])))
        offset = np.exp(1j * self.phase - turn * self.beat * time_ms)
        waves: np.ndarray = ((first * offset) @ second).real * np.sqrt(2 / len(self.phase))
        return waves


def grating(frequency: float, direction: float, generator: np.random.Generator) -> Waves:
    """Return a grating; its stripes are perpendicular to its direction.

    Args:
        frequency: Cycles per pixel.
        direction: Direction in which the intensity changes, in degrees from the columns' axis, rows going down.
        generator: Generator of the phase.
    """
    return Waves(_vectors(np.array([frequency]), np.array([direction])), np.zeros(1), 2 * np.pi * generator.random(1))


def motion_cloud(  # noqa: PLR0913
    frequency: float,
    generator: np.random.Generator,
    *,
    octaves: float = 1.0,
    direction: float | None = None,
    spread: float = 15.0,
    speed_bandwidth: float = 0.0,
    waves: int = 200,
) -> Waves:
    """Return a random texture of a band of frequencies.

    Args:
        frequency: Mean frequency in cycles per pixel.
        generator: Generator of the waves.
        octaves: Standard deviation of the logarithm to base 2 of the frequency.
        direction: Mean direction in which the intensity changes, in degrees; None for all directions alike.
        spread: Standard deviation of the direction in degrees.
        speed_bandwidth: Standard deviation of the speed of single waves, in pixels per ms.
        waves: Number of waves.
    """
    size = np.minimum(frequency * 2 ** (octaves * generator.standard_normal(waves)), 0.5)
    if direction is None:
        angle = 360 * generator.random(waves)
    else:
        angle = direction + spread * generator.standard_normal(waves)
    beat = speed_bandwidth * size * generator.standard_normal(waves)
    return Waves(_vectors(size, angle), beat, 2 * np.pi * generator.random(waves))


def _vectors(size: np.ndarray, direction: np.ndarray) -> np.ndarray:
    angle = np.deg2rad(direction)
    return np.stack([size * np.sin(angle), size * np.cos(angle)], axis=1)
