"""The `waves` set: two signals in the firing of two groups of channels, and numbers to read from them.

    x_g(t) = Σ_k a_gk sin(2 π f_gk t + φ_gk), scaled to −1 .. 1        g = 0, 1
    P(spike of channel j of group g in step t) = r exp(−(x_g[t] − m_j)² / 2 w²)
    wave[t] = (x_0[t − lag_0], x_1[t − lag_1])      numbers of steps; NaN in the first steps, before the lag
    mean    = (mean_t x_0, mean_t x_1)              numbers of recordings

The lags are longer than the time constants of membranes, so that delays help to recall the signals.

Shapes   raster (recording, time, channel), the channels of group 0 first · x (recording, time, 2)
Units    lags in steps of time_step_ms · f in cycles per recording
Names    r highest rate · m_j preferred values, evenly from −1 to 1 · w width of the tuning
Source   own construction; population codes with Gaussian tuning are common in neuroscience
"""

from dataclasses import dataclass, replace

import numpy as np

from snnsim.data.recordings import Recordings
from snnsim.data.synthetic.dataset import GridDataset
from snnsim.data.synthetic.files import recordings
from snnsim.data.targets import Target

VERSION = 1
"""A number that is raised when the same seed gives other recordings."""


@dataclass(frozen=True)
class Recipe:
    """Sizes and rates of the waves."""

    channels: int = 10
    """Channels of a group."""
    lags: tuple[int, int] = (2, 8)
    """Steps by which the numbers of steps are late."""
    cycles: tuple[float, float] = (0.5, 3.0)
    """Lowest and highest frequency of a component, in cycles per recording."""
    components: int = 3
    """Sines of a signal."""
    steps: int = 80
    """Steps of a recording."""
    rate: float = 0.6
    """Probability of a spike at the preferred value."""
    width: float = 0.25
    """Width of the tuning."""
    time_step_ms: float = 10.0
    """Length of a step."""
    recordings: tuple[tuple[str, int], ...] = (("train", 600), ("valid", 150), ("test", 150))
    """How many recordings each split has."""


def signals(count: int, generator: np.random.Generator, recipe: Recipe) -> np.ndarray:
    """Return the signals of recordings, float64 (recording, time, 2), from −1 to 1.

    Args:
        count: Number of recordings.
        generator: Generator of the signals.
        recipe: Their components.
    """
    shape = count, 2, recipe.components, 1
    amplitude, phase = generator.random(shape), 2 * np.pi * generator.random(shape)
    frequency = generator.uniform(*recipe.cycles, shape)
    time = np.arange(recipe.steps) / recipe.steps
    waves = (amplitude * np.sin(2 * np.pi * frequency * time + phase)).sum(2) / amplitude.sum(2)
    return np.moveaxis(waves, 1, 2)


def raster(values: np.ndarray, generator: np.random.Generator, recipe: Recipe) -> np.ndarray:
    """Return the raster of signals, bool (recording, time, channel).

    Args:
        values: Signals (recording, time, 2).
        generator: Generator of the spikes.
        recipe: The tuning.
    """
    preferred = np.linspace(-1, 1, recipe.channels)
    distance = (values[..., None] - preferred) / recipe.width
    spikes = generator.random(distance.shape) < recipe.rate * np.exp(-(distance**2) / 2)
    return spikes.reshape(*values.shape[:2], 2 * recipe.channels)


def late(values: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the signals some steps later, float64 (recording, time, 2), NaN before their begin.

    Args:
        values: Signals (recording, time, 2).
        recipe: The lags.
    """
    result = np.full_like(values, np.nan)
    for group, lag in enumerate(recipe.lags):
        result[:, lag:, group] = values[:, : values.shape[1] - lag, group]
    return result


def make(seed: int, recipe: Recipe = Recipe()) -> dict[str, Recordings]:
    """Return the recordings of every split; a pure function of the seed and the recipe.

    Args:
        seed: Seed of all random numbers.
        recipe: Sizes and rates.
    """
    names, splits = ("first", "second"), {}
    for number, (split, count) in enumerate(recipe.recordings):
        generator = np.random.default_rng((seed, number))
        values = signals(count, generator, recipe)
        rasters = raster(values, generator, recipe)
        # a recording without a spike could not be stored
        rasters[:, 0, 0] |= ~rasters.any((1, 2))
        plain = recordings(rasters, np.full(count, -1), (), time_step_ms=recipe.time_step_ms)
        wave = Target.of(late(values, recipe), names, step_ms=recipe.time_step_ms)
        splits[split] = replace(plain, targets={"wave": wave, "mean": Target.of(values.mean(1), names)})
    return splits


WAVES = GridDataset("waves", Recipe(), VERSION, make)
