"""The `images` task: handwritten digits of 8 x 8 pixels, each shown unchanged in every step.

    count[t, y · 8 + x] = gray[y, x]      t = 0 .. T - 1, gray = 0 .. 16

Direct encoding: the picture itself is the input of every step, not spikes drawn from it. Its integer gray levels are
numbers of events in a step, so that pictures are read and binned as all other recordings, and programs run on them.

Shapes   count (picture, time, pixel)
Names    T steps
Source   E. Alpaydin & C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI; the test part of it, 1,797
         pictures by 13 writers, comes with scikit-learn. Direct encoding: Meng et al. 2023 (ICCV), arXiv 2302.14311
Differs  gray levels go to 16, not to 1: a batch norm behind the first layer takes the scale out
"""

from dataclasses import dataclass

import numpy as np

from snnsim.data.recordings import Recordings
from snnsim.data.synthetic.dataset import GridDataset
from snnsim.data.synthetic.files import recordings

VERSION = 1
"""A number that is raised when the same seed gives other recordings."""
SIDE = 8
"""Rows and columns of a picture."""


@dataclass(frozen=True)
class Recipe:
    """How long a picture is shown, and how many pictures validate and test."""

    steps: int = 6
    time_step_ms: float = 10.0
    valid: int = 300
    """Pictures of the validation split."""
    test: int = 300
    """Pictures of the test split; all others are training pictures."""


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Return the gray levels (picture, pixel), integers from 0 to 16, and the digits."""
    # the import takes a second
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.data.astype(np.uint8), digits.target.astype(np.int64)


def split(count: int, seed: int, recipe: Recipe) -> dict[str, np.ndarray]:
    """Return the pictures of each split, ascending: a function of the seed.

    Args:
        count: Number of pictures.
        seed: Seed of the permutation.
        recipe: Sizes of the splits.

    Raises:
        ValueError: If a split would have no picture, or a picture no step.
    """
    held = recipe.valid + recipe.test
    if not 0 < held < count or min(recipe.valid, recipe.test, recipe.steps) < 1:
        raise ValueError(
            f"images: every split must have a picture, shown for a step or more; of {count} pictures {recipe.valid} "
            f"are to validate and {recipe.test} to test with, for {recipe.steps} steps"
        )
    order = np.random.default_rng(seed).permutation(count)
    parts = np.split(order, [count - held, count - recipe.test])
    return {name: np.sort(part) for name, part in zip(("train", "valid", "test"), parts, strict=True)}


def make(seed: int, recipe: Recipe = Recipe()) -> dict[str, Recordings]:
    """Return the recordings of every split; a pure function of the seed and the recipe.

    Args:
        seed: Seed of the division into splits; the pictures are always the same.
        recipe: Number of steps, their duration in ms, and the sizes of the splits.
    """
    gray, digit = pictures()
    classes = tuple(map(str, range(10)))
    return {
        name: recordings(
            np.repeat(gray[index, None], recipe.steps, axis=1), digit[index], classes, time_step_ms=recipe.time_step_ms
        )
        for name, index in split(len(digit), seed, recipe).items()
    }


IMAGES = GridDataset("images", Recipe(), VERSION, make)
