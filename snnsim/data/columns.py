"""Labels, speakers and class names of an SHD-format file, from the forms in which others write them.

    labels    whole numbers (recording,) or (recording, 1), of any type; exactly one 1 in each row (recording, class);
              names that are among the class names
    speaker   whole numbers likewise, -1 (and 65535, where the type is uint16) unknown; names, numbered as they sort
    keys      names in UTF-8 or Latin-1, or numbers

Whatever has no one meaning, such as 0.7 or NaN, is an error that names the file and the data set.
"""

from pathlib import Path
from typing import Any

import numpy as np

from snnsim.validation import shown

MOST_UNITS = 2**26
"""A file may not claim more channels."""
MOST_UNNAMED = 2**20
"""Labels of a file without class names must be below."""
_UNKNOWN_SPEAKER = np.iinfo(np.uint16).max


def labels(values: Any, classes: tuple[str, ...] | None, path: Path) -> np.ndarray:
    """Return labels, int64 (recording,); without class names they are not looked up."""
    found, who = np.asarray(values), f"{path}: labels"
    if found.ndim == 2 and found.shape[1] > 1 and found.dtype.kind in "biuf":
        ones = found == 1
        if not (((found == 0) | ones).all() and (ones.sum(axis=1) == 1).all()):
            raise ValueError(
                f"{who} of shape {found.shape} must be one-hot, one 1 in each row and zeros; they are not; write one "
                "whole number per recording"
            )
        return ones.argmax(axis=1)
    found = _flat(found, who)
    if found.dtype.kind not in "OSU":
        return _whole(found, who)
    names = _names(found, who)
    if classes is None or len(set(classes)) < len(classes) or not set(names) <= set(classes):
        raise ValueError(
            f"{who} that are names must be in extra/keys, each once; got {shown(next(iter(names), ''))} "
            f"with {'no names' if classes is None else f'{len(classes)} names'} there; write indices into extra/keys"
        )
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[name] for name in names], np.int64)


def speakers(values: Any | None, recordings: int, path: Path) -> np.ndarray:
    """Return who speaks, int64 (recording,), -1 where that is unknown."""
    if values is None:
        return np.full(recordings, -1)
    found = _flat(np.asarray(values), f"{path}: extra/speaker")
    if found.dtype.kind in "OSU":
        return np.unique(_names(found, f"{path}: extra/speaker"), return_inverse=True)[1].astype(np.int64)
    number = _whole(found, f"{path}: extra/speaker")
    unknown = (number < 0) | ((number == _UNKNOWN_SPEAKER) & (found.dtype == np.uint16))
    return np.where(unknown, -1, number)


def class_names(values: Any | None, path: Path) -> tuple[str, ...] | None:
    """Return the names of the classes, None where the file has none."""
    if values is None:
        return None
    found = _flat(np.asarray(values), f"{path}: extra/keys")
    if found.dtype.kind in "biuf":
        return tuple(map(str, found.tolist()))
    return tuple(_names(found, f"{path}: extra/keys"))


def numbered(label: np.ndarray, path: Path) -> tuple[str, ...]:
    """Return names for classes that have none: their numbers."""
    most = int(label.max(initial=-1))
    if most >= MOST_UNNAMED:
        raise ValueError(
            f"{path}: labels without extra/keys must be below {MOST_UNNAMED:,} (columns.MOST_UNNAMED); one is {most}; "
            "correct the labels, or add the names of the classes"
        )
    return tuple(str(number) for number in range(most + 1))


def units(value: Any, path: Path) -> int:
    """Return how many channels a file says that it has."""
    found = np.asarray(value)
    if found.size != 1 or found.dtype.kind not in "iuf" or found.item() != found.item() // 1:
        what = found.item() if found.size == 1 else found
        what = what.decode(errors="replace") if isinstance(what, bytes) else what
        raise ValueError(
            f"{path}: the attribute units must be the number of channels, not {shown(what)}; set it to that number. "
            "Times must be seconds; where they are not, set the attribute time_unit to 'ms' or 'us', or divide them"
        )
    if not 1 <= found.item() <= MOST_UNITS:
        raise ValueError(
            f"{path}: the attribute units, the number of channels, must be from 1 to {MOST_UNITS:,} "
            f"(columns.MOST_UNITS), not {found.item()}; correct it"
        )
    return int(found.item())


def _flat(found: np.ndarray, who: str) -> np.ndarray:
    found = found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
    if found.ndim != 1:
        raise ValueError(f"{who} must have one entry per recording (per class in extra/keys); got shape {found.shape}")
    return found


def _whole(found: np.ndarray, who: str) -> np.ndarray:
    if found.dtype.kind not in "biuf":
        raise ValueError(f"{who} must be whole numbers or names, not {shown(found)}; write whole numbers")
    if found.dtype.kind == "f":
        wrong = ~((found >= -(2.0**63)) & (found < 2.0**63) & (found == np.floor(found)))
    else:
        wrong = found > np.iinfo(np.int64).max if found.dtype == np.uint64 else np.zeros(len(found), bool)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{who} must be whole numbers; entry {place} is {found[place]}; correct the file: nothing is rounded"
        )
    return found.astype(np.int64)


def _names(found: np.ndarray, who: str) -> list[str]:
    values = found.tolist()
    if not all(isinstance(value, str | bytes) for value in values):
        raise ValueError(f"{who} must be whole numbers or names, not {shown(found)}; write whole numbers")
    return [value if isinstance(value, str) else _decoded(value) for value in values]


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
