"""The `motifs` task: only the exact delay between two channels tells the class.

    a_i[t] ~ Bernoulli(p)                                   i = 0 .. pairs - 1
    b_i[t] = a_i[(t - d_c(i)) mod T] with probability 1 - q, else ~ Bernoulli(p)
    d_c(i) = lags[(c + i) mod n]                            c = 0 .. n - 1

Every channel is Bernoulli(p) and independent from step to step whatever the class; the copy wraps around
the end, so the number of spikes that a pair shares does not depend on the lag; and every class uses every
lag equally often (the rows of a Latin square). What is left is which pair has which lag. All lags lie
close together and far from 0: a membrane with a time constant of one step misses the first spike, and a
membrane with one of ten steps takes one lag for the next, so that decay alone cannot tell the classes.

Shapes   raster (recording, time, channel), a_i in channel 2 i and b_i in channel 2 i + 1
Units    lags in steps of time_step_ms
Names    p rate · q noise · T steps · n classes and lags · d lag
Source   own construction, after the spiking motifs of Grimaldi & Perrinet 2023, Biol. Cybern. 117:373
"""

from dataclasses import dataclass

import numpy as np

from snnsim.data.recordings import Recordings
from snnsim.data.synthetic.dataset import GridDataset
from snnsim.data.synthetic.files import recordings

VERSION = 1
"""A number that is raised when the same seed gives other recordings."""


@dataclass(frozen=True)
class Recipe:
    """Sizes and probabilities of the motifs."""

    lags: tuple[int, ...] = tuple(range(8, 18))
    """Steps from a channel to its copy; there are as many classes as lags."""
    pairs: int = 10
    """Pairs of channels; a multiple of the number of lags."""
    steps: int = 100
    """Steps of a recording."""
    rate: float = 0.1
    """Probability of a spike per channel and step."""
    noise: float = 0.1
    """Share of the copy that is replaced by independent spikes."""
    time_step_ms: float = 10.0
    """Length of a step."""
    recordings: tuple[tuple[str, int], ...] = (("train", 2000), ("valid", 500), ("test", 500))
    """How many recordings each split has."""

    def __post_init__(self) -> None:
        if self.pairs % len(self.lags) or not 0 <= min(self.lags) <= max(self.lags) < self.steps:
            raise ValueError(
                "motifs: the pairs must be a multiple of the lags and every lag shorter than a recording; "
                f"got {self.pairs} pairs, {len(self.lags)} lags up to {max(self.lags)}, {self.steps} steps; "
                "choose others"
            )


def lag(recipe: Recipe) -> np.ndarray:
    """Return the lag in steps of every class and pair, (class, pair).

    Args:
        recipe: Settings of the task: the lags in steps, one for each class, and the number of pairs.
    """
    classes = len(recipe.lags)
    lags: np.ndarray = np.array(recipe.lags)[np.add.outer(np.arange(classes), np.arange(recipe.pairs)) % classes]
    return lags


def rasters(label: np.ndarray, generator: np.random.Generator, recipe: Recipe) -> np.ndarray:
    """Return one raster per label, bool (recording, time, channel).

    Args:
        label: Class of each recording, integers (recording,).
        generator: Source of all random numbers.
        recipe: Settings of the task.
    """
    shape = len(label), recipe.steps, recipe.pairs
    first, fresh = generator.random((2, *shape)) < recipe.rate
    source = (np.arange(recipe.steps)[None, :, None] - lag(recipe)[label][:, None, :]) % recipe.steps
    copied = np.take_along_axis(first, source, axis=1)
    second = np.where(generator.random(shape) < recipe.noise, fresh, copied)
    return np.stack([first, second], axis=-1).reshape(*shape[:2], 2 * recipe.pairs)


def make(seed: int, recipe: Recipe = Recipe()) -> dict[str, Recordings]:
    """Return the recordings of every split; a pure function of the seed and the recipe.

    Args:
        seed: Seed, at least 0; each split has random numbers of its own.
        recipe: Settings of the task, and the number of recordings of each split.
    """
    classes = tuple(f"motif {number}" for number in range(len(recipe.lags)))
    splits = {}
    for number, (split, count) in enumerate(recipe.recordings):
        generator = np.random.default_rng((seed, number))
        label = generator.permutation(np.arange(count) % len(classes))
        raster = rasters(label, generator, recipe)
        splits[split] = recordings(raster, label, classes, time_step_ms=recipe.time_step_ms)
    return splits


MOTIFS = GridDataset("motifs", Recipe(), VERSION, make)
MOTIFS_SHORT = GridDataset("motifs-short", Recipe(lags=tuple(range(3, 11)), pairs=8), VERSION, make)
"""16 channels, 8 classes, and lags that relay neurons of a chip without delays can hold."""
