"""Spike recordings as flat arrays: what every data source gives and every reader takes.

Shapes   time_ms, unit (event,) · offset (recording + 1,) · label, speaker (recording,)
Units    time_ms in milliseconds from the start of the recording
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnsim.validation import integer, require, shown


@dataclass(frozen=True)
class Recordings:
    """Labeled spike recordings laid end to end; recording n owns events offset[n]:offset[n + 1]."""

    time_ms: np.ndarray
    """float32, or float64 where that does not hold them, ascending within a recording, from 0."""
    unit: np.ndarray
    """uint16, or uint32 above 65,536 channels: which of the `units` channels fired."""
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
        """Return the times in ms and the units of one recording; -1 is the last one."""
        who, count = "Recordings.events", len(self)
        index = integer(index, who=who, name="index", at_least=-count, at_most=count - 1) % count
        part = slice(self.offset[index], self.offset[index + 1])
        return self.time_ms[part], self.unit[part]

    def select(self, indices: np.ndarray) -> "Recordings":
        """Return the recordings at `indices`, in that order; -1 is the last one, a mask chooses where it is True."""
        indices = positions(indices, len(self), who="Recordings.select")
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


def positions(indices: Any, count: int, *, who: str) -> np.ndarray:
    """Return which of `count` things NumPy would take for these indices.

    Args:
        indices: Whole numbers from -count to count - 1 (index,), counted from the end below 0, or a mask bool (count,).
        count: How many things there are.
        who: Name of the function that was called, for the message.

    Returns:
        int64 (index,), from 0 to count - 1.

    Raises:
        TypeError: If they are neither whole numbers nor a mask.
        ValueError: If they have other than one axis, or one lies outside of the range.
    """
    found = np.asarray(indices)
    require(found.ndim == 1, f"{who}: the indices must have one axis; got shape {found.shape}; put them into a list")
    if found.dtype.kind == "b":
        require(len(found) == count, f"{who}: a mask must have one entry for each of {count}; got {len(found)}")
        return np.flatnonzero(found)
    if found.dtype.kind not in "iu" and found.size:
        raise TypeError(f"{who}: the indices must be whole numbers or a mask, not {shown(found)}")
    low, high = (int(found.min()), int(found.max())) if found.size else (0, -1)
    require(
        -count <= low and high < count,
        f"{who}: the indices must lie in {-count}..{count - 1}; they go from {low} to {high}",
    )
    found = found.astype(np.int64)
    return np.where(found < 0, found + count, found) if low < 0 else found


def gathered(offset: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which events the rows at `indices`, 0 or more, own, row after row, and the rows' new offsets."""
    count = np.diff(offset)[indices]
    new = np.concatenate([[0], np.cumsum(count)])
    return np.arange(new[-1]) + np.repeat(offset[indices] - new[:-1], count), new


def narrowed(unit: np.ndarray) -> np.ndarray:
    """Return channels as uint16 or else uint32 where all of them fit, and as they are where a check must see them."""
    low, high = (int(unit.min()), int(unit.max())) if len(unit) else (0, 0)
    for kind in (np.uint16, np.uint32):
        if low >= 0 and high <= np.iinfo(kind).max:
            return unit.astype(kind, copy=False)
    return unit


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
    """Raise an error that names `source` and the recordings at fault, if anything is wrong with them.

    Raises:
        TypeError: If an array holds other than numbers.
        ValueError: If the numbers are wrong.
    """
    arrays(recordings, source)
    require(len(recordings.label) > 0, f"{source}: there must be at least one recording; it holds none")
    _check_recordings(recordings, source)
    check_events(recordings, source)


def arrays(recordings: Recordings, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times, units and offsets as a compiled loop takes them, their sizes checked and the offsets safe.

    Args:
        recordings: Any recordings; of the times and units themselves nothing is checked but their types.
        source: Where they come from, for the message.

    Returns:
        Times float32 or float64 (event,), units uint16 or int64 (event,), offsets int64 (recording + 1,), contiguous.

    Raises:
        TypeError: If an array holds other than numbers.
        ValueError: If the arrays do not fit each other, or the offsets do not ascend from 0 to the last event.
    """
    time, unit, offset, label, speaker = (
        _numbers(source, name, getattr(recordings, name)) for name in ("time_ms", "unit", "offset", "label", "speaker")
    )
    integer(recordings.units, who=source, name="the number of units", at_least=1)
    if (
        len(speaker) != len(label)
        or len(unit) != len(time)
        or len(offset) != len(label) + 1
        or (offset[0], offset[-1]) != (0, len(time))
        or np.any(offset[1:] < offset[:-1])
    ):
        raise ValueError(
            f"{source}: the offsets must ascend from 0 to the number of events, one per recording and the "
            f"end, beside one label and one speaker per recording; got {len(offset)} offsets from "
            f"{offset[:1]} to {offset[-1:]}, {len(time)} times, {len(unit)} units, {len(label)} labels, "
            f"{len(speaker)} speakers"
        )
    if time.dtype not in (np.float32, np.float64):
        time = time.astype(np.float32 if time.dtype == np.float16 else np.float64)
    # a number above int64 becomes a negative one, which is out of range as well
    unit = unit if unit.dtype == np.uint16 else unit.astype(np.int64, copy=False)
    return np.ascontiguousarray(time), np.ascontiguousarray(unit), np.ascontiguousarray(offset, np.int64)


def _numbers(source: str, name: str, values: Any) -> np.ndarray:
    """Return the values as an array of one axis; only times may be fractions."""
    found = np.asarray(values)
    if found.dtype.kind not in ("fiu" if name == "time_ms" else "iu") and found.size:
        kind = "real" if name == "time_ms" else "whole"
        raise TypeError(f"{source}: {name} must hold {kind} numbers, not {shown(found)}")
    require(found.ndim == 1, f"{source}: {name} must have one axis; got shape {found.shape}")
    fits = name == "unit" or found.dtype != np.uint64 or found.max(initial=0) < 2**63
    require(fits, f"{source}: {name} must be below 2**63; one number is not")
    return found


def check_events(recordings: Recordings, source: str) -> None:
    """Raise a ValueError that names the recordings whose times or units are wrong, if there are any."""
    time, unit, offset = map(np.asarray, (recordings.time_ms, recordings.unit, recordings.offset))
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


def _check_recordings(recordings: Recordings, source: str) -> None:
    offset, label = np.asarray(recordings.offset), np.asarray(recordings.label)
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
