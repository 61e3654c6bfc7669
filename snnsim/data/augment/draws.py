"""The random numbers of augmentations, as functions of seed, epoch, augmentation, recording and spike.

    key[epoch, position]   = row(row(mix(seed), SALT, epoch), position, 0)
    start[recording, n]    = row(key, recording, n)                  n = stream: one for each use of a kind
    r[recording, n, event] = uniform(start, event)                   uniform, 0 < r < 1

No number depends on the batch, the process or the number of epochs before, so a run that resumes draws the same.

Shapes   recording, least, most, results (batch,)
Names    mix, row, uniform as in kernels/common/counter_rng.py · position of the augmentation in its list
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from snnsim.kernels.common import counter_rng
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.common.jit import njit

_SALT = 0x61756771
"""A number that keeps these draws apart from those of neurons with the same seed."""
row: Callable[[np.uint64, int, int], np.uint64] = counter_rng.row
uniform: Callable[[np.uint64, int], float] = counter_rng.uniform
APPLIED = 0
"""Stream that decides whether a recording is changed; kinds use streams from 1 on."""


@dataclass(frozen=True)
class AugmentationDraws:
    """The random numbers of one augmentation in one epoch."""

    key: np.uint64

    @classmethod
    def of(cls, seed: int, epoch: int, position: int) -> Self:
        """Return the draws of an augmentation.

        Args:
            seed: Seed from 0 to below 2^63.
            epoch: Number of the epoch, from 0.
            position: Number of the augmentation in its list, from 0.
        """
        key = np.uint64(Draws.of(seed).key)
        return cls(np.uint64(row(np.uint64(row(key, _SALT, epoch)), position, 0)))

    def starts(self, recording: np.ndarray, stream: int) -> np.ndarray:
        """Return where the numbers of each recording start in a stream, uint64 (batch,).

        Args:
            recording: Numbers of the recordings in their file, int64 (batch,).
            stream: Number of the stream; each use of random numbers by a kind has its own.
        """
        result = np.empty(len(recording), np.uint64)
        _starts(self.key, recording, stream, result)
        return result

    def uniform(self, recording: np.ndarray, stream: int) -> np.ndarray:
        """Return one number between 0 and 1 for each recording, float64 (batch,).

        Args:
            recording: Numbers of the recordings in their file, int64 (batch,).
            stream: Number of the stream.
        """
        result = np.empty(len(recording))
        _uniform(self.starts(recording, stream), result)
        return result

    def integers(
        self, recording: np.ndarray, stream: int, least: np.ndarray | int, most: np.ndarray | int
    ) -> np.ndarray:
        """Return one uniform integer for each recording, int64 (batch,).

        Args:
            recording: Numbers of the recordings.
            stream: Number of the stream.
            least: Smallest integer, of each recording or of all.
            most: Largest integer, of each recording or of all; `least` or more.
        """
        count = np.asarray(most, np.int64) - least + 1
        number = np.floor(self.uniform(recording, stream) * count).astype(np.int64)
        result: np.ndarray = least + np.minimum(number, count - 1)
        return result

    def applied(self, recording: np.ndarray, probability: float) -> np.ndarray:
        """Return the mask of the recordings that are changed, bool (batch,).

        Args:
            recording: Numbers of the recordings in their file, int64 (batch,).
            probability: Probability that a recording is changed, from 0 (none) to 1 (all).
        """
        result: np.ndarray = self.uniform(recording, APPLIED) < probability
        return result


@njit(cache=True, nogil=True)
def _starts(key: np.uint64, recording: np.ndarray, stream: int, result: np.ndarray) -> None:
    for number in range(recording.size):
        result[number] = row(key, recording[number], stream)


@njit(cache=True, nogil=True)
def _uniform(start: np.ndarray, result: np.ndarray) -> None:
    for number in range(start.size):
        result[number] = uniform(start[number], 0)
