"""Tasks about the last N bits of a stream: N-parity and N-delayed match to sample (N-DMS).

    parity   y[t] = x[t] + x[t−1] + … + x[t−N+1] mod 2      each stream has its own P(x = 1), uniform from 0 to 1
    dms      y[t] = 1 if x[t] = x[t−N+1], and 0 otherwise   P(x = 1) = 1/2

A label exists from step N − 1 on; in training, the one of the last step counts. A batch shares one length, uniform from
N + 2 to 4 N + 1 steps, so that no step can be counted from the start.

Who knows nothing but whether P(x = 1) is below 1/2 is right with probability 1/2 + 1/(2 (N + 1)) in parity, as the
expectation of |1 − 2p|^N is 1/(N + 1); in DMS, the chance level is 1/2.

Shapes   x (time, stream) · y (time − N + 1, stream), from step N − 1 on
Source   Khajehabdollahi et al. 2024 (ICLR), arXiv 2309.12927
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from snnsim.validation import integer, lookup


class BitTask(NamedTuple):
    """A task about the last N bits."""

    labels: Callable[[np.ndarray, int], np.ndarray]
    """Function from bits (time, stream) and N to the labels from step N − 1 on."""
    probability: Callable[[int, np.random.Generator], np.ndarray]
    """Function from a number of streams to the probability of a 1 in each."""
    chance: Callable[[int], float]
    """Function from N to the accuracy of the best decision that does not read the order of the bits."""


def _parity(bits: np.ndarray, level: int) -> np.ndarray:
    total = np.concatenate([np.zeros((1, bits.shape[1]), np.int64), bits.cumsum(0, dtype=np.int64)])
    odd: np.ndarray = (total[level:] - total[:-level]) % 2
    return odd


def _dms(bits: np.ndarray, level: int) -> np.ndarray:
    same: np.ndarray = (bits[level - 1 :] == bits[: len(bits) - level + 1]).astype(np.int64)
    return same


TASKS = {
    "parity": BitTask(_parity, lambda streams, generator: generator.random(streams), lambda n: 0.5 + 0.5 / (n + 1)),
    "dms": BitTask(_dms, lambda streams, generator: np.full(streams, 0.5), lambda n: 0.5),  # noqa: ARG005
}


def bits(task: str, shape: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """Return random bits, uint8 (time, stream).

    Args:
        task: "parity" or "dms", whose statistics the bits have.
        shape: Number of steps and of streams.
        generator: Source of all random numbers.
    """
    probability = lookup(TASKS, task, "task").probability(shape[1], generator)
    return (generator.random(shape) < probability).astype(np.uint8)


def labels(task: str, bits: np.ndarray, level: int) -> np.ndarray:
    """Return the labels of every step from N − 1 on, int64 (time − N + 1, stream).

    Args:
        task: "parity" or "dms".
        bits: Bits, (time, stream).
        level: N, from 2.

    Raises:
        ValueError: If N is below 2 or there are fewer than N steps.
    """
    level = integer(level, who="labels", name="level", at_least=2)
    if np.ndim(bits) != 2 or len(bits) < level:
        raise ValueError(f"labels: bits must be (time, stream) of {level} steps or more, not {np.shape(bits)}")
    return lookup(TASKS, task, "task").labels(np.asarray(bits), level)


def length(level: int, generator: np.random.Generator) -> int:
    """Return the number of steps of a batch, uniform from N + 2 to 4 N + 1.

    Args:
        level: The largest N of the batch.
        generator: Source of the random number.
    """
    return int(generator.integers(level + 2, 4 * level + 2))


def chance(task: str, level: int) -> float:
    """Return the accuracy of the best decision that does not read the order of the bits.

    Args:
        task: "parity" or "dms".
        level: N.
    """
    return lookup(TASKS, task, "task").chance(level)
