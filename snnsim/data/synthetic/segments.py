"""The `segments` set: every step has a class, the lag between two groups of channels at that time.

    a_i[t] ~ Bernoulli(p)                                   i = 0 .. pairs - 1
    b_i[t] = a_i[t - lag(c[t])] with probability 1 - q, else ~ Bernoulli(p)

A recording is a sequence of segments, each of a class c; no two neighbors have the same class. The label of a step is
the class of its segment. The first steps of a segment, as many as the longest lag, have no label, as no pair of spikes
tells their class yet. The class of a recording is that of most of its steps.

Every channel is Bernoulli(p), whatever the class, so that only pairs of spikes tell the class.

Shapes   raster (time, channel), a_i in channel 2 i and b_i in channel 2 i + 1 · classes of steps (time,)
Units    lags in steps of time_step_ms
Names    p rate · q noise · c class of a segment
Source   own construction, after the motifs of motifs.py
"""

from dataclasses import dataclass, replace

import numpy as np

from snnsim.data.recordings import Recordings
from snnsim.data.synthetic.dataset import GridDataset
from snnsim.data.synthetic.files import recordings
from snnsim.data.targets import NO_CLASS, Target

VERSION = 1
"""A number that is raised when the same seed gives other recordings."""


@dataclass(frozen=True)
class Recipe:
    """Sizes and probabilities of the segments."""

    lags: tuple[int, ...] = (1, 3, 6)
    """Steps from a channel to its copy, one for each class."""
    pairs: int = 8
    """Pairs of channels."""
    steps: int = 80
    """Steps of a recording."""
    shortest: int = 16
    """The fewest steps of a segment."""
    rate: float = 0.15
    """Probability of a spike per channel and step."""
    noise: float = 0.05
    """Share of the copy that is replaced by independent spikes."""
    time_step_ms: float = 10.0
    """Length of a step."""
    recordings: tuple[tuple[str, int], ...] = (("train", 600), ("valid", 150), ("test", 150))
    """How many recordings each split has."""


def classes(generator: np.random.Generator, recipe: Recipe) -> np.ndarray:
    """Return the class of each step of a recording, int64 (time,).

    Args:
        generator: Generator of the segments.
        recipe: Sizes of the segments.
    """
    count = len(recipe.lags)
    most = recipe.steps // recipe.shortest
    number = int(generator.integers(2, most + 1))
    free = recipe.steps - number * recipe.shortest
    length = recipe.shortest + generator.multinomial(free, np.full(number, 1 / number))
    # a step of 1 .. count - 1 to the next class is never the same class
    order = np.cumsum([generator.integers(count), *generator.integers(1, count, number - 1)]) % count
    return np.repeat(order, length)


def labels(classes: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the classes without those of the first steps of each segment, in which its lag is not complete.

    Args:
        classes: Class of each step (time,).
        recipe: The lags.
    """
    begins = np.flatnonzero(np.diff(classes, prepend=-1))
    result = classes.copy()
    for begin in begins:
        result[begin : begin + max(recipe.lags)] = NO_CLASS
    return result


def raster(classes: np.ndarray, generator: np.random.Generator, recipe: Recipe) -> np.ndarray:
    """Return the raster of a recording, bool (time, channel).

    Args:
        classes: Class of each step (time,).
        generator: Generator of the spikes.
        recipe: Probabilities and lags.
    """
    shape = recipe.steps, recipe.pairs
    first, fresh = generator.random((2, *shape)) < recipe.rate
    source = np.arange(recipe.steps) - np.array(recipe.lags)[classes]
    copied = np.where(source[:, None] >= 0, first[np.maximum(source, 0)], fresh)
    second = np.where(generator.random(shape) < recipe.noise, fresh, copied)
    return np.stack([first, second], axis=-1).reshape(recipe.steps, 2 * recipe.pairs)


def make(seed: int, recipe: Recipe = Recipe()) -> dict[str, Recordings]:
    """Return the recordings of every split; a pure function of the seed and the recipe.

    Args:
        seed: Seed of all random numbers.
        recipe: Sizes and probabilities.
    """
    names = tuple(f"lag {lag}" for lag in recipe.lags)
    splits = {}
    for number, (split, count) in enumerate(recipe.recordings):
        generator = np.random.default_rng((seed, number))
        steps = [classes(generator, recipe) for _ in range(count)]
        rasters = np.stack([raster(each, generator, recipe) for each in steps])
        label = np.array([np.bincount(each, minlength=len(names)).argmax() for each in steps])
        target = Target.of([labels(each, recipe) for each in steps], names, step_ms=recipe.time_step_ms)
        plain = recordings(rasters, label, names, time_step_ms=recipe.time_step_ms)
        splits[split] = replace(plain, targets={"segment": target})
    return splits


SEGMENTS = GridDataset("segments", Recipe(), VERSION, make)
