"""Movies of events from moving scenes, and the motion of every step: directions times speeds.

    v(c) = s (sin θ, cos θ)     rows and columns, class c = direction · speeds + speed, θ = 360° direction / directions
    a movie begins and ends at a place with contrast, as no motion of an empty wall can be seen
    a movie is a sequence of segments, each of one motion; their lengths are Poisson-distributed (1 step at least)
    A[t, p, y, x] = 1 if the pixel sends an event of polarity p in step t

Shapes   A bool (movie, step, polarity, row, column), polarity 0 on and 1 off · class of each step int64 (movie, step)
Units    speeds in pixels per step, a step is 1 ms
Names    s speed · θ direction, rows going down
Source   Grimaldi & Perrinet 2023, Biol. Cybern. 117:373: 12 directions x 3 speeds, segments of 24 ms on average
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from snnsim.data.event_camera import natural_images, textures
from snnsim.data.event_camera.camera import EventCamera
from snnsim.data.event_camera.scenes import Picture, Scene, path, placed
from snnsim.validation import known, real

STEP_MS = 1.0
CONTRAST = 0.5
"""Least standard deviation of a window; that of a whitened picture is 1, that of a sky much less."""
TRIES = 20
"""Most places that are tried for a movie."""
BATCH = 32
"""Movies that are seen by the camera at the same time, which bounds the memory."""


@dataclass(frozen=True)
class Motions:
    """The classes: directions times speeds."""

    directions: int = 12
    speeds: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Pixels per step."""

    def __post_init__(self) -> None:
        if self.directions < 1 or not self.speeds:
            raise ValueError(
                f"Motions: one direction and one speed at least are needed, not {self.directions} and {self.speeds}"
            )
        for speed in self.speeds:
            real(speed, who="Motions", name="speed", above=0)

    @property
    def count(self) -> int:
        """Number of classes."""
        return self.directions * len(self.speeds)

    def names(self) -> tuple[str, ...]:
        """Return the name of each class."""
        angles = 360 * np.arange(self.directions) / self.directions
        return tuple(f"{angle:g} degrees, {speed:g} px/ms" for angle in angles for speed in self.speeds)

    def velocity(self, label: np.ndarray) -> np.ndarray:
        """Return the velocity of classes in rows and columns, pixels per step, (..., 2).

        Args:
            label: Classes, integers (...).
        """
        direction, speed = np.divmod(label, len(self.speeds))
        angle = 2 * np.pi * direction / self.directions
        size = np.array(self.speeds)[speed]
        return np.stack([size * np.sin(angle), size * np.cos(angle)], axis=-1)


class Movies(NamedTuple):
    """Events of movies, and the class of their steps."""

    events: np.ndarray
    """bool (movie, step, polarity, row, column)."""
    label: np.ndarray
    """int64 (movie, step)."""


def segments(
    count: int, steps: int, motions: Motions, generator: np.random.Generator, *, mean: float | None = 24.0
) -> np.ndarray:
    """Return the class of each step of movies, int64 (movie, step).

    Args:
        count: Number of movies.
        steps: Steps of a movie.
        motions: The classes.
        generator: Generator of lengths and classes.
        mean: Mean length of a segment in steps; None for one motion in a movie, all classes alike often.
    """
    if mean is None:
        one = generator.permutation(np.arange(count) % motions.count)
        return np.repeat(one[:, None], steps, axis=1)
    result = np.empty((count, steps), np.int64)
    for row in result:
        begin = 0
        while begin < steps:
            length = max(1, int(generator.poisson(mean)))
            row[begin : begin + length] = generator.integers(motions.count)
            begin += length
    return result


def film(
    scenes: Sequence[Scene],
    label: np.ndarray,
    *,
    motions: Motions,
    side: int,
    camera: EventCamera,
    generator: np.random.Generator,
) -> Movies:
    """Return movies of moving scenes.

    Args:
        scenes: The scene of each movie; a Picture is placed at random, a scene without borders begins at 0.
        label: Class of each step, int64 (movie, step).
        motions: The classes.
        side: Rows and columns of a movie.
        camera: The camera.
        generator: Generator of places, thresholds and noise.
    """
    count, steps = label.shape
    events = np.zeros((count, steps, 2, side * side), bool)
    for first in range(0, count, BATCH):
        part = slice(first, first + BATCH)
        rendered = [
            _frames(scene, motions.velocity(steps_of), side, generator)
            for scene, steps_of in zip(scenes[part], label[part], strict=True)
        ]
        recorded = camera.record(np.stack(rendered, axis=1), dt_ms=STEP_MS, generator=generator)
        # an event at the very time of a frame belongs to the step that this frame ends
        step = np.maximum(np.ceil(recorded.time_ms / STEP_MS).astype(int) - 1, 0)
        movie, pixel = np.divmod(recorded.pixel, side * side)
        events[first + movie, step, 1 - recorded.polarity, pixel] = True
    return Movies(events.reshape(count, steps, 2, side, side), label)


def _frames(scene: Scene, velocity: np.ndarray, side: int, generator: np.random.Generator) -> np.ndarray:
    window, where = (side, side), path(velocity)
    if isinstance(scene, Picture):
        where = _visible(scene, where, window, generator)
    return np.stack([scene(position, window, STEP_MS * step) for step, position in enumerate(where)])


def _visible(scene: Picture, where: np.ndarray, window: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """Return a path at a random place with contrast at its beginning and end, or else the best one of all tries."""
    best, contrast = where, -1.0
    for _ in range(TRIES):
        moved = placed(where, window, scene.shape, generator)
        least = min(float(scene(moved[end], window).std()) for end in (0, -1))
        if least > contrast:
            best, contrast = moved, least
        if contrast >= CONTRAST:
            break
    return best


def pictures(kind: str, split: str, *, fold: int = 0, seed: int = 0) -> list[Picture]:
    """Return the scenes of a split; no two splits share an image.

    Args:
        kind: "natural" for the photographs of scikit-learn and scikit-image, "dead-leaves" or "power-law" for
            generated images.
        split: "train", "valid" or "test".
        fold: Number of the fold of the photographs.
        seed: Seed of generated images.

    Raises:
        ValueError: If the kind or the split is unknown.
    """
    known(kind, KINDS, "kind of images")
    known(split, SPLITS, "split")
    if kind == "natural":
        names = natural_images.split(fold)[split]
        return [
            Picture(natural_images.whitened(natural_images.log_intensity(natural_images.load(name)))) for name in names
        ]
    generator = np.random.default_rng((seed, 5, SPLITS.index(split)))
    draw = _TEXTURES[kind]
    return [Picture(natural_images.whitened(draw((400, 400), generator))) for _ in range(GENERATED[split])]


SPLITS = ("train", "valid", "test")
GENERATED = {"train": 10, "valid": 2, "test": 4}
"""Generated images of each split, as many as there are photographs."""
_TEXTURES: dict[str, Callable[..., np.ndarray]] = {
    "dead-leaves": textures.dead_leaves,
    "power-law": textures.power_law,
}
KINDS = ("natural", *_TEXTURES)
