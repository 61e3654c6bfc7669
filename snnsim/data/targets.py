"""Targets of recordings besides one class each: classes of steps, numbers of recordings, numbers of steps.

    classes    integers from 0; -1 where a recording or a step has no label
    numbers    floats (..., target); NaN where there is no target

A target has one value for each recording, or one for each step of `step_ms`. Steps laid end to end are ragged rows, so
a recording may have labels for a part of its time, and none at its end.

    on a grid    step k of dt has the value at its middle, step floor((k + 1/2) dt / step_ms) of the target
    moved        a time t of the recording is at f t + s after augmentations; values move with the events

Shapes   values (row,) of classes · (row, target) of numbers; row is a recording or a step · offset (recording + 1,)
Units    step_ms, dt, s in ms
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from snnsim import ragged
from snnsim.data.time_units import steps_before
from snnsim.validation import integer, real, require, shown

NO_CLASS = -1
"""The class of a recording or step without a label."""
_NEARLY_WHOLE = 1e-9
"""Quotients of times this near below an integer are that integer."""


@dataclass(frozen=True, eq=False)
class Target:
    """One value for each recording, or for each step of a recording; `Target.of` builds one."""

    values: np.ndarray
    """int64 (row,), or float32 (row, target)."""
    offset: np.ndarray | None = None
    """Start of the steps of each recording, and the end of the last one, int64; None for one value per recording."""
    step_ms: float = 0.0
    """Length of the steps; 0 for one value per recording."""
    names: tuple[str, ...] = ()
    """Names of the classes, or of the numbers."""

    @classmethod
    def of(cls, values: Any, names: Sequence[str] = (), *, step_ms: float | None = None) -> Self:
        """Return a checked target.

        Args:
            values: One value per recording: integers (recording,), or floats (recording,) or (recording, target). With
                `step_ms`, values of steps: an array (recording, step) or (recording, step, target), or a list with an
                array (step,) or (step, target) for each recording. -1 and NaN stand for no label.
            names: Names of the classes or numbers; numbers from 0 by default.
            step_ms: Length of a step; None for one value per recording.

        Raises:
            TypeError: If the values are no integers or floats.
            ValueError: If the shapes differ, a class is out of range, or a number is infinite.
        """
        if step_ms is None:
            joined, offset, length = _array(values), None, 0.0
        else:
            length = real(step_ms, who="Target", name="step_ms", above=0)
            rows = _steps(values)
            offset = ragged.indptr([len(row) for row in rows])
            joined = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        if not names:
            count = int(joined.max(initial=-1)) + 1 if joined.dtype.kind == "i" else joined.shape[1]
            names = tuple(map(str, range(count)))
        target = cls(joined, offset, length, tuple(map(str, names)))
        target.check("Target", len(joined) if offset is None else len(offset) - 1)
        return target

    def __len__(self) -> int:
        return len(self.values) if self.offset is None else len(self.offset) - 1

    @property
    def per_step(self) -> bool:
        """Whether there is one value for each step."""
        return self.offset is not None

    @property
    def of_classes(self) -> bool:
        """Whether the values are classes, not numbers."""
        return bool(np.issubdtype(self.values.dtype, np.integer))

    def check(self, who: str, recordings: int) -> None:
        """Check the arrays.

        Args:
            who: Name of the file or function and of the target, for messages.
            recordings: Number of recordings.

        Raises:
            TypeError: If an array has a wrong type.
            ValueError: If the sizes do not fit, a class is out of range, or a number is infinite.
        """
        values, offset = self.values, self.offset
        fits = isinstance(values, np.ndarray) and (values.dtype.kind, values.ndim) in (("i", 1), ("f", 2))
        if not fits:
            raise TypeError(f"{who}: values must be integers (row,) or floats (row, target), not {shown(values)}")
        require(len(self) == recordings, f"{who}: there must be {recordings} recordings, one for each label")
        if offset is not None:
            ascends = len(offset) > 0 and offset[0] == 0 and offset[-1] == len(values) and (np.diff(offset) >= 0).all()
            require(bool(ascends), f"{who}: the offsets must ascend from 0 to the {len(values)} steps")
            real(self.step_ms, who=who, name="step_ms", above=0)
        if self.of_classes:
            low, high = int(values.min(initial=0)), int(values.max(initial=-1))
            require(
                low >= NO_CLASS and high < len(self.names),
                f"{who}: classes must lie in 0..{len(self.names) - 1}, or be -1 for none; they go from {low} to {high}",
            )
            return
        require(not np.isinf(values).any(), f"{who}: numbers must be finite, or NaN for none; some are infinite")
        require(
            values.shape[1] == len(self.names) > 0,
            f"{who}: there must be a name for each of the {values.shape[1]} numbers, not {len(self.names)}",
        )

    def select(self, indices: np.ndarray) -> "Target":
        """Return the values of selected recordings.

        Args:
            indices: Recordings (index,), from 0.
        """
        if self.offset is None:
            return replace(self, values=self.values[indices])
        row, offset = ragged.select_rows(self.offset, indices)
        return replace(self, values=self.values[row], offset=offset)

    def rows(self, index: int) -> np.ndarray:
        """Return the values of all steps of a recording (step,) or (step, target), or its value (1,) or (1, target).

        Args:
            index: Number of the recording, from 0.
        """
        index = integer(index, who="Target.rows", name="index", at_least=0, at_most=len(self) - 1)
        if self.offset is None:
            return self.values[index : index + 1]
        return self.values[self.offset[index] : self.offset[index + 1]]


@dataclass(frozen=True)
class Moves:
    """Times of recordings after augmentations: t becomes `factor` t + `shift_ms`."""

    factor: np.ndarray
    """float64 (batch,)."""
    shift_ms: np.ndarray
    """float64 (batch,)."""

    @classmethod
    def none(cls, recordings: int) -> Self:
        """Return the times as they are.

        Args:
            recordings: Number of recordings.
        """
        return cls(np.ones(recordings), np.zeros(recordings))


@dataclass(frozen=True)
class TargetGrid:
    """Steps of frames that targets are brought to."""

    time_step_ms: float
    max_time_ms: float | None = None
    """Steps that begin at or after this time are left out; None keeps all."""
    moves: Moves | None = field(default=None, kw_only=True)

    def lengths(self, target: Target, indices: np.ndarray) -> np.ndarray:
        """Return the steps of the grid up to the last label of each recording, int64 (batch,); 0 without steps.

        Args:
            target: The target.
            indices: Recordings (batch,).
        """
        if target.offset is None:
            return np.zeros(len(indices), np.int64)
        return self.steps_until(np.diff(target.offset)[indices] * target.step_ms)

    def steps_until(self, end_ms: np.ndarray) -> np.ndarray:
        """Return the steps of the grid up to the end of each recording, int64 (batch,).

        Args:
            end_ms: Ends before augmentations (batch,).
        """
        moves = self.moves or Moves.none(len(end_ms))
        end = end_ms * moves.factor + moves.shift_ms
        steps = np.ceil(end / self.time_step_ms - 0.5 - _NEARLY_WHOLE)
        if self.max_time_ms is not None:
            steps = np.minimum(steps, steps_before(self.max_time_ms, self.time_step_ms))
        result: np.ndarray = np.maximum(steps, 0).astype(np.int64)
        return result

    def values(self, target: Target, indices: np.ndarray, lengths: np.ndarray, steps: int) -> np.ndarray:
        """Return the values of recordings, and no label at and after their ends.

        Args:
            target: The target.
            indices: Recordings (batch,).
            lengths: Steps of each recording (batch,).
            steps: Steps of the longest one.

        Returns:
            Classes int64 (batch,) or (time, batch), or numbers float32 (batch, target) or (time, batch, target).
        """
        if target.offset is None:
            own: np.ndarray = target.values[indices]
            return own
        none: Any = NO_CLASS if target.of_classes else np.nan
        result: np.ndarray = np.full((steps, len(indices), *target.values.shape[1:]), none, target.values.dtype)
        moves = self.moves or Moves.none(len(indices))
        begin, count = target.offset[:-1][indices], np.diff(target.offset)[indices]
        middle = (np.arange(steps)[:, None] + 0.5) * self.time_step_ms
        source = np.floor((middle - moves.shift_ms) / moves.factor / target.step_ms + _NEARLY_WHOLE).astype(np.int64)
        inside = (source >= 0) & (source < count) & (np.arange(steps)[:, None] < lengths)
        result[inside] = target.values[(begin + source)[inside]]
        return result


Targets = Mapping[str, Target]
"""Targets by name."""
NO_TARGETS: Targets = MappingProxyType({})


def selected(targets: Targets, indices: np.ndarray) -> dict[str, Target]:
    """Return the targets of selected recordings.

    Args:
        targets: Targets by name.
        indices: Recordings (index,), from 0.
    """
    return {name: target.select(indices) for name, target in targets.items()}


def joined(parts: Sequence[Targets], who: str) -> dict[str, Target]:
    """Return the targets of all recordings, one part after the other.

    Args:
        parts: Targets by name of each part.
        who: Name of the function that was called, for messages.

    Raises:
        ValueError: If the parts have other targets, or a target has other names, steps or types.
    """
    require(len({frozenset(part) for part in parts}) <= 1, f"{who}: the parts must have the same targets")
    result = {}
    for name, first in parts[0].items():
        column = [part[name] for part in parts]
        kinds = {(each.names, each.step_ms, each.of_classes, each.per_step) for each in column}
        require(len(kinds) == 1, f"{who}: the target {name!r} must have the same names, type and steps in all parts")
        values = np.concatenate([each.values for each in column])
        counts = [np.diff(each.offset) for each in column if each.offset is not None]
        result[name] = replace(first, values=values, offset=ragged.indptr(np.concatenate(counts)) if counts else None)
    return result


def _array(values: Any) -> np.ndarray:
    """Return classes as int64 (row,), or numbers as float32 (row, target).

    Raises:
        TypeError: If the values are neither.
    """
    array = np.asarray(values)
    if array.dtype.kind in "iub" and array.ndim == 1:
        return array.astype(np.int64)
    if array.dtype.kind == "f" and array.ndim in (1, 2):
        return np.ascontiguousarray(array.reshape(len(array), -1) if len(array) else array.reshape(0, 1), np.float32)
    if array.size == 0 and array.ndim == 1:
        return np.zeros(0, np.int64)
    raise TypeError(
        "Target: values must be integers for classes, or floats for numbers, one row per recording or step, not "
        f"{shown(array)}"
    )


def _steps(values: Any) -> list[np.ndarray]:
    """Return the steps of every recording up to its last label.

    Raises:
        ValueError: If recordings have classes and numbers, or other counts of numbers.
    """
    rows = [_array(row) for row in values]
    filled = [row for row in rows if len(row)]
    require(
        len({(row.dtype.kind, row.shape[1:]) for row in filled}) <= 1,
        "Target: the steps of all recordings must be of one type, with as many numbers each",
    )
    # an empty list has no type of its own
    rows = [row if len(row) else filled[0][:0] for row in rows] if filled else rows
    return [row[: _last(row)] for row in rows]


def _last(row: np.ndarray) -> int:
    """Return the number of steps up to the last one with a label."""
    labeled = row >= 0 if row.dtype.kind == "i" else ~np.isnan(row).all(1)
    return int(np.flatnonzero(labeled)[-1]) + 1 if labeled.any() else 0
