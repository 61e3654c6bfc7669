"""Batches of augmented recordings: the spikes of a batch are changed and then counted in frames, anew in every epoch.

A batch is a function of (seed, epoch, recordings of the batch), so it is the same for any number of threads and
processes, after a resume, and for each recording in a batch of any size.
"""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import numpy as np

from snnsim.data.augment.base import Augmentation
from snnsim.data.augment.events import Pool
from snnsim.data.augment.pipeline import apply_all, check_kinds, hard_labels
from snnsim.data.batches import ArrayBatch, Batches, TargetBatch
from snnsim.data.coding.coded import CodedRecordings
from snnsim.data.frames import FrameGrid, count_events
from snnsim.data.grid_recordings import GridRecordings
from snnsim.data.prefetch import prefetched
from snnsim.data.recordings import Recordings, positions
from snnsim.data.targets import TargetGrid
from snnsim.data.time_units import steps_before
from snnsim.validation import integer


class MixedBatch(NamedTuple):
    """Recordings of mixed classes, padded with zeros to the longest of them."""

    frames: np.ndarray
    """float32 (time, batch, channel)."""
    length: np.ndarray
    """int64 (batch,), steps of each recording."""
    label: np.ndarray
    """int64 (batch,), the class of the largest share."""
    probability: np.ndarray
    """float32 (batch, class), the shares of the classes."""


AnyBatch = ArrayBatch | MixedBatch | TargetBatch
"""A batch of any kind."""


@dataclass(frozen=True)
class AugmentedBatches(Batches):
    """Batches of recordings after augmentations; `of_epoch` gives those of an epoch."""

    pool: Pool = field(kw_only=True)
    """Spikes of the recordings, and those among them that partners come from."""
    kinds: tuple[Augmentation, ...] = field(kw_only=True)
    """Augmentations in their order."""
    max_time_ms: float | None = field(default=None, kw_only=True)
    """Spikes at or after this time are left out after the augmentations; None keeps all."""
    workers: int = field(default=1, kw_only=True)
    """Threads that prepare the next batch: 1, or 0 for none."""
    seed: int = field(default=0, kw_only=True)
    """Seed of the augmentations."""
    epoch: int = field(default=0, kw_only=True)
    """Number of the epoch, from 0."""

    @classmethod
    def of(  # noqa: PLR0913
        cls,
        recordings: Recordings,
        binned: GridRecordings,
        indices: np.ndarray,
        kinds: tuple[Augmentation, ...],
        *,
        batch_size: int,
        max_time_ms: float | None = None,
        workers: int = 1,
        rank: int = 0,
        world: int = 1,
    ) -> Self:
        """Return batches of checked recordings and augmentations.

        Args:
            recordings: All recordings of a file.
            binned: The same recordings on the grid of the frames.
            indices: Recordings of the training split, where -1 is the last one; partners come from them alone.
            kinds: Augmentations in their order.
            batch_size: Recordings of a batch, all ranks together.
            max_time_ms: Spikes at or after this time are left out, or steps that begin there for coded recordings; None
                keeps all.
            workers: Threads that prepare the next batch: 1, or 0 for none.
            rank: Number of this process.
            world: Number of processes that share a batch.

        Raises:
            TypeError: If an augmentation or an array has a wrong type.
            ValueError: If the recordings are wrong, differ from `binned`, or do not fit a setting.
        """
        who = "AugmentedBatches"
        integer(workers, who=who, name="workers", at_least=0, at_most=1)
        kinds = check_kinds(kinds, recordings.units, who, binned.targets)
        if len(binned) != len(recordings) or recordings.units % binned.channels:
            raise ValueError(
                f"{who}: the frames must be those of the recordings; got {len(binned)} recordings of {binned.channels} "
                f"channels beside {len(recordings)} of {recordings.units}; bin the recordings again"
            )
        if isinstance(binned, CodedRecordings) and max_time_ms is not None:
            # a coded step is kept or left out as a whole
            max_time_ms = steps_before(max_time_ms, binned.time_step_ms) * binned.time_step_ms
        indices = positions(indices, len(binned), who=who)
        pool = Pool.of(recordings, indices, who)
        return cls(
            binned, indices, batch_size=batch_size, rank=rank, world=world,
            pool=pool, kinds=kinds, max_time_ms=max_time_ms, workers=workers,
        )  # fmt: skip

    def of_epoch(self, seed: int, epoch: int) -> Self:
        """Return the batches of an epoch: another order of the recordings, and other augmentations.

        Args:
            seed: Seed of the order and of the augmentations.
            epoch: Number of the epoch, from 0.
        """
        return replace(self, shuffle_seed=(seed, epoch), seed=seed, epoch=epoch)

    def starting_at(self, number: int) -> Generator[AnyBatch, None, None]:  # type: ignore[override]
        """Yield the batches of the epoch from a batch on; threads prepare the next one if there are workers.

        Args:
            number: Number of the first batch, from 0: those before it are skipped, as after a resume.
        """
        batches = (self._batch(share) for share in self._shares(number))
        return prefetched(batches) if self.workers else batches

    def _batch(self, share: np.ndarray) -> AnyBatch:
        batch = apply_all(self.pool, share, self.kinds, seed=self.seed, epoch=self.epoch)
        grid = FrameGrid(self.binned.time_step_ms, self.binned.channels, self.max_time_ms)
        targets = TargetGrid(self.binned.time_step_ms, self.max_time_ms, moves=batch.moves)
        ends = [targets.lengths(target, share) for target in self.binned.targets.values()]
        if isinstance(self.binned, CodedRecordings):
            # unlike those of events, coded recordings do not end with their last spike
            ends.append(targets.steps_until(self.binned.coded_steps(share) * self.binned.time_step_ms))
        frames, length = count_events(
            batch.events, batch.units, grid, scale=self.pool.scale, at_least=np.max(ends, 0) if ends else None
        )
        label = hard_labels(batch)
        if self.binned.targets:
            steps, named = len(frames), self.binned.targets.items()
            return TargetBatch(
                frames, length, label, {name: targets.values(each, share, length, steps) for name, each in named}
            )
        if batch.probability is None:
            return ArrayBatch(frames, length, label)
        return MixedBatch(frames, length, label, batch.probability.astype(np.float32))
