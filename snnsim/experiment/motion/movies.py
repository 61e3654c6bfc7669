"""Movies of the experiment as tensors, their augmentation, and the controls that take time away.

    turned by 90°   row, column ← column, −row          direction + 90°
    mirrored        column ← −column                    180° − direction
    collapsed       A[t] ← Σ_t A / number of steps      the same in every step; order and speed are lost
    shuffled        A[t] ← A[π(t)], π random            every frame is kept, their order is lost

Shapes   events float32 (time, movie, row, column, polarity), also flat (time, movie, neuron) · label (time, movie)
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from snnsim.data.event_camera.motion import Motions
from snnsim.data.synthetic import motion
from snnsim.files import written_whole


class Movies(NamedTuple):
    """Movies and the classes of their steps."""

    events: Tensor
    """bool (time, movie, row, column, polarity)."""
    label: Tensor
    """int64 (time, movie)."""

    def batch(self, index: Tensor | slice) -> "Movies":
        """Return some of the movies.

        Args:
            index: Numbers of the movies.
        """
        return Movies(self.events[:, index], self.label[:, index])


def load(path: Path, split: str, seed: int, recipe: motion.Recipe, count: int | None = None) -> Movies:
    """Return the movies of a split from a file, which is written where it is missing.

    Args:
        path: The file, .npz.
        split: "train", "valid" or "test".
        seed: Seed of the movies.
        recipe: Sizes, images and camera.
        count: Number of movies; None for that of the recipe.
    """
    if not path.is_file():
        drawn = motion.movies(split, seed, recipe, count)
        with written_whole(path) as partial, partial.open("wb") as file:
            packed = np.packbits(drawn.events)
            np.savez(file, events=packed, shape=np.array(drawn.events.shape), label=drawn.label)
    with np.load(path, allow_pickle=False) as saved:
        shape = tuple(int(size) for size in saved["shape"])
        events = np.unpackbits(saved["events"], count=int(np.prod(shape))).reshape(shape).astype(bool)
        label = saved["label"]
    return tensors(events, label)


def tensors(events: np.ndarray, label: np.ndarray) -> Movies:
    """Return movies as tensors with time first.

    Args:
        events: bool (movie, step, polarity, row, column).
        label: Classes (movie, step).
    """
    return Movies(torch.from_numpy(events).permute(1, 0, 3, 4, 2), torch.from_numpy(label).T)


def flat(events: Tensor) -> Tensor:
    """Return events as the input of a layer, float32 (time, movie, neuron).

    Args:
        events: Events (time, movie, row, column, polarity).
    """
    return events.float().flatten(2).contiguous()


def turned(movies: Movies, motions: Motions, *, quarters: int, mirrored: bool, swapped: bool) -> Movies:
    """Return movies turned by 90 degrees and mirrored, with the classes that they have then.

    Args:
        movies: The movies, of a square field.
        motions: The classes; their directions must be a multiple of four.
        quarters: Number of turns by 90 degrees, from columns to rows.
        mirrored: Whether columns are in reverse order, before the turn.
        swapped: Whether on and off events change places.
    """
    events, speeds = movies.events, len(motions.speeds)
    direction, speed = movies.label // speeds, movies.label % speeds
    if mirrored:
        events, direction = events.flip(3), motions.directions // 2 - direction
    if quarters:
        # a motion along columns becomes one along rows: (row, column) to (column, −row)
        events = torch.rot90(events, -quarters, (2, 3))
        direction = direction + quarters * (motions.directions // 4)
    events = events.flip(4) if swapped else events
    return Movies(events, direction % motions.directions * speeds + speed)


def collapsed(events: Tensor) -> Tensor:
    """Return the mean of events over time in every step.

    Args:
        events: Events (time, movie, ...).
    """
    return events.float().mean(0, keepdim=True).expand(events.shape)


def shuffled(events: Tensor, generator: torch.Generator) -> Tensor:
    """Return the steps of each movie in a random order.

    Args:
        events: Events (time, movie, ...).
        generator: Generator of the orders.
    """
    order = torch.rand(events.shape[:2], generator=generator).argsort(0)
    return events[order, torch.arange(events.shape[1])]
