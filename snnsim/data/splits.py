"""Splits into training and validation recordings: all recordings of some speakers are held out, by fixed rules.

    order(i)  = rank of mix(γ (i + 1,000,003 seed + 1))      a hash, so no split depends on a library's generator

by_group    goes through the speakers in hashed order and holds a speaker out if that brings the share of
            validation recordings nearer to the wanted one, but never all speakers; if no speaker does, the smallest
stratified  the first round(share · n) recordings of each class in hashed order, 1 to n - 1 of them
shd         only for the training file of SHD (`of_training_file` recognizes its name and its speakers):
            speakers 1 and 6, and 5 % of every class of the others: SHD's test set likewise has two speakers
            that the training file lacks, and 5 % of the recordings of the others
fold        groups from the largest to the smallest (equal ones in hashed order), each into the part with the fewest
            recordings so far; without groups, the recordings of every class in hashed order, one part after the other

Names    mix, γ hash and increment of SplitMix64, see kernels/common/counter_rng.py
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from snnsim.data.binning import Binned
from snnsim.data.recordings import Recordings
from snnsim.kernels.common.counter_rng import GAMMA, mix

SHD_SPEAKERS = (0, 1, 2, 3, 6, 7, 8, 9, 10, 11)
"""Speakers of SHD's training file; 4 and 5 are in its test file alone. Other data sets may have these numbers, too."""
_FEWEST_SPEAKERS = 5
SHD_VALIDATION_SPEAKERS = (1, 6)
"""Speakers held out of SHD's training file: 16 to 20 % of it, in both languages alike."""
_SHD_KNOWN_SHARE = 0.05
_mix = cast(Callable[[np.ndarray], np.ndarray], mix)


@dataclass(frozen=True)
class Split:
    """Indices of the recordings to train on and to validate with; unpacks as `train, valid = split`."""

    train: np.ndarray
    """int64, ascending."""
    valid: np.ndarray
    """int64, ascending; every recording is in `train` or in `valid`, and none in both."""
    held_out: tuple[int, ...]
    """Speakers whose recordings are all in `valid`; empty for a split by class alone."""

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.train, self.valid))


def of_training_file(recordings: Recordings | Binned, path: Path) -> Split:
    """Return the validation split of a data set that has no validation file.

    Args:
        recordings: All recordings of the training file.
        path: The training file; that of SHD is called shd_train.h5, packed or not.

    Returns:
        The split of `shd` if the file has SHD's name, five or more of SHD's speakers and no others; else the split of
        `by_speaker`.
    """
    speakers = np.unique(recordings.speaker)
    known = len(speakers) >= _FEWEST_SPEAKERS and np.isin(speakers, SHD_SPEAKERS).all()
    return shd(recordings) if known and path.name.startswith("shd_train.h5") else by_speaker(recordings)


def shd(recordings: Recordings | Binned) -> Split:
    """Return the validation split of SHD's training file, or that of `by_speaker` for a file with other speakers.

    Args:
        recordings: All recordings of the training file, with their speakers.
    """
    speaker = recordings.speaker
    others = not np.isin(speaker, SHD_VALIDATION_SPEAKERS).all()
    if not (others and np.isin(SHD_VALIDATION_SPEAKERS, speaker).all()):
        return by_speaker(recordings)
    unknown = np.isin(speaker, SHD_VALIDATION_SPEAKERS)
    known = _stratified(np.where(unknown, -1, recordings.label), _SHD_KNOWN_SHARE, seed=0)
    return _split(unknown | known, SHD_VALIDATION_SPEAKERS)


def by_speaker(recordings: Recordings | Binned, *, share: float = 0.2, seed: int = 0) -> Split:
    """Return a split with all recordings of some speakers held out; by class with fewer than 3 or an unknown speaker.

    Args:
        recordings: Recordings with speakers and labels.
        share: Wanted share of the validation recordings, above 0 and below 1.
        seed: Seed of the order of the speakers.

    Raises:
        ValueError: If the share is out of range, or there are too few recordings.
    """
    # recordings with targets instead of classes are one class
    label = recordings.label if recordings.classes else np.zeros(len(recordings), np.int64)
    return by_group(recordings.speaker, label, share=share, seed=seed)


