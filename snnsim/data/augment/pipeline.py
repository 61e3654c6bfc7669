"""Augmentations of a list, one after the other, on a batch of a pool or on recordings.

Every random number is a function of the seed, the epoch, the position in the list and the number of the recording, see
draws.py. The result for a recording therefore depends neither on the batch nor on the process that computes it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from snnsim import ragged
from snnsim.data.augment import (
    blend,
    channel_jitter,
    channel_mask,
    channel_shift,
    channel_time_shift,
    channel_warp,
    chunk_drop,
    cutmix,
    event_drop,
    noise_spikes,
    time_jitter,
    time_mask,
    time_shift,
    time_stretch,
    time_warp,
)
from snnsim.data.augment.base import Augmentation
from snnsim.data.augment.draws import AugmentationDraws
from snnsim.data.augment.events import EventBatch, Pool
from snnsim.data.augment.kinds import KINDS, CutMix
from snnsim.data.recordings import Recordings, narrowed
from snnsim.data.targets import NO_TARGETS, Target, TargetGrid, Targets
from snnsim.kernels.common.counter_rng import SEEDS
from snnsim.validation import integer, shown

APPLY: dict[str, Callable[[Any, EventBatch, AugmentationDraws], EventBatch]] = {
    "blend": blend.apply,
    "channel_jitter": channel_jitter.apply,
    "channel_mask": channel_mask.apply,
    "channel_shift": channel_shift.apply,
    "channel_time_shift": channel_time_shift.apply,
    "channel_warp": channel_warp.apply,
    "chunk_drop": chunk_drop.apply,
    "cutmix": cutmix.apply,
    "event_drop": event_drop.apply,
    "noise_spikes": noise_spikes.apply,
    "time_jitter": time_jitter.apply,
    "time_mask": time_mask.apply,
    "time_shift": time_shift.apply,
    "time_stretch": time_stretch.apply,
    "time_warp": time_warp.apply,
}
"""The function of every kind by its name in a config."""
BLOCK = 256
"""Recordings that `augment` changes at a time, so that its working memory does not grow with the recordings."""


def augment(recordings: Recordings, kinds: Sequence[Augmentation], *, seed: int, epoch: int = 0) -> Recordings:
    """Return recordings after augmentations, those of one epoch of training.

    Args:
        recordings: Recordings to train on, and no others: partners of blends and mixtures come from them.
        kinds: Augmentations, which are applied in their order.
        seed: Seed of the random numbers, from 0.
        epoch: Number of the epoch, from 0; every epoch has other random numbers.

    Returns:
        As many recordings in the same order; a recording may lose all of its spikes. The label of a mixture is the
        class of the larger share; `augment_with_probabilities` also returns the shares.

    Raises:
        TypeError: If an augmentation is none, or an array has a wrong type.
        ValueError: If the recordings are wrong, or a setting does not fit them.
    """
    return _augment(recordings, kinds, seed, epoch)[0]


def augment_with_probabilities(
    recordings: Recordings, kinds: Sequence[Augmentation], *, seed: int, epoch: int = 0
) -> tuple[Recordings, np.ndarray]:
    """Return recordings after augmentations, and the probability of each class.

    Args:
        recordings: Recordings to train on, and no others.
        kinds: Augmentations, which are applied in their order.
        seed: Seed of the random numbers, from 0.
        epoch: Number of the epoch, from 0.

    Returns:
        The recordings of `augment`, and probabilities float32 (recording, class), which are the target of the loss.
    """
    result, probability = _augment(recordings, kinds, seed, epoch)
    if probability is None:
        probability = np.eye(len(recordings.classes), dtype=np.float32)[result.label]
    return result, probability


def check_kinds(
    kinds: Sequence[Augmentation], units: int, who: str, targets: Targets = NO_TARGETS
) -> tuple[Augmentation, ...]:
    """Return a list of augmentations as a tuple.

    Args:
        kinds: Augmentations in their order.
        units: Number of channels of the recordings.
        who: Name of the function that was called, for messages.
        targets: Targets of the recordings besides their classes.

    Raises:
        TypeError: If the list is none, or one of its values is no augmentation.
        ValueError: If a setting does not fit the recordings.
    """
    if not isinstance(kinds, Sequence) or isinstance(kinds, str):
        raise TypeError(f"{who}: the augmentations must be a list, such as [ChannelShift()], not {shown(kinds)}")
    for kind in kinds:
        if not isinstance(kind, Augmentation) or kind.kind not in KINDS:
            names = ", ".join(each.__name__ for each in KINDS.values())
            raise TypeError(f"{who}: an augmentation must be one of {names}, not {shown(kind)}")
        kind.require_channels(units)
        kind.require_targets(targets)
    return tuple(kinds)


def apply_all(pool: Pool, recording: np.ndarray, kinds: Sequence[Augmentation], *, seed: int, epoch: int) -> EventBatch:
    """Return the spikes of a batch after augmentations.

    Args:
        pool: The training recordings.
        recording: Numbers of the recordings of the batch (batch,), members of the pool.
        kinds: Checked augmentations in their order.
        seed: Seed of the random numbers.
        epoch: Number of the epoch.
    """
    batch = pool.batch(recording, mixes=any(isinstance(kind, CutMix) for kind in kinds))
    for position, kind in enumerate(kinds):
        batch = APPLY[kind.kind](kind, batch, AugmentationDraws.of(seed, epoch, position))
    return batch


def hard_labels(batch: EventBatch) -> np.ndarray:
    """Return the class of the largest share of each recording, its own where shares are equal, int64 (batch,).

    Args:
        batch: Recordings with probabilities of classes, or without: each then has its own class.
    """
    own: np.ndarray = batch.pool.label[batch.recording]
    if batch.probability is None:
        return own
    rows = np.arange(len(own))
    largest = batch.probability.max(1, initial=0)
    result: np.ndarray = np.where(batch.probability[rows, own] == largest, own, batch.probability.argmax(1))
    return result


def _augment(
    recordings: Recordings, kinds: Sequence[Augmentation], seed: int, epoch: int
) -> tuple[Recordings, np.ndarray | None]:
    kinds = check_kinds(kinds, recordings.units, "augment", recordings.targets)
    seed = integer(seed, who="augment", name="seed", at_least=0, at_most=SEEDS - 1)
    epoch = integer(epoch, who="augment", name="epoch", at_least=0)
    every = np.arange(len(recordings))
    pool = Pool.of(recordings, every, "augment")
    if not len(every):
        return recordings, None
    blocks = [every[start : start + BLOCK] for start in range(0, len(every), BLOCK)]
    batches = [apply_all(pool, block, kinds, seed=seed, epoch=epoch).sorted() for block in blocks]
    counts = [np.diff(batch.events.offset) for batch in batches]
    result = replace(
        recordings,
        time_ms=np.concatenate([batch.events.time for batch in batches]),
        unit=narrowed(np.concatenate([batch.events.unit for batch in batches])),
        offset=ragged.indptr(np.concatenate(counts)),
        label=np.concatenate([hard_labels(batch) for batch in batches]),
        targets={name: _moved(target, batches) for name, target in recordings.targets.items()},
    )
    probabilities = [batch.probability for batch in batches if batch.probability is not None]
    return result, np.concatenate(probabilities).astype(np.float32) if probabilities else None


def _moved(target: Target, batches: Sequence[EventBatch]) -> Target:
    """Return a target whose steps follow the moved times of its recordings."""
    if target.offset is None or all(batch.moves is None for batch in batches):
        return target
    rows = []
    for batch in batches:
        grid, own = TargetGrid(target.step_ms, moves=batch.moves), batch.recording
        length = grid.lengths(target, own)
        values = grid.values(target, own, length, int(length.max(initial=0)))
        rows += [values[:steps, number] for number, steps in enumerate(length)]
    return replace(target, values=np.concatenate(rows), offset=ragged.indptr([len(row) for row in rows]))
