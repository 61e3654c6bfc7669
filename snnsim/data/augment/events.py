"""The spikes of a batch while augmentations change them, and the training recordings that partners come from.

Shapes   time, unit (event,) · offset (batch + 1,) · recording, label (batch,) · probability (batch, class)
Units    time in ms
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from snnsim import ragged
from snnsim.data.recordings import Recordings, arrays, check_events, no_classes, positions
from snnsim.data.targets import Moves
from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import njit


class Events(NamedTuple):
    """Spikes of recordings laid end to end, as compiled loops take them."""

    time: np.ndarray
    unit: np.ndarray
    offset: np.ndarray

    @classmethod
    def empty_like(cls, events: Self, size: int) -> Self:
        """Return arrays for up to `size` spikes of as many recordings, with undefined values.

        Args:
            events: Spikes whose types and number of recordings the result has.
            size: Largest number of spikes of the result, all recordings together.
        """
        offset = np.zeros_like(events.offset)
        return cls(np.empty(size, events.time.dtype), np.empty(size, events.unit.dtype), offset)


@dataclass(frozen=True)
class EventBatch:
    """The spikes and classes of a batch; an augmentation may overwrite the arrays of the batch that it takes."""

    events: Events
    recording: np.ndarray
    """Number of each recording in its file, int64 (batch,)."""
    pool: "Pool"
    """The training recordings, from which partners come."""
    probability: np.ndarray | None
    """Probability of each class, float64 (batch, class); None where no augmentation mixes classes."""
    ascending: bool = True
    """Whether the times of every recording ascend."""
    moves: Moves | None = None
    """Changes of the times of whole recordings, which targets of steps follow; None where nothing has moved."""

    def moved(self, *, factor: np.ndarray | float = 1.0, shift_ms: np.ndarray | float = 0.0) -> "EventBatch":
        """Return the batch with a note that times t have become factor t + shift_ms.

        Args:
            factor: Factors of the times (batch,), or one for all.
            shift_ms: Times that are added (batch,), or one for all.
        """
        before = self.moves or Moves.none(len(self.recording))
        return replace(self, moves=Moves(before.factor * factor, before.shift_ms * factor + shift_ms))

    @property
    def units(self) -> int:
        """Number of channels of the recordings."""
        return self.pool.units

    def with_events(self, events: Events, *, ascending: bool | None = None) -> "EventBatch":
        """Return the batch with other spikes, cut to those that the offsets cover.

        Args:
            events: Spikes of the same recordings.
            ascending: Whether their times ascend; None as before.
        """
        size = events.offset[-1]
        events = Events(events.time[:size], events.unit[:size], events.offset)
        return replace(self, events=events, ascending=self.ascending if ascending is None else ascending)

    def sorted(self) -> "EventBatch":
        """Return the batch with the spikes of each recording in the order of their times."""
        if not self.ascending:
            sort_rows(self.events)
        return replace(self, ascending=True)

    def last_times(self) -> np.ndarray:
        """Return the time of the last spike of each recording, 0 without spikes, float64 (batch,)."""
        result = np.zeros(len(self.recording))
        _last_times(self.events, result)
        return result


@dataclass(frozen=True)
class Pool:
    """The recordings of a training split, from which batches and partners are taken."""

    events: Events
    """Spikes of all recordings of the file."""
    label: np.ndarray
    """Class of each recording of the file, int64."""
    members: np.ndarray
    """Numbers of the recordings of the training split, int64."""
    classes: int
    """Number of classes."""
    units: int
    """Number of channels of the recordings."""
    scale: float = 1000.0
    """Milliseconds of a unit of float16 times, as in counting.py: 1000 for the seconds of a file."""

    @classmethod
    def of(cls, recordings: Recordings, members: np.ndarray, who: str) -> Self:
        """Return the pool of checked recordings.

        Args:
            recordings: All recordings of a file.
            members: Recordings of the training split.
            who: Name of the function that was called, for messages.

        Raises:
            ValueError: If the recordings or a label are wrong.
        """
        time, unit, offset = arrays(recordings, who)
        # an augmentation may lead a spike to a channel that uint16 does not hold
        events = Events(time, unit if recordings.units <= 2**16 else unit.astype(np.int64, copy=False), offset)
        check_events(recordings, who)
        label = np.asarray(recordings.label).astype(np.int64)
        inside = len(label) == 0 or (label.min() >= 0 and label.max() < len(recordings.classes))
        if not (inside or no_classes(label, recordings.classes, recordings.targets)):
            raise ValueError(
                f"{who}: labels must lie in 0..{len(recordings.classes) - 1}, one per class name; they go from "
                f"{label.min()} to {label.max()}; add the class names or correct the labels"
            )
        members = np.unique(positions(members, len(label), who=who))
        # float16 times in memory are milliseconds, as in bin_events
        scale = 1.0 if np.asarray(recordings.time_ms).dtype == np.float16 else 1000.0
        return cls(events, label, members, len(recordings.classes), recordings.units, scale)

    def batch(self, recording: np.ndarray, *, mixes: bool) -> EventBatch:
        """Return a copy of the spikes of recordings.

        Args:
            recording: Numbers of the recordings.
            mixes: Whether the batch has a probability for each class.
        """
        recording = np.ascontiguousarray(recording, np.int64)
        offset = ragged.indptr(np.diff(self.events.offset)[recording])
        events = Events.empty_like(self.events, int(offset[-1]))._replace(offset=offset)
        _gather(self.events, recording, events)
        probability = np.eye(self.classes)[self.label[recording]] if mixes else None
        return EventBatch(events, recording, self, probability)

    def others(self, recording: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Return a random other member for each recording, or -1 where there is none.

        Args:
            recording: Numbers of members.
            uniform: Random numbers between 0 and 1, one for each recording.
        """
        return self._partners(self._rank, np.full(len(recording), len(self.members)), self.members, recording, uniform)

    def classmates(self, recording: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Return a random other member of the same class for each recording, or -1 where there is none.

        Args:
            recording: Numbers of members.
            uniform: Random numbers between 0 and 1, one for each recording.
        """
        order, start, rank = self._by_class
        label = self.label[recording]
        count = np.diff(start)[label]
        return self._partners(rank, count, order, recording, uniform, start[label])

    @staticmethod
    def _partners(
        rank: np.ndarray,
        count: np.ndarray,
        order: np.ndarray,
        recording: np.ndarray,
        uniform: np.ndarray,
        start: np.ndarray | int = 0,
    ) -> np.ndarray:
        number = np.minimum((uniform * (count - 1)).astype(np.int64), np.maximum(count - 2, 0))
        # the recording itself is left out of its group
        number += number >= rank[recording]
        single = count < 2
        result: np.ndarray = np.where(single, -1, order[np.where(single, 0, start + number)])
        return result

    @cached_property
    def _rank(self) -> np.ndarray:
        rank = np.full(len(self.label), -1)
        rank[self.members] = np.arange(len(self.members))
        return rank

    @cached_property
    def _by_class(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Members in the order of their classes, start of each class, and rank of each recording in its class."""
        label = self.label[self.members]
        order = self.members[np.argsort(label, kind="stable")]
        start = ragged.indptr(np.bincount(label, minlength=self.classes))
        rank = np.full(len(self.label), -1)
        rank[order] = np.arange(len(order)) - np.repeat(start[:-1], np.diff(start))
        return order, start, rank


@njit(cache=True, nogil=True)
def _gather(source: Events, recording: np.ndarray, result: Events) -> None:
    """Copy the spikes of recordings; the offsets of the result are set."""
    for row in range(recording.size):
        begin, end = source.offset[recording[row]], source.offset[recording[row] + 1]
        copy_row(source.time[begin:end], result.time[result.offset[row] : result.offset[row + 1]])
        copy_row(source.unit[begin:end], result.unit[result.offset[row] : result.offset[row + 1]])


@njit(cache=True, nogil=True)
def _last_times(events: Events, result: np.ndarray) -> None:
    for row in range(result.size):
        for event in range(events.offset[row], events.offset[row + 1]):
            result[row] = max(result[row], np.float64(events.time[event]))


@njit(cache=True, nogil=True)
def sort_rows(events: Events) -> None:
    """Sort the spikes of each recording by time; equal times keep their order.

    Args:
        events: Spikes of the recordings; times and channels are sorted in place.
    """
    for row in range(events.offset.size - 1):
        begin, end = events.offset[row], events.offset[row + 1]
        order = np.argsort(events.time[begin:end], kind="mergesort")
        copy_row(events.time[begin:end][order], events.time[begin:end])
        copy_row(events.unit[begin:end][order], events.unit[begin:end])


@njit(cache=True, nogil=True)
def drop_between(events: Events, values: np.ndarray, first: np.ndarray, end: np.ndarray) -> None:
    """Drop the spikes of each recording whose value is at least `first` and below `end`.

    Args:
        events: The spikes, which change.
        values: The times or the channels of the spikes, an array of the events.
        first: Smallest value that is dropped, of each recording, (recording,).
        end: Smallest value behind these, (recording,).
    """
    time, unit, offset = events.time, events.unit, events.offset
    begin, used = 0, 0
    for row in range(offset.size - 1):
        for event in range(begin, offset[row + 1]):
            if not first[row] <= values[event] < end[row]:
                time[used], unit[used] = time[event], unit[event]
                used += 1
        begin, offset[row + 1] = offset[row + 1], used
