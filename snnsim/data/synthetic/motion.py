"""The `motion` set: photographs that move in one of 12 directions with one of 3 speeds, as events of a camera.

Every step has a class, the motion at that time; the class of a recording is that of most of its steps. No photograph
is in two splits. A recording of `size` default has 40 x 40 pixels and 72 steps; `full` is the published size.

Shapes   raster bool (recording, time, unit), unit (y · side + x) · 2 + polarity, polarity 0 on and 1 off
         target "motion": class of each step (time,)
Units    steps of 1 ms
Source   Grimaldi & Perrinet 2023, Biol. Cybern. 117:373
Differs  photographs of scikit-learn and scikit-image in place of van Hateren's; a camera with thresholds that differ
         from pixel to pixel, and noise
"""

from dataclasses import dataclass, replace

import numpy as np

from snnsim.data.event_camera import motion
from snnsim.data.event_camera.camera import EventCamera
from snnsim.data.recordings import Recordings
from snnsim.data.synthetic.dataset import GridDataset
from snnsim.data.synthetic.files import recordings
from snnsim.data.targets import Target

VERSION = 1
"""A number that is raised when the same seed gives other recordings."""


@dataclass(frozen=True)
class Recipe:
    """Sizes of the movies, images, and the camera."""

    motions: motion.Motions = motion.Motions()
    side: int = 40
    """Rows and columns."""
    steps: int = 72
    segment: float | None = None
    """Mean length of a segment of one motion in steps; None for one motion in a recording."""
    images: str = "natural"
    """natural, dead-leaves or power-law."""
    fold: int = 0
    """Which photographs are held out."""
    camera: EventCamera = EventCamera(threshold=1.0, spread=0.1, shot_hz=1.0)
    recordings: tuple[tuple[str, int], ...] = (("train", 432), ("valid", 144), ("test", 288))
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
    settings = {"motions": recipe.motions, "side": recipe.side, "camera": recipe.camera}
    return motion.film(scenes, label, **settings, generator=generator)


def make(seed: int, recipe: Recipe = Recipe()) -> dict[str, Recordings]:
    """Return the recordings of every split; a pure function of the seed and the recipe.

    Args:
        seed: Seed of all random numbers.
        recipe: Sizes, images and camera.
    """
    names, splits = recipe.motions.names(), {}
    for split, count in recipe.recordings:
        events, label = movies(split, seed, recipe)
        # channels of a field are last in the numbers of its units
        raster = events.transpose(0, 1, 3, 4, 2).reshape(count, recipe.steps, -1)
        most = np.array([np.bincount(each, minlength=len(names)).argmax() for each in label])
        target = Target.of(list(label), names, step_ms=motion.STEP_MS)
        plain = recordings(raster, most, names, time_step_ms=motion.STEP_MS)
        splits[split] = replace(plain, targets={"motion": target})
    return splits


_FULL = Recipe(
    motions=motion.Motions(speeds=(0.5, 1.0, 2.0)), side=128, steps=200, segment=24.0,
    recordings=(("train", 1024), ("valid", 200), ("test", 200)),
)  # fmt: skip
SIZES = {
    "small": Recipe(recordings=(("train", 144), ("valid", 36), ("test", 36))),
    "default": Recipe(),
    "full": _FULL,
}


def of_size(size: str) -> GridDataset:
    """Return the data set of a size.

    Args:
        size: "small", "default" or "full", the published size.
    """
    return GridDataset("motion", SIZES[size], VERSION, make)
