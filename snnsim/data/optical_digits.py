"""The `images` task: handwritten digits of 8 x 8 pixels, each shown unchanged in every step.

    count[t, y · 8 + x] = gray[y, x]      t = 0 .. T - 1, gray = 0 .. 16

Direct encoding: the picture itself is the input of every step, not spikes drawn from it. Its whole gray levels are kept
as so many events of a step, so that it takes the way of all other recordings, and its program runs on events too.

Shapes   count (picture, time, pixel)
Names    T steps
Source   E. Alpaydin & C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI; the test part of it, 1,797
         pictures by 13 writers, comes with scikit-learn. Direct encoding: Meng et al. 2023 (ICCV), arXiv 2302.14311
Differs  gray levels go to 16, not to 1: a batch norm behind the first layer takes the scale out
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnsim.data import synthetic_files
from snnsim.data.recordings import Recordings

VERSION = 1
"""Raised when the same seed would give other recordings."""
SIDE = 8
"""Rows and columns of a picture."""


@dataclass(frozen=True)
class Recipe:
    """How long a picture is shown, and how many are held out."""

    steps: int = 6
    time_step_ms: float = 10.0
    valid: int = 300
    """Pictures of the validation split."""
    test: int = 300
    """Pictures of the test split; all others are to train on."""


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Return the gray levels (picture, pixel), whole numbers from 0 to 16, and the digits."""
    # here, as it takes a second to import
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.data.astype(np.uint8), found.target.astype(np.int64)


def split(count: int, seed: int, recipe: Recipe) -> dict[str, np.ndarray]:
    """Return which of `count` pictures each split has, ascending: a function of the seed."""
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
    """Return the recordings of every split; a pure function of the seed and the recipe."""
    gray, digit = pictures()
    names = tuple(map(str, range(10)))
    return {
        name: synthetic_files.recordings(
            np.repeat(gray[some, None], recipe.steps, axis=1), digit[some], names, time_step_ms=recipe.time_step_ms
        )
        for name, some in split(len(digit), seed, recipe).items()
    }


def folder(seed: int = 0, recipe: Recipe = Recipe()) -> Path:
    """Return the cache folder of the files of this seed."""
    return synthetic_files.folder("images", seed, (VERSION, recipe))


def prepare(seed: int = 0) -> Path:
    """Return the cache folder with images_{train,valid,test}.h5 of this seed, made if it is not there."""
    return synthetic_files.prepare(folder(seed), "images", lambda: make(seed))
