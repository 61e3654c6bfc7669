"""The `motion` set: photographs that move in one of 12 directions with one of 3 speeds, as events of a camera.

Every step has a class, the motion at that time; the class of a recording is that of most of its steps. No photograph
is in two splits. `motion` has 32 x 32 pixels and 48 steps, `motion-full` the published 128 x 128 pixels and 200 steps.

Shapes   raster bool (recording, time, unit), unit (y · side + x) · 2 + polarity, polarity 0 on and 1 off
         target "motion": class of each step (time,)
Units    steps of 1 ms
Source   Grimaldi & Perrinet 2023, Biol. Cybern. 117:373
Differs  photographs of scikit-learn and scikit-image in place of van Hateren's; a camera with thresholds that differ
         from pixel to pixel, and noise
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snnsim.data.event_camera import motion
from snnsim.data.event_camera.camera import EventCamera
from snnsim.data.recordings import Recordings
from snnsim.data.synthetic.dataset import GridDataset
from snnsim.data.synthetic.files import recordings
from snnsim.data.targets import Target

VERSION = 1
"""A number that is raised when the same seed gives other recordings."""
CAMERA = EventCamera(threshold=1.6, spread=0.1, shot_hz=1.0)
"""For whitened images, whose standard deviation is 1."""


@dataclass(frozen=True)
class Recipe:
    """Sizes of the movies, images, and the camera."""

    motions: motion.Motions = field(default_factory=motion.Motions)
    side: int = 32
    """Rows and columns."""
    steps: int = 48
    segment: float | None = 24.0
    """Mean length of a segment of one motion in steps; None for one motion in a recording."""
    images: str = "natural"
    """natural, dead-leaves or power-law."""
    fold: int = 0
    """Which photographs are held out."""
    camera: EventCamera = CAMERA
    recordings: tuple[tuple[str, int], ...] = (("train", 2880), ("valid", 144), ("test", 288))
    """How many recordings each split has."""


def movies(split: str, seed: int, recipe: Recipe, count: int | None = None) -> motion.Movies:
    """Return the movies of a split; a pure function of its arguments.

    Args:
        split: "train", "valid" or "test".
        seed: Seed of all random numbers.
        recipe: Sizes, images and camera.
        count: Number of movies; None for that of the recipe.
    """
    generator = np.random.default_rng((seed, motion.SPLITS.index(split)))
    images = motion.pictures(recipe.images, split, fold=recipe.fold, seed=seed)
    count = dict(recipe.recordings)[split] if count is None else count
    label = motion.segments(count, recipe.steps, recipe.motions, generator, mean=recipe.segment)
    scenes = [images[number] for number in generator.integers(len(images), size=count)]
    settings: dict[str, Any] = {"motions": recipe.motions, "side": recipe.side, "camera": recipe.camera}
    return motion.film(scenes, label, **settings, generator=generator)


def make(seed: int, recipe: Recipe = Recipe()) -> dict[str, Recordings]:
    """Return the recordings of every split; a pure function of the seed and the recipe.

    Args:
        seed: Seed of all random numbers.
        recipe: Sizes, images and camera.
    """
    return {split: _recordings(movies(split, seed, recipe), recipe) for split, _ in recipe.recordings}


def _recordings(filmed: motion.Movies, recipe: Recipe) -> Recordings:
    names = recipe.motions.names()
    # channels of a field are last in the numbers of its units
    raster = filmed.events.transpose(0, 1, 3, 4, 2).reshape(*filmed.label.shape, -1)
    most = np.array([np.bincount(each, minlength=len(names)).argmax() for each in filmed.label])
    target = Target.of(list(filmed.label), names, step_ms=motion.STEP_MS)
    plain = recordings(raster, most, names, time_step_ms=motion.STEP_MS)
    return replace(plain, targets={"motion": target})


MOTION = GridDataset("motion", Recipe(), VERSION, make)
MOTION_FULL = GridDataset(
    "motion-full",
    Recipe(side=128, steps=200, recordings=(("train", 1024), ("valid", 100), ("test", 200))),
    VERSION,
    make,
)
"""The published size."""
