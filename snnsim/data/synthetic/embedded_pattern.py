"""A spike pattern that is repeated at random times, embedded in noise of the same rates.

    v_i ← v_i + U(−δ, δ), in −v_max to v_max      r_i ← r_i + v_i Δ, turning back at 0 and r_max      every Δ = 1 ms
    afferent i fires in Δ with probability r_i Δ, and whenever it has been silent for 50 ms

Time is cut into windows of 50 ms. In a share of them, never in two consecutive ones, half of the afferents repeat their
spikes of one fixed window, each spike jittered; the others go on as before. All afferents have additional random spikes
at 10 Hz. Neither the rates of the afferents nor their sum tell a window with the pattern from one without.

Scripts and tests use this module; no command does.

Shapes   events step, afferent (event,), sorted by step · windows (presentation,), the first step of each
Units    r in Hz, v in Hz per ms · steps of time_step_ms
Source   set-up of Masquelier, Guyonneau & Thorpe 2008, PLoS ONE 3:e1377; δ = 0.36 Hz/ms, v_max = 1.8 Hz/ms, so that a
         rate takes 50 ms from 0 to r_max at least
Differs  a stream has no end; theirs repeats 15 s. The reflection of rates at their bounds is ours
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.jit import njit


@dataclass(frozen=True)
class Recipe:
    """Sizes, rates and probabilities of a stream."""

    afferents: int = 2000
    repeating: int = 1000
    """Afferents that have the pattern: the first ones."""
    window_ms: int = 50
    share: float = 0.25
    """Share of the windows that have the pattern, 0.5 at most."""
    highest_hz: float = 90.0
    """r_max."""
    noise_hz: float = 10.0
    jitter_ms: float = 1.0
    """Standard deviation of a spike of the pattern around its time."""
    longest_gap_ms: int = 50
    """Longest silence, after which an afferent fires."""
    steps_per_ms: int = 10

    def __post_init__(self) -> None:
        if not (0 < self.share <= 0.5 and 0 <= self.repeating <= self.afferents):
            raise ValueError(
                f"hidden: the share of windows must be above 0, at most 0.5, and the repeating afferents at most all; "
                f"got share {self.share}, {self.repeating} of {self.afferents} afferents"
            )


class Piece(NamedTuple):
    """A stretch of a stream."""

    step: np.ndarray
    """int64 (event,), counted from the beginning of the stream."""
    afferent: np.ndarray
    windows: np.ndarray
    """Steps at which the pattern begins."""
    steps: int
    """Length of the piece."""


def stream(generator: np.random.Generator, recipe: Recipe = Recipe(), *, windows: int = 200) -> Iterator[Piece]:
    """Yield a stream without an end, piece by piece; its pattern is drawn first.

    Args:
        generator: Generator of all random numbers.
        recipe: Sizes, rates and probabilities.
        windows: Number of windows of a piece.
    """
    drift = np.stack([generator.uniform(0, recipe.highest_hz, recipe.afferents), np.zeros(recipe.afferents)])
    silent = np.zeros(recipe.afferents, np.int64)
    time, afferent = _spikes(generator, recipe, drift, silent, recipe.window_ms)
    pattern = time[afferent < recipe.repeating], afferent[afferent < recipe.repeating]
    first, last = 0, False
    while True:
        presented, last = _presented_windows(generator, recipe, windows, last=last)
        spikes = _spikes(generator, recipe, drift, silent, windows * recipe.window_ms)
        time, afferent = _with_pattern(generator, recipe, spikes, pattern, presented)
        length = windows * recipe.window_ms * recipe.steps_per_ms
        step = np.minimum((time * recipe.steps_per_ms).astype(np.int64), length - 1)
        order = np.argsort(step, kind="stable")
        begin = first + presented * recipe.window_ms * recipe.steps_per_ms
        yield Piece(first + step[order], afferent[order], begin, length)
        first += length


def _spikes(
    generator: np.random.Generator, recipe: Recipe, drift: np.ndarray, silent: np.ndarray, duration_ms: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return times in ms and afferents of spikes with drifting rates; `drift` and `silent` are updated in place."""
    shape = duration_ms, recipe.afferents
    raster = np.zeros(shape, bool)
    acceleration, uniform = generator.uniform(-0.36, 0.36, shape), generator.random(shape)
    _drift(drift, silent, raster, acceleration, uniform, _Limits(recipe.highest_hz, recipe.longest_gap_ms))
    millisecond, afferent = np.nonzero(raster)
    return millisecond + generator.random(len(afferent)), afferent


class _Limits(NamedTuple):
    highest_hz: float
    longest_gap_ms: int


@njit(cache=True)
def _drift(
    drift: np.ndarray,
    silent: np.ndarray,
    raster: np.ndarray,
    acceleration: np.ndarray,
    uniform: np.ndarray,
    limits: _Limits,
) -> None:
    """Fill `raster` (ms, afferent); row 0 of `drift` is the rate of each afferent, row 1 the rate's velocity."""
    for ms in range(len(raster)):
        for i in range(raster.shape[1]):
            drift[1, i] = min(max(drift[1, i] + acceleration[ms, i], -1.8), 1.8)
            moved = drift[0, i] + drift[1, i]
            drift[0, i] = min(max(moved, 0.0), limits.highest_hz)
            # a rate at its bound turns back
            drift[1, i] *= 1.0 if moved == drift[0, i] else -1.0
            silent[i] += 1
            if uniform[ms, i] < drift[0, i] / 1000 or silent[i] >= limits.longest_gap_ms:
                raster[ms, i], silent[i] = True, 0


def _presented_windows(
    generator: np.random.Generator, recipe: Recipe, windows: int, *, last: bool
) -> tuple[np.ndarray, bool]:
    """Return the windows that have the pattern, no two in a row, and whether the last window has it."""
    # probability of the pattern after a window without it; the share of all windows follows from it
    probability, mask = recipe.share / (1 - recipe.share), np.zeros(windows, bool)
    for number, uniform in enumerate(generator.random(windows)):
        last = mask[number] = not last and uniform < probability
    return np.flatnonzero(mask), bool(last)


def _with_pattern(
    generator: np.random.Generator,
    recipe: Recipe,
    spikes: tuple[np.ndarray, np.ndarray],
    pattern: tuple[np.ndarray, np.ndarray],
    presented: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes with the pattern in the presented windows, and noise."""
    (time, afferent), (pattern_time, pattern_afferent) = spikes, pattern
    replaced = np.isin(time // recipe.window_ms, presented) & (afferent < recipe.repeating)
    repeated = (pattern_time + presented[:, None] * recipe.window_ms).ravel()
    repeated = np.maximum(repeated + generator.normal(0, recipe.jitter_ms, repeated.size), 0)
    duration_ms = (time.max() // recipe.window_ms + 1) * recipe.window_ms
    noise = generator.poisson(recipe.afferents * recipe.noise_hz * duration_ms / 1000)
    times = [time[~replaced], repeated, generator.uniform(0, duration_ms, noise)]
    tiled = np.tile(pattern_afferent, len(presented))
    return np.concatenate(times), np.concatenate(
        [afferent[~replaced], tiled, generator.integers(0, recipe.afferents, noise)]
    )
