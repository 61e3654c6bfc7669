"""Labels, speakers and class names of an SHD-format file, in the forms of several writers.

    labels    integers (recording,) or (recording, 1), of any type; exactly one 1 in each row (recording, class);
              names that are among the class names
    speaker   integers likewise, -1 (and 65535, where the type is uint16) unknown; names, numbered in sorted order
    keys      names in UTF-8 or Latin-1, or numbers
    targets   integers (row,), or floats (row, target)

A value without one clear meaning, such as 0.7 or NaN, is an error that names the file and the data set.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.data.targets import Target
from snnsim.validation import require, shown

MOST_UNITS = 2**26
"""Largest number of channels of a file."""
MOST_UNNAMED = 2**20
"""Upper bound of the labels of a file without class names."""
_UNKNOWN_SPEAKER = np.iinfo(np.uint16).max


def labels(values: Any, classes: tuple[str, ...] | None, path: Path) -> np.ndarray:
    """Return labels, int64 (recording,).

    Args:
        values: The data set `labels`.
        classes: Names of the classes; None if the file has none.
        path: The file, for messages.

    Raises:
        ValueError: If the labels have no clear meaning.
    """
    column, who = np.asarray(values), f"{path}: labels"
    if column.ndim == 2 and column.shape[1] > 1 and column.dtype.kind in "biuf":
        ones = column == 1
        if not (((column == 0) | ones).all() and (ones.sum(axis=1) == 1).all()):
            raise ValueError(
                f"{who} of shape {column.shape} must be one-hot, one 1 in each row and zeros; they are not; write one "
                "integer per recording"
            )
        one_hot: np.ndarray = ones.argmax(axis=1)
        return one_hot
    column = _flat(column, who)
    if column.dtype.kind not in "OSU":
        return _integers(column, who)
    names = _names(column, who)
    if classes is None or len(set(classes)) < len(classes) or not set(names) <= set(classes):
        raise ValueError(
            f"{who} that are names must be in extra/keys, each once; got {shown(next(iter(names), ''))} "
            f"with {'no names' if classes is None else f'{len(classes)} names'} there; write indices into extra/keys"
        )
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[name] for name in names], np.int64)


def speakers(values: Any | None, recordings: int, path: Path) -> np.ndarray:
    """Return the number of the speaker of each recording, int64 (recording,), -1 where it is unknown.

    Args:
        values: Content of extra/speaker, integers or texts (recording,) or (recording, 1); None where the file has
            none.
        recordings: Number of recordings, for a file without speakers.
        path: Path of the file, for messages.
    """
    if values is None:
        return np.full(recordings, -1)
    column = _flat(np.asarray(values), f"{path}: extra/speaker")
    if column.dtype.kind in "OSU":
        return np.unique(_names(column, f"{path}: extra/speaker"), return_inverse=True)[1].astype(np.int64)
    number = _integers(column, f"{path}: extra/speaker")
    unknown = (number < 0) | ((number == _UNKNOWN_SPEAKER) & (column.dtype.newbyteorder("=") == np.uint16))
    return np.where(unknown, -1, number)


def class_names(values: Any | None, path: Path) -> tuple[str, ...] | None:
    """Return the names of the classes, None where the file has none.

    Args:
        values: Content of extra/keys, texts, bytes or numbers (class,); None where the file has none.
        path: Path of the file, for messages.
    """
    if values is None:
        return None
    column = _flat(np.asarray(values), f"{path}: extra/keys")
    if column.dtype.kind in "biuf":
        return tuple(map(str, column.tolist()))
    return tuple(_names(column, f"{path}: extra/keys"))


def numbered(label: np.ndarray, path: Path) -> tuple[str, ...]:
    """Return the numbers from 0 to the largest label as names of the classes.

    Args:
        label: Labels of the recordings, int64 (recording,).
        path: Path of the file, for messages.

    Raises:
        ValueError: If a label is too large.
    """
    highest = int(label.max(initial=-1))
    if highest >= MOST_UNNAMED:
        raise ValueError(
            f"{path}: labels without extra/keys must be below {MOST_UNNAMED:,} (columns.MOST_UNNAMED); one is "
            f"{highest}; correct the labels, or add the names of the classes"
        )
    return tuple(str(number) for number in range(highest + 1))


def units(value: Any, path: Path) -> int:
    """Return the number of channels in the attribute `units` of a file.

    Args:
        value: Content of the attribute, one number; an integer as a float counts.
        path: Path of the file, for messages.

    Raises:
        ValueError: If the attribute is no number of channels.
    """
    attribute = np.asarray(value)
    if attribute.size != 1 or attribute.dtype.kind not in "iuf" or attribute.item() != attribute.item() // 1:
        content = attribute.item() if attribute.size == 1 else attribute
        content = content.decode(errors="replace") if isinstance(content, bytes) else content
        raise ValueError(
            f"{path}: the attribute units must be the number of channels, not {shown(content)}; set it to that number. "
            "Times must be seconds; where they are not, set the attribute time_unit to 'ms' or 'us', or divide them"
        )
    if not 1 <= attribute.item() <= MOST_UNITS:
        raise ValueError(
            f"{path}: the attribute units, the number of channels, must be from 1 to {MOST_UNITS:,} "
            f"(columns.MOST_UNITS), not {attribute.item()}; correct it"
        )
    return int(attribute.item())


def target(parts: Mapping[str, Any], name: str, path: Path) -> Target:
    """Return a target of a file, whose sizes a later check compares.

    Args:
        parts: The arrays values and names, and of steps offset and step_ms.
        name: Name of the target.
        path: The file, for messages.

    Raises:
        ValueError: If an array has another type or shape.
    """
    who = f"{path}: targets/{name}"
    values, offset, step_ms = np.asarray(parts["values"]), parts.get("offset"), np.asarray(parts.get("step_ms", 0.0))
    require(
        (values.dtype.kind in "iu" and values.ndim == 1) or (values.dtype.kind == "f" and values.ndim == 2),
        f"{who}/values must be integers (row,) or floats (row, target), not {shown(values)}",
    )
    numbers = step_ms.size == 1 and step_ms.dtype.kind in "iuf" and (offset is None) == (float(step_ms.flat[0]) == 0)
    require(numbers, f"{who} must have both offset and step_ms, or neither")
    names = tuple(_names(_flat(np.asarray(parts["names"]), f"{who}/names"), f"{who}/names"))
    rows = None if offset is None else _integers(_flat(np.asarray(offset), f"{who}/offset"), f"{who}/offset")
    values = values.astype(np.float32) if values.dtype.kind == "f" else _integers(values, f"{who}/values")
    return Target(values, rows, float(step_ms.flat[0]), names)


def _flat(column: np.ndarray, who: str) -> np.ndarray:
    column = column[:, 0] if column.ndim == 2 and column.shape[1] == 1 else column
    if column.ndim != 1:
        raise ValueError(f"{who} must have one entry per recording (per class in extra/keys); got shape {column.shape}")
    return column


def _integers(column: np.ndarray, who: str) -> np.ndarray:
    if column.dtype.kind not in "biuf":
        raise ValueError(f"{who} must be integers or names, not {shown(column)}; write integers")
    if column.dtype.kind == "f":
        wrong = ~((column >= -(2.0**63)) & (column < 2.0**63) & (column == np.floor(column)))
    else:
        wrong = column > np.iinfo(np.int64).max if column.dtype == np.uint64 else np.zeros(len(column), bool)
    if wrong.any():
        entry = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{who} must be integers; entry {entry} is {column[entry]}; correct the file: nothing is rounded"
        )
    return column.astype(np.int64)


def _names(column: np.ndarray, who: str) -> list[str]:
    values = column.tolist()
    if not all(isinstance(value, str | bytes) for value in values):
        raise ValueError(f"{who} must be integers or names, not {shown(column)}; write integers")
    return [value if isinstance(value, str) else _decoded(value) for value in values]


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
