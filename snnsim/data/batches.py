"""Dense batches in an order that is a pure function of the seed, which can be resumed and shared between ranks."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import numpy as np

from snnsim.data.grid_recordings import GridRecordings


class ArrayBatch(NamedTuple):
    """Recordings padded with zeros to the longest of them."""

    frames: np.ndarray
    """float32 (time, batch, channel)."""
    length: np.ndarray
    """int64 (batch,), steps of each recording."""
    label: np.ndarray
    """int64 (batch,)."""


class TargetBatch(NamedTuple):
    """Recordings with targets besides their classes, padded with zeros, and without labels, to the longest of them."""

    frames: np.ndarray
    """float32 (time, batch, channel)."""
    length: np.ndarray
    """int64 (batch,), steps of each recording."""
    label: np.ndarray
    """int64 (batch,); -1 where the recordings have no classes."""
    targets: Mapping[str, np.ndarray]
    """By name, classes int64 (batch,) or (time, batch), or numbers float32 (batch, target) or (time, batch, target); -1
    and NaN stand for no label."""


@dataclass(frozen=True)
class Batches:
    """The recordings at `indices` in batches; the last batch may be smaller."""

    binned: GridRecordings
    """All recordings."""
    indices: np.ndarray
    """Recordings of the batches, int64 (index,)."""
    batch_size: int = field(kw_only=True)
    """Recordings of a batch, all ranks together."""
    shuffle_seed: tuple[int, ...] | None = field(default=None, kw_only=True)
    """Seed of the order, such as (seed, epoch); None keeps the order of `indices`."""
    rank: int = field(default=0, kw_only=True)
    """Number of this process; its share of a batch is every world-th recording from the rank-th on."""
    world: int = field(default=1, kw_only=True)
    """Number of processes that share a batch."""

    def __post_init__(self) -> None:
        if len(self.indices) == 0 or self.batch_size < 1:
            raise ValueError(
                f"Batches: there must be a recording and a batch size of 1; got {len(self.indices)} recordings in "
                f"batches of {self.batch_size}"
            )
        if not 0 <= self.rank < self.world:
            raise ValueError(f"Batches: the rank must lie in 0..{self.world - 1}; got {self.rank}")

    def __len__(self) -> int:
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[ArrayBatch | TargetBatch]:
        return self.starting_at(0)

    def of_epoch(self, seed: int, epoch: int) -> Self:
        """Return the batches of an epoch, in an order that is a function of the seed and the epoch.

        Args:
            seed: Seed of the training.
            epoch: Number of the epoch, from 0.
        """
        return replace(self, shuffle_seed=(seed, epoch))

    def order(self) -> np.ndarray:
        """Return the indices of the batches of all ranks, one batch after the other, int64 (index,)."""
        if self.shuffle_seed is None:
            return np.asarray(self.indices)
        return np.random.default_rng(self.shuffle_seed).permutation(self.indices)

    def starting_at(self, number: int) -> Generator[ArrayBatch | TargetBatch, None, None]:
        """Yield this rank's share of every batch from a batch on.

        The share of a small last batch may be empty, without recordings and steps.

        Args:
            number: Number of the first batch.
        """
        for share in self._shares(number):
            frames, length = self.binned.dense(share)
            batch = ArrayBatch(frames, length.astype(np.int64), self.binned.label[share])
            if self.binned.targets:
                yield TargetBatch(*batch, self.binned.of_targets(share, len(frames)))
            else:
                yield batch

    def _shares(self, number: int) -> Iterator[np.ndarray]:
        """Yield the recordings of this rank's share of every batch from a batch on."""
        order = self.order()
        for start in range(number * self.batch_size, len(order), self.batch_size):
            yield order[start : start + self.batch_size][self.rank :: self.world]
