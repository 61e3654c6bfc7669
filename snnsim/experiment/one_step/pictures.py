"""The pictures: scikit-learn's digits, or a training file of IDX pictures, divided into training and validation.

Shapes   image float32 (picture, 1, row, column), from 0 to 1 · label int64 (picture,)
Differs  a test file beside the training file is never read
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from snnsim.data.sources import picture_files, picture_source
from snnsim.data.synthetic import optical_digits

SPLIT_SEED = 0
"""Seed of the division, the same for all seeds of networks."""


class Part(NamedTuple):
    """Pictures of a split."""

    image: Tensor
    label: Tensor


class Pictures(NamedTuple):
    """Training and validation pictures."""

    train: Part
    valid: Part
    classes: int


def load(path: Path | None, valid: int) -> Pictures:
    """Return the pictures.

    Args:
        path: Folder with train-images-idx3-ubyte(.gz) and its labels; None for the digits.
        valid: Number of validation pictures.

    Raises:
        ValueError: If there are no more pictures than those that validate.
    """
    if path is None:
        gray, label = optical_digits.pictures()
        image = gray.reshape(-1, 1, optical_digits.SIDE, optical_digits.SIDE) / np.float32(16)
    else:
        files = picture_source.parts(path)
        pictures = picture_files.of_idx(*picture_source.idx_files(files.get("train", next(iter(files.values())))))
        image = pictures.gray.transpose(0, 3, 1, 2) / np.float32(pictures.brightest)
        label = pictures.annotations.label
    if len(label) <= valid:
        raise ValueError(f"one-step: there must be more than the {valid} pictures that validate, not {len(label)}")
    order = np.random.default_rng(SPLIT_SEED).permutation(len(label))
    held, rest = np.sort(order[:valid]), np.sort(order[valid:])
    train, validating = (
        Part(torch.from_numpy(image[part]).float(), torch.from_numpy(label[part])) for part in (rest, held)
    )
    return Pictures(train, validating, int(label.max()) + 1)


def augmented(image: Tensor, shift: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Return pictures after random shifts, with black from outside, and after random mirroring.

    Args:
        image: Pictures (picture, channel, row, column).
        shift: Pixels of the largest shift.
        flip: Whether half of the pictures are mirrored.
        generator: Generator of the shifts.
    """
    if flip:
        mirrored = torch.rand(len(image), generator=generator) < 0.5
        image = torch.where(mirrored[:, None, None, None], image.flip(3), image)
    if not shift:
        return image
    rows, columns = image.shape[2:]
    padded = functional.pad(image, (shift, shift, shift, shift))
    windows = padded.unfold(2, rows, 1).unfold(3, columns, 1)
    down, right = torch.randint(0, 2 * shift + 1, (2, len(image)), generator=generator)
    return windows[torch.arange(len(image)), :, down, right]
