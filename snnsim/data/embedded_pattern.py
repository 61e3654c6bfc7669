"""A spike pattern that comes again and again, hidden in noise of the same rates.

    v_i ← v_i + U(−δ, δ), in −v_max to v_max      r_i ← r_i + v_i Δ, turning back at 0 and r_max      every Δ = 1 ms
    afferent i fires in Δ with probability r_i Δ, and wherever it has not for 50 ms

Time is cut into windows of 50 ms. In a share of them, never in two that follow each other, half of the afferents repeat
what they did in one certain window, each spike jittered; the others go on as they do. On top, all fire at random at
10 Hz. Neither the rates of the afferents nor their sum tell a window with the pattern from one without.

Shapes   events step, afferent (event,), sorted by step · windows (presentation,), the step that each begins at
Units    r in Hz, v in Hz per ms · steps of time_step_ms
Source   set-up of Masquelier, Guyonneau & Thorpe 2008, PLoS ONE 3:e1377; δ = 0.36 Hz/ms, v_max = 1.8 Hz/ms, so that a
         rate takes 50 ms from 0 to r_max at least
Differs  a stream is drawn on and on; there, 15 s of it are repeated. What rates do at their bounds is ours
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Recipe:
    """How a stream is drawn."""

    afferents: int = 2000
    repeating: int = 1000
    """Afferents that take part in the pattern: the first ones."""
    window_ms: int = 50
    share: float = 0.25
    """Of the windows that have the pattern, 0.5 at most."""
    highest_hz: float = 90.0
    """r_max."""
    noise_hz: float = 10.0
    jitter_ms: float = 1.0
    """Standard deviation of a spike of the pattern around its time."""
    longest_gap_ms: int = 50
    """Silence after which an afferent fires."""
    steps_per_ms: int = 10

    def __post_init__(self) -> None:
        if not (0 < self.share <= 0.5 and 0 <= self.repeating <= self.afferents):
            raise ValueError(
                f"hidden: the share of windows must be above 0, at most 0.5, and the repeating afferents some of all; "
                f"got share {self.share}, {self.repeating} of {self.afferents} afferents"
            )


class Piece(NamedTuple):
    """Some time of a stream."""

    step: np.ndarray
    """int64 (event,), counted from the beginning of the stream."""
    afferent: np.ndarray
    windows: np.ndarray
    """Steps at which the pattern begins."""
    steps: int
    """Length of the piece."""


def stream(generator: np.random.Generator, recipe: Recipe = Recipe(), *, windows: int = 200) -> Iterator[Piece]:
    """Yield a stream without an end, in pieces of so many windows; its pattern is drawn first."""
    drift = np.stack([generator.uniform(0, recipe.highest_hz, recipe.afferents), np.zeros(recipe.afferents)])
    silent = np.zeros(recipe.afferents, np.int64)
    time, who = _spikes(generator, recipe, drift, silent, recipe.window_ms)
    pattern = time[who < recipe.repeating], who[who < recipe.repeating]
    first, last = 0, False
    while True:
        chosen, last = _chosen(generator, recipe, windows, last=last)
        time, who = _with_pattern(
            generator, recipe, _spikes(generator, recipe, drift, silent, windows * recipe.window_ms), pattern, chosen
        )
        length = windows * recipe.window_ms * recipe.steps_per_ms
        step = np.minimum((time * recipe.steps_per_ms).astype(np.int64), length - 1)
        order = np.argsort(step, kind="stable")
        begin = first + chosen * recipe.window_ms * recipe.steps_per_ms
        yield Piece(first + step[order], who[order], begin, length)
        first += length


def _spikes(
    generator: np.random.Generator, recipe: Recipe, drift: np.ndarray, silent: np.ndarray, duration_ms: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return times in ms and afferents of wandering rates; `drift` and `silent` go on to where they end."""
    shape = duration_ms, recipe.afferents
    raster = np.zeros(shape, bool)
    push, chance = generator.uniform(-0.36, 0.36, shape), generator.random(shape)
    _wander(drift, silent, raster, push, chance, (recipe.highest_hz, recipe.longest_gap_ms))
    millisecond, who = np.nonzero(raster)
    return millisecond + generator.random(len(who)), who


@njit(cache=True)
def _wander(drift, silent, raster, push, chance, limits):
    highest, gap = limits
    for ms in range(len(raster)):
        for i in range(raster.shape[1]):
            drift[1, i] = min(max(drift[1, i] + push[ms, i], -1.8), 1.8)
            wandered = drift[0, i] + drift[1, i]
            drift[0, i] = min(max(wandered, 0.0), highest)
            # a rate at its bound turns back
            drift[1, i] *= 1.0 if wandered == drift[0, i] else -1.0
            silent[i] += 1
            if chance[ms, i] < drift[0, i] / 1000 or silent[i] >= gap:
                raster[ms, i], silent[i] = True, 0


def _chosen(generator: np.random.Generator, recipe: Recipe, windows: int, *, last: bool) -> tuple[np.ndarray, bool]:
    """Return which windows have the pattern, no two in a row, and whether the last one has."""
    # the chance of a window after one without, from which the share follows
    chance, found = recipe.share / (1 - recipe.share), np.zeros(windows, bool)
    for number, drawn in enumerate(generator.random(windows)):
        last = found[number] = not last and drawn < chance
    return np.flatnonzero(found), bool(last)


def _with_pattern(
    generator: np.random.Generator,
    recipe: Recipe,
    spikes: tuple[np.ndarray, np.ndarray],
    pattern: tuple[np.ndarray, np.ndarray],
    chosen: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes with the pattern in the chosen windows, and noise."""
    (time, who), (at, by) = spikes, pattern
    away = np.isin(time // recipe.window_ms, chosen) & (who < recipe.repeating)
    repeated = (at + chosen[:, None] * recipe.window_ms).ravel()
    repeated = np.maximum(repeated + generator.normal(0, recipe.jitter_ms, repeated.size), 0)
    duration_ms = (time.max() // recipe.window_ms + 1) * recipe.window_ms
    extra = generator.poisson(recipe.afferents * recipe.noise_hz * duration_ms / 1000)
    times = [time[~away], repeated, generator.uniform(0, duration_ms, extra)]
    return np.concatenate(times), np.concatenate(
        [who[~away], np.tile(by, len(chosen)), generator.integers(0, recipe.afferents, extra)]
    )
