"""Photographs of scikit-learn and scikit-image as whitened log intensity; splits hold out photographs.

    L = log(I + ε)            I in 0 .. 1, ε = 0.01
    L̂(f) ← L̂(f) · |f| exp(−(|f| / f₀)⁴)                  whitening, without the highest frequencies
    L ← L / standard deviation

Shapes   images float64 (row, column)
Units    f in cycles per pixel, f₀ = 0.4
Source   whitening: Olshausen & Field 1997, Vision Research 37:3311, as in Grimaldi & Perrinet 2023, Biol. Cybern.
         117:373
Licenses scikit-learn's two photographs are CC BY, scikit-image's mostly public domain; they are read where the packages
         are installed, and none is part of this package
"""

from collections.abc import Mapping
from functools import cache

import numpy as np

from snnsim.validation import integer, known

_SKLEARN = ("china", "flower")
_SKIMAGE = (
    "astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel", "hubble_deep_field",
    "immunohistochemistry", "moon", "retina", "rocket", "stereo_motorcycle",
)  # fmt: skip
NAMES = tuple(sorted((*_SKLEARN, *_SKIMAGE)))
"""All photographs; the second picture of the stereo pair shows the same scene as the first and is left out."""
FOLDS = 4
"""Numbers of ways to hold out photographs; every photograph is a test image in one of them."""
LARGEST = 512
"""Rows and columns of the largest image; a larger photograph is reduced by an integer factor first."""
EPSILON, HIGHEST = 0.01, 0.4


def split(fold: int = 0) -> Mapping[str, tuple[str, ...]]:
    """Return the names of the photographs of each split: ten for training, two to validate, four to test.

    Args:
        fold: Number of the fold, from 0 to 3.

    Raises:
        ValueError: If there is no such fold.
    """
    integer(fold, who="natural images", name="fold", at_least=0, at_most=FOLDS - 1)
    test = NAMES[fold::FOLDS]
    valid = NAMES[(fold + 1) % FOLDS :: 2 * FOLDS]
    train = tuple(name for name in NAMES if name not in test + valid)
    return {"train": train, "valid": valid, "test": test}


def log_intensity(gray: np.ndarray) -> np.ndarray:
    """Return the log intensity of a picture.

    Args:
        gray: Intensity from 0 to 1, (row, column).
    """
    return np.log(np.asarray(gray, np.float64) + EPSILON)


def whitened(image: np.ndarray) -> np.ndarray:
    """Return an image whose amplitude does not depend on the frequency, with a standard deviation of 1.

    Args:
        image: Log intensity, (row, column).
    """
    rows, columns = image.shape
    # a mirrored picture has no jump from one border to the other
    mirrored = np.pad(image, ((0, rows), (0, columns)), mode="symmetric")
    frequency = np.hypot(np.fft.fftfreq(2 * rows)[:, None], np.fft.rfftfreq(2 * columns)[None, :])
    gain = frequency * np.exp(-((frequency / HIGHEST) ** 4))
    white = np.fft.irfft2(np.fft.rfft2(mirrored) * gain, s=mirrored.shape)[:rows, :columns]
    result: np.ndarray = white / white.std()
    return result


@cache
def load(name: str) -> np.ndarray:
    """Return the intensity of a photograph from 0 to 1, (row, column).

    Args:
        name: Name of the photograph, one of NAMES.

    Raises:
        ValueError: If the name is unknown, or scikit-image is not installed.
    """
    known(name, NAMES, "photograph")
    if name in _SKLEARN:
        from sklearn.datasets import load_sample_image

        picture = load_sample_image(f"{name}.jpg")
    else:
        picture = _of_skimage(name)
    gray = picture.astype(np.float64) / np.iinfo(picture.dtype).max
    gray = gray if gray.ndim == 2 else gray[..., :3] @ np.array([0.2125, 0.7154, 0.0721])
    return _reduced(gray)


def _of_skimage(name: str) -> np.ndarray:
    try:
        from skimage import data
    except ImportError as error:
        raise ValueError(
            f"the photograph {name} is one of scikit-image, which is not installed: pip install 'snnsim[images]'"
        ) from error
    picture = getattr(data, name)()
    return np.asarray(picture[0] if name == "stereo_motorcycle" else picture)


def _reduced(gray: np.ndarray) -> np.ndarray:
    factor = -(-min(gray.shape) // LARGEST)
    rows, columns = (size // factor for size in gray.shape)
    blocks = gray[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    means: np.ndarray = blocks.mean((1, 3))
    return means
