"""Spike recordings as flat arrays: the result of every data source, and the input of every reader.

Shapes   time_ms, unit (event,) · offset (recording + 1,) · label, speaker (recording,)
Units    time_ms in milliseconds from the start of the recording
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snnsim import ragged
from snnsim.data import targets
from snnsim.data.targets import Targets
from snnsim.validation import integer, require, shown


@dataclass(frozen=True)
class Recordings:
    """Labeled spike recordings laid end to end; recording n owns events offset[n]:offset[n + 1]."""

    time_ms: np.ndarray
    """Times from 0, ascending within a recording, float32, or float64 where float32 does not hold them."""
    unit: np.ndarray
    """Channel of each event, uint16, or uint32 above 65,536 channels."""
    offset: np.ndarray
    """Start of each recording, and the end of the last one, int64."""
    label: np.ndarray
    """Index into `classes`, int64; -1 for all recordings where there are no classes."""
    speaker: np.ndarray
    """Number of the speaker, int64; -1 where unknown."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of their labels; none where the targets are all there is to learn."""
    units: int = 700
    """Number of channels."""
    targets: Targets = field(default_factory=dict)
    """Targets besides the labels by name: classes of steps, numbers of recordings or steps."""

    def __len__(self) -> int:
        return len(self.label)

    def events(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the times in ms and the channels of the spikes of one recording.

        Args:
            index: Number of the recording, from 0; -1 is the last one.
        """
        who, count = "Recordings.events", len(self)
        index = integer(index, who=who, name="index", at_least=-count, at_most=count - 1) % count
        own = slice(self.offset[index], self.offset[index + 1])
        return self.time_ms[own], self.unit[own]

    def select(self, indices: np.ndarray) -> "Recordings":
        """Return selected recordings.

        Args:
            indices: Recordings (index,) in the wanted order, where -1 is the last one, or a mask (recording,).
        """
        indices = positions(indices, len(self), who="Recordings.select")
        event, offset = ragged.select_rows(np.asarray(self.offset).astype(np.int64, copy=False), indices)
        return replace(
            self,
            time_ms=self.time_ms[event],
            unit=self.unit[event],
            offset=offset,
            label=self.label[indices],
            speaker=self.speaker[indices],
            targets=targets.selected(self.targets, indices),
        )

    def without_empty(self) -> "Recordings":
        """Return the recordings that have at least one spike."""
        return self.select(np.flatnonzero(np.diff(self.offset)))


def positions(indices: Any, count: int, *, who: str) -> np.ndarray:
    """Return the positions that indices in the manner of NumPy select.

    Args:
        indices: Integers from -count to count - 1 (index,), counted from the end below 0, or a mask bool (count,).
        count: Number of positions.
        who: Name of the function that was called, for the message.

    Returns:
        int64 (index,), from 0 to count - 1.

    Raises:
        TypeError: If they are neither integers nor a mask.
        ValueError: If they have other than one axis, or one lies outside of the range.
    """
    index = np.asarray(indices)
    require(index.ndim == 1, f"{who}: the indices must have one axis; got shape {index.shape}; put them into a list")
    if index.dtype.kind == "b":
        require(len(index) == count, f"{who}: a mask must have one entry for each of {count}; got {len(index)}")
        return np.flatnonzero(index)
    if index.dtype.kind not in "iu" and index.size:
        raise TypeError(f"{who}: the indices must be integers or a mask, not {shown(index)}")
    low, high = (int(index.min()), int(index.max())) if index.size else (0, -1)
    require(
        -count <= low and high < count,
        f"{who}: the indices must lie in {-count}..{count - 1}; they go from {low} to {high}",
    )
    index = index.astype(np.int64)
    return np.where(index < 0, index + count, index) if low < 0 else index


def narrowed(unit: np.ndarray) -> np.ndarray:
    """Return channels as uint16 or uint32 where all of them fit, and unchanged otherwise, for a later check.

    Args:
        unit: Channel of each spike, integers (event,).
    """
    low, high = (int(unit.min()), int(unit.max())) if len(unit) else (0, 0)
    for kind in (np.uint16, np.uint32):
        if low >= 0 and high <= np.iinfo(kind).max:
            return unit.astype(kind, copy=False)
    return unit


def concatenate(parts: Sequence[Recordings]) -> Recordings:
    """Return the recordings of several parts, one part after the other.

    Args:
        parts: One part or more, of the same classes and number of channels.

    Raises:
        ValueError: If the parts have other classes or numbers of units.
    """
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
        offset=ragged.indptr(count),
        label=np.concatenate([part.label for part in parts]),
        speaker=np.concatenate([part.speaker for part in parts]),
        targets=targets.joined([part.targets for part in parts], "concatenate"),
    )


def validate(recordings: Recordings, source: str) -> None:
    """Check recordings; the message names the source and the first wrong recording.

    Args:
        recordings: Any recordings.
        source: Name of the file or function, for the message.

    Raises:
        TypeError: If an array has other elements than numbers.
        ValueError: If the numbers are wrong.
    """
    arrays(recordings, source)
    require(len(recordings.label) > 0, f"{source}: there must be at least one recording; it holds none")
    _check_recordings(recordings, source)
    for name, target in recordings.targets.items():
        target.check(f"{source}: target {name!r}", len(recordings))
    check_events(recordings, source)


def no_classes(label: np.ndarray, classes: tuple[str, ...], targets: Targets) -> bool:
    """Return whether recordings have targets instead of classes: no class, and every label is -1.

    Args:
        label: Label of each recording (recording,).
        classes: Names of the classes.
        targets: Targets by name.
    """
    return not classes and bool(targets) and bool((np.asarray(label) == -1).all())


def arrays(recordings: Recordings, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times, units and offsets for compiled loops, with checked sizes and offsets.

    Args:
        recordings: Any recordings; only the types of times and units are checked, not their values.
        source: Name of the file or function, for the message.

    Returns:
        Times float32 or float64 (event,), units uint16 or int64 (event,), offsets int64 (recording + 1,), contiguous.

    Raises:
        TypeError: If an array has other elements than numbers.
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
    """Return the values as an array of one axis; only times may be fractions.

    Raises:
        TypeError: If the values are no numbers, or fractions.
    """
    array = np.asarray(values)
    if array.dtype.kind not in ("fiu" if name == "time_ms" else "iu") and array.size:
        kind = "real numbers" if name == "time_ms" else "integers"
        raise TypeError(f"{source}: {name} must hold {kind}, not {shown(array)}")
    require(array.ndim == 1, f"{source}: {name} must have one axis; got shape {array.shape}")
    fits = name == "unit" or array.dtype != np.uint64 or array.max(initial=0) < 2**63
    require(fits, f"{source}: {name} must be below 2**63; one number is not")
    return array


def check_events(recordings: Recordings, source: str) -> None:
    """Check all times and units; the message names the first wrong recording.

    Args:
        recordings: Recordings with valid offsets.
        source: Name of the file or function, for the message.

    Raises:
        ValueError: If a time or unit is wrong.
    """
    time, unit, offset = map(np.asarray, (recordings.time_ms, recordings.unit, recordings.offset))
    backwards = ragged.descends(time, offset)
    advice = "encode them again, or repair the file"
    for bad, rule, fault in (
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
            wrong = np.unique(np.searchsorted(offset, np.flatnonzero(bad), side="right") - 1)
            raise ValueError(f"{source}: {rule}; {_named(wrong)} holds {fault}; {advice}")


def _check_recordings(recordings: Recordings, source: str) -> None:
    offset, label = np.asarray(recordings.offset), np.asarray(recordings.label)
    wrong = np.flatnonzero((label < 0) | (label >= len(recordings.classes)))
    if len(wrong) and not no_classes(label, recordings.classes, recordings.targets):
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
    """Return the number of the first of these recordings, and how many more there are, for a message."""
    more = f" (and {len(recordings) - 1} more)" if len(recordings) > 1 else ""
    return f"recording {recordings[0]}{more}"