def by_group(
    group: np.ndarray, label: np.ndarray, *, share: float = 0.2, seed: int = 0, by_class: bool = False
) -> Split:
    """Return a split with all recordings of some groups held out; by class with fewer than 3 groups or an unknown one.

    Args:
        group: Group of each recording, such as its speaker or its source image, int64 (recording,); -1 is unknown.
        label: Class of each recording, int64 (recording,).
        share: Wanted share of the validation recordings, above 0 and below 1.
        seed: Seed of the order of the groups.
        by_class: Whether groups are ignored, and the same share of each class is held out.

    Raises:
        ValueError: If the share is out of range.
    """
    if not 0 < share < 1:
        raise ValueError(f"by_speaker: the share to hold out must lie between 0 and 1; got {share}")
    speakers, count = np.unique(group, return_counts=True)
    if by_class or len(speakers) < 3 or speakers[0] < 0:
        return _split(_stratified(label, share, seed=seed), ())
    wanted, total = share * len(label), 0
    held: list[int] = []
    for number in np.argsort(_hash(speakers, seed), kind="stable"):
        nearer = abs(total + count[number] - wanted) < abs(total - wanted)
        if nearer and len(held) < len(speakers) - 1:
            held.append(int(speakers[number]))
            total += count[number]
    held = held or [int(speakers[np.argmin(count)])]
    return _split(np.isin(group, held), tuple(sorted(held)))


def of_fold(group: np.ndarray, label: np.ndarray, *, folds: int, number: int) -> Split:
    """Return the split that holds out one of several parts, each with all recordings of its groups.

    Every recording is held out by exactly one part. With as many parts as groups, one group is left out at a time.

    Args:
        group: Group of each recording, such as its speaker, int64 (recording,); -1 is unknown.
        label: Class of each recording, int64 (recording,).
        folds: Number of parts; without known groups, the parts have equal shares of each class.
        number: The part that is held out, from 0.

    Raises:
        ValueError: If there are fewer groups, or recordings of every class, than parts.
    """
    if not 0 <= number < folds:
        raise ValueError(f"of_fold: number must be from 0 to {folds - 1}, not {number}")
    groups, member, count = np.unique(group, return_inverse=True, return_counts=True)
    if len(group) == 0 or groups[0] < 0:
        held_out = _part_by_class(label, folds) == number
        if not held_out.any():
            raise ValueError(f"of_fold: there must be at least {folds} recordings of a class for {folds} folds")
        return _split(held_out, ())
    if len(groups) < folds:
        raise ValueError(
            f"of_fold: there must be at least as many speakers as folds, so that each fold holds out all recordings "
            f"of a speaker; the training file has {len(groups)} speakers for {folds} folds"
        )
    part, total = np.zeros(len(groups), np.int64), np.zeros(folds, np.int64)
    for each in np.lexsort((_hash(groups, 0), -count)):
        part[each] = np.argmin(total)
        total[part[each]] += count[each]
    return _split(part[member] == number, tuple(int(one) for one in groups[part == number]))


def _part_by_class(label: np.ndarray, folds: int) -> np.ndarray:
    """Return the part of every recording; the recordings of every class go through the parts in turn."""
    part = np.zeros(len(label), np.int64)
    for number in np.unique(label):
        members = np.flatnonzero(label == number)
        part[members[np.argsort(_hash(members, 0), kind="stable")]] = np.arange(len(members)) % folds
    return part


def _split(held_out: np.ndarray, speakers: tuple[int, ...]) -> Split:
    return Split(train=np.flatnonzero(~held_out), valid=np.flatnonzero(held_out), held_out=speakers)


def _stratified(label: np.ndarray, share: float, *, seed: int) -> np.ndarray:
    """Return a mask of the held out recordings of every class; recordings with the label -1 are not held out."""
    held_out = np.zeros(len(label), bool)
    for number in np.unique(label[label >= 0]):
        members = np.flatnonzero(label == number)
        wanted = min(max(round(share * len(members)), 1), len(members) - 1)
        held_out[members[np.argsort(_hash(members, seed), kind="stable")[:wanted]]] = True
    return held_out


def _hash(number: np.ndarray, seed: int) -> np.ndarray:
    """Return a hash of every number, uint64; arithmetic is modulo 2**64."""
    value = np.asarray(number).astype(np.uint64) + np.uint64(seed) * np.uint64(1_000_003)
    return _mix((value + np.uint64(1)) * GAMMA)
