"""The tasks as tensors: frames of all recordings, one label for each head, and the steps in which something moves.

    actions    clips (actions.py); heads: motion, sprite
    keywords   words in mel bands (keyword_frames.py), less the mean of each band, over its standard deviation, both of
               the training recordings

Shapes   frames float32 (time, recording, axes of a frame) · labels int64 (recording,) · moving bool (time, recording)
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from snnsim.data import video_clips
from snnsim.data.speech.synthesizer import WORDS
from snnsim.data.synthetic import actions, keyword_frames
from snnsim.experiment.delta.settings import Budget
from snnsim.validation import known

SPLITS = ("train", "valid", "test")


class Part(NamedTuple):
    """Recordings of one split."""

    frames: Tensor
    labels: Mapping[str, Tensor]
    """Classes of each head by name."""
    moving: Tensor


class Task(NamedTuple):
    """The recordings of all splits, and of probes: other recordings of the test split."""

    train: Part
    valid: Part
    test: Part
    classes: Mapping[str, int]
    """Number of classes of each head, by name."""
    probes: Mapping[str, Part]


PROBES: Mapping[str, actions.Recipe] = {
    "resting sprite": actions.Recipe(rest=True),
    "moving camera": actions.Recipe(pan=0.5),
    "twice the frame rate": actions.Recipe(frame_rate=2),
    "noise of 4 levels": actions.Recipe(noise=4 / 255),
}
"""Clips that differ from the test clips in one respect; accuracy is not compared, as no network was trained on them."""

VIDEO_FRAMES = 60
"""Frames of each clip of real video."""


def make(name: str, budget: Budget, seed: int) -> Task:
    """Return the recordings of a task.

    Args:
        name: One of TASKS.
        budget: Numbers of recordings.
        seed: Seed of all random numbers.

    Raises:
        ValueError: If the name is unknown.
    """
    makers = {"actions": _actions, "keywords": _keywords}
    known(name, makers, "reproduce: task")
    return makers[name](budget, seed)


def _actions(budget: Budget, seed: int) -> Task:
    train, valid, test = (_clips(split, getattr(budget, split), seed, actions.Recipe()) for split in SPLITS)
    count = min(budget.test, 60)
    probes = {name: _clips("test", count, seed, recipe) for name, recipe in PROBES.items()}
    if budget.clips:
        probes |= _video(actions.Recipe().side)
    return Task(train, valid, test, {"motion": len(actions.MOTIONS), "sprite": len(actions.SPRITES)}, probes)


def _clips(split: str, count: int, seed: int, recipe: actions.Recipe) -> Part:
    clips = actions.make(split, count, seed, recipe)
    frames = torch.from_numpy(np.ascontiguousarray(clips.frames.swapaxes(0, 1)))[:, :, None]
    labels = {name: torch.from_numpy(label) for name, label in actions.as_tasks(clips).items()}
    return Part(frames, labels, torch.from_numpy(np.ascontiguousarray(clips.moving.T)))


def _video(side: int) -> dict[str, Part]:
    """Return tiles of real video, of all frames and of every other one; their classes are unknown."""
    parts = {}
    for name in video_clips.NAMES:
        tiles = torch.from_numpy(video_clips.tiles(video_clips.frames(name, VIDEO_FRAMES), side))[:, :, None]
        for pace, frames in (("", tiles), (", half of the frames", tiles[::2])):
            unknown = torch.zeros(frames.shape[1], dtype=torch.int64)
            moving = torch.ones(frames.shape[:2], dtype=torch.bool)
            parts[f"video {name}{pace}"] = Part(frames.contiguous(), {"motion": unknown, "sprite": unknown}, moving)
    return parts


def _keywords(budget: Budget, seed: int) -> Task:
    words = [keyword_frames.make(split, getattr(budget, split), seed) for split in SPLITS]
    mean, deviation = (function(words[0].frames, axis=(0, 1)) for function in (np.mean, np.std))
    parts = []
    for part in words:
        frames = torch.from_numpy(np.ascontiguousarray(((part.frames - mean) / deviation).swapaxes(0, 1)))
        moving = torch.ones(frames.shape[:2], dtype=torch.bool)
        parts.append(Part(frames.float(), {"word": torch.from_numpy(part.word)}, moving))
    train, valid, test = parts
    return Task(train, valid, test, {"word": len(WORDS)}, {})
