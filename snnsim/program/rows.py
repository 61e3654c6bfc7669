"""Rows of numbers: copied, fixed, and refused where something of them would be lost."""

from typing import Any

import numpy as np


def require(ok: bool, message: str) -> None:
    """Raise a ValueError with the message unless it is so."""
    if not ok:
        raise ValueError(message)


def frozen(values: Any, dtype: Any, who: str) -> np.ndarray:
    """Return a row of numbers as a copy that cannot be written."""
    given = np.asarray(values)
    limits = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else None
    kind = "numbers" if limits is None else f"whole numbers from {limits.min} to {limits.max}"
    require(given.ndim == 1 and given.dtype.kind in "biuf", f"{who} must be a row of {kind}, not {_what(given)}")
    held = limits is None or not given.size or (limits.min <= given.min().item() and given.max().item() <= limits.max)
    require(held and (limits is None or is_whole(given)), f"{who} must be a row of {kind}, not {_what(given)}")
    array = given.astype(dtype)
    array.flags.writeable = False
    return array


def is_whole(values: np.ndarray) -> bool:
    """Return whether all of them are whole numbers."""
    return values.dtype.kind in "biu" or bool((values == np.floor(values)).all())


def _what(values: np.ndarray) -> str:
    ends = f" from {values.min()} to {values.max()}" if values.size and values.dtype.kind in "biuf" else ""
    return f"{values.dtype}{ends} in the shape {values.shape}"
