"""The `actions` task: a sprite rests over a photograph, moves for a while, and rests again, in front of a camera.

    I[t]    = B (1 − α[t]) + α[t]                  B photograph, α[t] sprite of brightness 1, shifted to p[t]
    frame   = round(255 clip(I + σ ξ)) / 255       8 bits, ξ normal: noise of the camera, anew in every frame
    p[t]    = p₀ + v min(max(t − t₀, 0), m) u      east, west, north, south
    p[t]    = c + r (sin φ, cos φ), φ = φ₀ ± 2π min(max(t − t₀, 0) / m, 1)          clockwise, counterclockwise

There are two label sets: the motion, which no single frame tells, and the sprite, which every frame does.

Shapes   frames float32 (clip, time, row, column) · moving bool (clip, time), whether the sprite moved in this frame
Units    p, v t, r in pixels · B, I in 0 .. 0.6 and 0 .. 1
Names    σ noise · t₀ start of the motion · m its steps
Source   own construction. Sprites: optical_digits.py; photographs: natural_images.py, held out by photograph
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from snnsim.data.event_camera import natural_images
from snnsim.data.synthetic import optical_digits

MOTIONS = {
    "east": (0, 1),
    "west": (0, -1),
    "north": (-1, 0),
    "south": (1, 0),
    "clockwise": (1, 0),
    "counterclockwise": (-1, 0),
}
"""Rows and columns of a move, or the turning sense of a circle, by the name of the class."""
SPRITES = tuple(map(str, range(10)))
_SIDE = optical_digits.SIDE
_REDUCTION = 4
"""A pixel of the camera is the mean of so many rows and columns of a photograph."""
_BRIGHTEST = 0.6


@dataclass(frozen=True)
class Recipe:
    """Sizes of the clips."""

    side: int = 20
    """Rows and columns of a frame."""
    steps: int = 12
    moving: int = 5
    """Steps of the motion."""
    noise: float = 1 / 255
    """Standard deviation of the camera's noise, as a share of the range."""
    pan: float = 0.0
    """Pixels per step by which the camera moves over the photograph."""
    rest: bool = False
    """Whether the sprite rests in all steps, so that nothing moves."""
    frame_rate: int = 1
    """Frames per step: with 2, the same motion is shown in twice as many frames."""
    frame_ms: float = 40.0
    """Time from a step to the next."""

    def __post_init__(self) -> None:
        if self.side < 2 * _SIDE or not 1 <= self.moving < self.steps - 2 or self.frame_rate < 1 or self.noise < 0:
            raise ValueError(
                f"actions: the side must be {2 * _SIDE} or more, a motion 1 to steps - 3 steps long, the frame rate 1 "
                f"or more and the noise 0 or more; got side {self.side}, {self.moving} of {self.steps} steps, "
                f"{self.frame_rate} frames per step, noise {self.noise}"
            )

    @property
    def frames(self) -> int:
        """Frames of a clip."""
        return self.steps * self.frame_rate


class Clips(NamedTuple):
    """Clips of one split."""

    frames: np.ndarray
    motion: np.ndarray
    """Class of each clip, int64, into MOTIONS."""
    sprite: np.ndarray
    """Class of each clip, int64, into SPRITES."""
    moving: np.ndarray


