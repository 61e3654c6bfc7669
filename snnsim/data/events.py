"""Spike recordings as flat arrays: what every data source gives and every reader takes.

Shapes   time_ms, unit (event,) · offset (recording + 1,) · label, speaker (recording,)
Units    time_ms in milliseconds from the start of the recording
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Recordings:
    """Labelled spike recordings laid end to end; recording n owns events offset[n]:offset[n + 1]."""

    time_ms: np.ndarray
    """float32, ascending within a recording, from 0."""
    unit: np.ndarray
    """uint16, which of the `units` channels fired."""
    offset: np.ndarray
    """int64, where each recording starts, and the end of the last one."""
    label: np.ndarray
    """int64, index into `classes`."""
    speaker: np.ndarray
    """int64, who spoke; -1 where unknown."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of their labels."""
    units: int = 700
    """Number of channels."""

    def __len__(self) -> int:
        return len(self.label)

    def events(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the times in ms and the units of one recording."""
        part = slice(self.offset[index], self.offset[index + 1])
        return self.time_ms[part], self.unit[part]

    def select(self, indices: np.ndarray) -> "Recordings":
        """Return the recordings at `indices`, in that order."""
        indices = np.asarray(indices, np.int64)
        event, offset = gathered(self.offset, indices)
        return replace(
            self,
            time_ms=self.time_ms[event],
            unit=self.unit[event],
            offset=offset,
            label=self.label[indices],
            speaker=self.speaker[indices],
        )

    def without_empty(self) -> "Recordings":
        """Return the recordings that have at least one spike."""
        return self.select(np.flatnonzero(np.diff(self.offset)))


def gathered(offset: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which events the rows at `indices` own, row after row, and the rows' new offsets."""
    count = np.diff(offset)[indices]
    new = np.concatenate([[0], np.cumsum(count)])
    return np.arange(new[-1]) + np.repeat(offset[indices] - new[:-1], count), new


def concatenate(parts: Sequence[Recordings]) -> Recordings:
    """Return all recordings of `parts`, one part after the other."""
    first = parts[0]
    for part in parts[1:]:
        if (part.classes, part.units) != (first.classes, first.units):
            raise ValueError(
                f"concatenate: the parts must share classes and units; one has {len(first.classes)} classes "
                f"and {first.units} units, another {len(part.classes)} and {part.units}; "
                "make them with the same settings"
            )
    count = np.concatenate([np.diff(part.offset) for part in parts])
    return replace(
        first,
        time_ms=np.concatenate([part.time_ms for part in parts]),
        unit=np.concatenate([part.unit for part in parts]),
        offset=np.concatenate([[0], np.cumsum(count)]),
        label=np.concatenate([part.label for part in parts]),
        speaker=np.concatenate([part.speaker for part in parts]),
    )


def validate(recordings: Recordings, source: str) -> None:
    """Raise a ValueError that names `source` and the recordings at fault, if anything is wrong with them."""
    _check_lengths(recordings, source)
    time, unit, offset = recordings.time_ms, recordings.unit, recordings.offset
    backwards = np.empty(len(time), bool)
    backwards[:1] = False
    np.less(time[1:], time[:-1], out=backwards[1:])
    # the first spike of a recording may come before the last spike of the one before it
    backwards[offset[:-1][np.diff(offset) > 0]] = False
    advice = "encode them again, or repair the file"
    for bad, rule, found in (
        (~np.isfinite(time), "spike times must be finite", "NaN or infinite times"),
        (time < 0, "spike times must not be negative", "negative times"),
        (backwards, "spike times must ascend within a recording", "unsorted times"),
        (
            (unit < 0) | (unit >= recordings.units),
            f"units must lie in 0..{recordings.units - 1}",
            "units out of range",
        ),
    ):
        if bad.any():
            at = np.unique(np.searchsorted(offset, np.flatnonzero(bad), side="right") - 1)
            raise ValueError(f"{source}: {rule}; {_named(at)} holds {found}; {advice}")


def _check_lengths(recordings: Recordings, source: str) -> None:
    time, unit, offset = recordings.time_ms, recordings.unit, recordings.offset
    label, speaker = recordings.label, recordings.speaker
    if len(label) == 0:
        raise ValueError(f"{source}: there must be at least one recording; it holds none")
    if (
        len(speaker) != len(label)
        or len(unit) != len(time)
        or len(offset) != len(label) + 1
        or (offset[0], offset[-1]) != (0, len(time))
        or np.any(np.diff(offset) < 0)
    ):
        raise ValueError(
            f"{source}: the offsets must ascend from 0 to the number of events, one per recording and the "
            f"end, beside one label and one speaker per recording; got {len(offset)} offsets from "
            f"{offset[:1]} to {offset[-1:]}, {len(time)} times, {len(unit)} units, {len(label)} labels, "
            f"{len(speaker)} speakers"
        )
    wrong = np.flatnonzero((label < 0) | (label >= len(recordings.classes)))
    if len(wrong):
        raise ValueError(
            f"{source}: labels must lie in 0..{len(recordings.classes) - 1}, one per class name; "
            f"{_named(wrong)} holds label {label[wrong[0]]}; add the class names or correct the labels"
        )
    empty = np.flatnonzero(np.diff(offset) == 0)
    if len(empty):
        raise ValueError(
            f"{source}: every recording must have a spike; {_named(empty)} holds none; encode them again, or "
            "leave them out on purpose: "
            "heidelberg.write(new_path, heidelberg.read_unchecked(path).without_empty())"
        )


def _named(recordings: np.ndarray) -> str:
    """Return the first few of these recordings by number, for an error message."""
    more = f" (and {len(recordings) - 1} more)" if len(recordings) > 1 else ""
    return f"recording {recordings[0]}{more}"
