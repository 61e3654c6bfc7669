"""Generated still images: dead leaves, and noise whose amplitude falls with the frequency.

    dead leaves    disks of gray in front of each other, radii r with density ∝ 1 / r³ between two bounds
    power law      amplitude ∝ 1 / |f|^α, random phases

Shapes   images float64 (row, column), mean 0 and standard deviation 1: a log intensity
Units    r in pixels, f in cycles per pixel
Source   dead leaves: Lee, Mumford & Huang 2001, IJCV 41:35; power law of natural images: Field 1987, JOSA A 4:2379
"""

import numpy as np


def dead_leaves(
    shape: tuple[int, int], generator: np.random.Generator, *, smallest: float = 3.0, largest: float = 40.0
) -> np.ndarray:
    """Return an image of disks that cover each other.

    Args:
        shape: Rows and columns.
        generator: Generator of places, radii and grays.
        smallest: Smallest radius in pixels.
        largest: Largest radius in pixels.

    Raises:
        ValueError: If the radii are not positive or not in order.
    """
    if not 0 < smallest <= largest < np.inf:
        raise ValueError(
            f"dead_leaves: radii must be positive, the smallest first; got {smallest} and {largest}; exchange them"
        )
    rows, columns = np.indices(shape)
    image, free = np.zeros(shape), np.ones(shape, bool)
    while free.any():
        # density ∝ 1 / r³ by its inverse distribution function
        share = generator.random()
        radius = (smallest**-2 + share * (largest**-2 - smallest**-2)) ** -0.5
        row, column = generator.uniform(-largest, np.array(shape) + largest)
        gray = generator.standard_normal()
        top, bottom = (int(np.clip(row + sign * radius + 1, 0, shape[0])) for sign in (-1, 1))
        left, right = (int(np.clip(column + sign * radius + 1, 0, shape[1])) for sign in (-1, 1))
        part = np.s_[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1]
        # from the front to the back: a disk fills what is still free
        inside = free[part] & ((rows[part] - row) ** 2 + (columns[part] - column) ** 2 <= radius**2)
        image[part][inside] = gray
        free[part][inside] = False
    result: np.ndarray = (image - image.mean()) / image.std()
    return result


def power_law(shape: tuple[int, int], generator: np.random.Generator, *, exponent: float = 1.0) -> np.ndarray:
    """Return noise with amplitudes that fall with the frequency.

    Args:
        shape: Rows and columns.
        generator: Generator of the phases.
        exponent: Exponent α of the amplitude; 0 is white noise, 1 the spectrum of natural images.
    """
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    frequency[0, 0] = np.inf
    noise = np.fft.rfft2(generator.standard_normal(shape))
    image = np.fft.irfft2(noise * frequency**-exponent, s=shape)
    result: np.ndarray = image / image.std()
    return result
