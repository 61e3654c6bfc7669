"""Which recordings train and which validate: whole speakers are held out, by rules that never change.

    order(i)  = rank of mix(seed, i)      a hash, so no draw depends on a library's generator

by_speaker  goes through the speakers in hashed order and holds each one out if that brings the share of
            validation recordings nearer to the wanted one, but never all; if none does, the smallest
stratified  the first round(share · n) recordings of each class in hashed order, 1 to n - 1 of them
shd         only for the training file of SHD (`of_training_file` knows it by its name and its speakers):
            speakers 1 and 6, and 5 % of every class of the others: as SHD's own test set has two speakers
            of its own, whom the training file lacks, and 5 % of the recordings of the rest

Source   mix: the finaliser of splitmix64, Steele, Lea & Flood 2014, OOPSLA
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnsim.data.binning import Binned
from snnsim.data.recordings import Recordings

SHD_SPEAKERS = (0, 1, 2, 3, 6, 7, 8, 9, 10, 11)
"""Of SHD's training file; 4 and 5 are in its test file alone. Who numbers own speakers without gaps has these too."""
_FEWEST_SPEAKERS = 5
SHD_VALIDATION_SPEAKERS = (1, 6)
"""Held out of SHD's training file: 16 to 20 % of it, in both languages alike."""
_SHD_KNOWN_SHARE = 0.05


@dataclass(frozen=True)
class Split:
    """Indices of the recordings to train on and to validate with; unpacks as `train, valid = split`."""

    train: np.ndarray
    """int64, ascending."""
    valid: np.ndarray
    """int64, ascending; shares no recording with `train`, and together they are all."""
    held_out: tuple[int, ...]
    """Speakers of whom every recording is in `valid`; empty for a split by class alone."""

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.train, self.valid))


def of_training_file(recordings: Recordings | Binned, path: Path) -> Split:
    """Return the validation split of a data set that has no validation file.

    Args:
        recordings: All recordings of its training file.
        path: That file; SHD's own is called shd_train.h5, packed or not.

    Returns:
        That of `shd` if the file has SHD's name, five or more of SHD's speakers and no others, else `by_speaker`'s.
    """
    speakers = np.unique(recordings.speaker)
    known = len(speakers) >= _FEWEST_SPEAKERS and np.isin(speakers, SHD_SPEAKERS).all()
    return shd(recordings) if known and path.name.startswith("shd_train.h5") else by_speaker(recordings)


def shd(recordings: Recordings | Binned) -> Split:
    """Return the validation split of SHD's training file; by_speaker where that has not its speakers, or none else."""
    speaker = recordings.speaker
    others = not np.isin(speaker, SHD_VALIDATION_SPEAKERS).all()
    if not (others and np.isin(SHD_VALIDATION_SPEAKERS, speaker).all()):
        return by_speaker(recordings)
    unseen = np.isin(speaker, SHD_VALIDATION_SPEAKERS)
    known = _stratified(np.where(unseen, -1, recordings.label), _SHD_KNOWN_SHARE, seed=0)
    return _split(unseen | known, SHD_VALIDATION_SPEAKERS)


def by_speaker(recordings: Recordings | Binned, *, share: float = 0.2, seed: int = 0) -> Split:
    """Return a split with whole speakers held out; by class if fewer than 3 or unknown speakers."""
    if not 0 < share < 1:
        raise ValueError(f"by_speaker: the share to hold out must lie between 0 and 1; got {share}")
    speakers, count = np.unique(recordings.speaker, return_counts=True)
    if len(speakers) < 3 or speakers[0] < 0:
        return _split(_stratified(recordings.label, share, seed=seed), ())
    wanted, held, total = share * len(recordings), [], 0
    for number in np.argsort(_mixed(speakers, seed), kind="stable"):
        nearer = abs(total + count[number] - wanted) < abs(total - wanted)
        if nearer and len(held) < len(speakers) - 1:
            held.append(int(speakers[number]))
            total += count[number]
    held = held or [int(speakers[np.argmin(count)])]
    return _split(np.isin(recordings.speaker, held), tuple(sorted(held)))


def _split(held_out: np.ndarray, speakers: tuple[int, ...]) -> Split:
    return Split(train=np.flatnonzero(~held_out), valid=np.flatnonzero(held_out), held_out=speakers)


def _stratified(label: np.ndarray, share: float, *, seed: int) -> np.ndarray:
    """Return a mask of the held out recordings of every class; those labeled -1 stay out."""
    held_out = np.zeros(len(label), bool)
    for number in np.unique(label[label >= 0]):
        members = np.flatnonzero(label == number)
        wanted = min(max(round(share * len(members)), 1), len(members) - 1)
        held_out[members[np.argsort(_mixed(members, seed), kind="stable")[:wanted]]] = True
    return held_out


def _mixed(number: np.ndarray, seed: int) -> np.ndarray:
    """Return a well-mixed uint64 for every number; arithmetic is modulo 2**64."""
    step = np.uint64(0x9E3779B97F4A7C15)
    value = np.asarray(number).astype(np.uint64) + np.uint64(seed) * np.uint64(1_000_003)
    value = (value + np.uint64(1)) * step
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