def make(split: str, count: int, seed: int, recipe: Recipe = Recipe()) -> Clips:
    """Return clips of a split; a pure function of the arguments.

    Args:
        split: "train", "valid" or "test": sprites and photographs of one split are in no other.
        count: Number of clips.
        seed: Seed of the division of the sprites, and of all random numbers.
        recipe: Sizes of the clips.
    """
    gray, digit = optical_digits.pictures()
    sprites = optical_digits.split(len(gray), seed, optical_digits.Recipe())[split]
    photographs = natural_images.split(seed % natural_images.FOLDS)[split]
    number = ("train", "valid", "test").index(split)
    generator = np.random.default_rng((seed, 20, number))
    chosen = generator.choice(sprites, count)
    motion = np.arange(count) % len(MOTIONS)
    track = np.stack([_track(int(label), generator, recipe) for label in motion])
    backgrounds = _backgrounds(photographs, count, generator, recipe)
    frames = np.empty((count, recipe.frames, recipe.side, recipe.side), np.float32)
    for clip in range(count):
        sprite = gray[chosen[clip]].reshape(_SIDE, _SIDE) / 16
        for frame in range(recipe.frames):
            mask = _placed(sprite, track[clip, frame], recipe.side)
            background = _window(backgrounds[clip], recipe.pan * frame / recipe.frame_rate, recipe.side)
            frames[clip, frame] = background * (1 - mask) + mask
    frames += recipe.noise * generator.standard_normal(frames.shape, np.float32)
    frames = np.round(255 * np.clip(frames, 0, 1)) / np.float32(255)
    moved = np.zeros(track.shape[:2], bool)
    moved[:, 1:] = (track[:, 1:] != track[:, :-1]).any(2)
    return Clips(frames, motion.astype(np.int64), digit[chosen], moved)


def _track(label: int, generator: np.random.Generator, recipe: Recipe) -> np.ndarray:
    """Return the upper left corner of the sprite in every frame, float64 (frame, 2)."""
    start = int(generator.integers(2, recipe.steps - recipe.moving))
    time = np.arange(recipe.frames) / recipe.frame_rate
    gone = np.clip(time - start + 1, 0, recipe.moving) * (not recipe.rest)
    free = recipe.side - _SIDE
    direction = np.array(list(MOTIONS.values())[label], float)
    if label < 4:
        speed = generator.uniform(0.8, 1.2)
        span = np.abs(direction) * speed * recipe.moving
        first = generator.uniform(0, free - span) + np.where(direction < 0, span, 0)
        return np.asarray(first + direction * speed * gone[:, None])
    radius = generator.uniform(2.0, 3.0)
    center = generator.uniform(radius, free - radius, 2)
    angle = generator.uniform(0, 2 * np.pi) + direction[0] * 2 * np.pi * gone / recipe.moving
    return np.asarray(center + radius * np.stack([np.sin(angle), np.cos(angle)], 1))


def _placed(sprite: np.ndarray, corner: np.ndarray, side: int) -> np.ndarray:
    """Return a sprite between pixels by bilinear interpolation, (row, column)."""
    (row, column), (below, right) = np.floor(corner).astype(int), corner - np.floor(corner)
    mask = np.zeros((side + 1, side + 1))
    for shift_row, share_row in ((0, 1 - below), (1, below)):
        for shift_column, share_column in ((0, 1 - right), (1, right)):
            rows = slice(row + shift_row, row + shift_row + _SIDE)
            mask[rows, column + shift_column : column + shift_column + _SIDE] += share_row * share_column * sprite
    return mask[:side, :side]


def _backgrounds(
    photographs: tuple[str, ...], count: int, generator: np.random.Generator, recipe: Recipe
) -> list[np.ndarray]:
    """Return a part of a photograph for each clip, wide enough for the way of the camera."""
    columns = recipe.side + int(np.ceil(recipe.pan * recipe.steps)) + 1
    parts = []
    for name in generator.choice(photographs, count):
        image = natural_images.load(str(name))
        rows_needed, columns_needed = recipe.side * _REDUCTION, columns * _REDUCTION
        row = int(generator.integers(0, image.shape[0] - rows_needed + 1))
        column = int(generator.integers(0, image.shape[1] - columns_needed + 1))
        part = image[row : row + rows_needed, column : column + columns_needed]
        reduced = part.reshape(recipe.side, _REDUCTION, columns, _REDUCTION).mean((1, 3))
        parts.append(_BRIGHTEST * reduced)
    return parts


def _window(background: np.ndarray, shift: float, side: int) -> np.ndarray:
    column, share = int(shift), shift - int(shift)
    near, far = background[:, column : column + side], background[:, column + 1 : column + 1 + side]
    return np.asarray((1 - share) * near + share * far if share else near)


def as_tasks(clips: Clips) -> Mapping[str, np.ndarray]:
    """Return both label sets by name.

    Args:
        clips: The clips.
    """
    return {"motion": clips.motion, "sprite": clips.sprite}
