"""Checks of arrays and of indices into them."""

import math
from typing import Any

import numpy as np

from snnsim.validation.display import shown
from snnsim.validation.scalars import integer


def numbers(value: Any, *, who: str, name: str, axes: int | None = None, missing: bool = False) -> np.ndarray:
    """Return finite numbers as a C-contiguous float64 array.

    Args:
        value: An array, or an object that NumPy converts to one; bools become 0 and 1.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        axes: Number of axes that the array must have; None allows any.
        missing: Whether NaN is allowed, for missing values.

    Returns:
        float64, of the shape of the value.

    Raises:
        TypeError: If the values are no real numbers.
        ValueError: If the array has another number of axes, or NaN or infinity is among its values.
    """
    array = _array(value, "biuf", who=who, name=name, noun="numbers", axes=axes).astype(np.float64, order="C")
    if not (np.isfinite(array) | (missing & np.isnan(array))).all():
        raise ValueError(f"{who}: {name} must be finite, but NaN or infinity is among them")
    return array


def integers(value: Any, *, who: str, name: str, axes: int = 1) -> np.ndarray:
    """Return integers as a C-contiguous int64 array; fractions are refused.

    Args:
        value: An array, or an object that NumPy converts to one.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        axes: Number of axes that the array must have.

    Returns:
        int64, of the shape of the value.

    Raises:
        TypeError: If the values are no integers.
        ValueError: If the array has another number of axes, or a value does not fit into int64.
    """
    array = _array(value, "biuf", who=who, name=name, noun="integers", axes=axes)
    # NumPy converts an empty list to float64
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{who}: {name} must be an array of integers, not {shown(array)}")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{who}: {name} must be below 2**63, not up to {array.max()}")
    return array.astype(np.int64, order="C")


def row(values: Any, dtype: Any, who: str) -> np.ndarray:
    """Return a row of numbers as a contiguous array of a type; a conversion that would change a number is refused.

    Args:
        values: Numbers (number,) of any type. For an integer type, every number is whole and in the range of the type.
        dtype: NumPy type of the result, of integers or floats.
        who: Name of the function or class and of the argument, for the message, such as "Events: step".

    Returns:
        (number,), of the type.

    Raises:
        ValueError: If the values are no such row.
    """
    array = _converted(values)
    limits = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else None
    kind = "numbers" if limits is None else f"whole numbers from {limits.min} to {limits.max}"
    if array is None or array.ndim != 1 or array.dtype.kind not in "biuf":
        raise ValueError(f"{who} must be a row of {kind}, not {shown(values) if array is None else _described(array)}")
    if limits is not None and array.size and not np.can_cast(array.dtype, dtype):
        ends = array.min(), array.max()
        # as ints, since the largest of int64 is rounded up in floats
        held = all(math.isfinite(end) and limits.min <= int(end) <= limits.max for end in ends)
        if not (held and is_whole(array)):
            raise ValueError(f"{who} must be a row of {kind}, not {_described(array)}")
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, dtype)
    if limits is None and np.isinf(result).sum() > np.isinf(array).sum():
        raise ValueError(f"{who} must be within the range of {np.dtype(dtype)}, not {_described(array)}")
    return result


def is_whole(values: np.ndarray) -> bool:
    """Return whether all values of an array are whole numbers.

    Args:
        values: Array of any shape and type; infinite numbers count as whole, NaN, complex numbers and texts do not.
    """
    return values.dtype.kind in "biu" or (values.dtype.kind == "f" and bool((values == np.floor(values)).all()))


def index(value: Any, size: int, *, who: str, name: str) -> int:
    """Return an index from 0; as in NumPy, -1 is the last entry.

    Args:
        value: Integer from -size to size - 1.
        size: Number of entries.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Raises:
        TypeError: If the value is no integer.
        ValueError: If no entry has this index.
    """
    number = integer(value, who=who, name=name)
    if not -size <= number < size:
        bounds = f"from {-size} to {size - 1}" if size else "the index of an entry, but there are no entries"
        raise ValueError(f"{who}: {name} must be {bounds}, not {number}")
    return number % size


def indices(values: Any, size: int, *, who: str, name: str) -> np.ndarray:
    """Return indices from 0; as in NumPy, -1 is the last entry, and a row of bools is a mask.

    Args:
        values: Integers (chosen,) from -size to size - 1, or a mask of bools (size,).
        size: Number of entries.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Returns:
        int64 (chosen,), from 0 to size - 1.

    Raises:
        ValueError: If the values are no such row.
    """
    array = _converted(values)
    if array is not None and array.dtype == bool:
        if array.shape != (size,):
            raise ValueError(f"{who}: {name} must be integers, or {size} bools, not {_described(array)}")
        return np.flatnonzero(array)
    chosen = row(values, np.int64, f"{who}: {name}")
    if chosen.size and not (-size <= chosen.min() and chosen.max() < size):
        raise ValueError(f"{who}: {name} must be from 0 to {size - 1}, or from -{size} to -1, not {_described(chosen)}")
    return np.where(chosen < 0, chosen + size, chosen)


def _converted(values: Any) -> np.ndarray | None:
    """Return values as an array; None for those that NumPy does not convert."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError):
        return None


def _described(values: np.ndarray) -> str:
    ends = f" from {values.min()} to {values.max()}" if values.size and values.dtype.kind in "biuf" else ""
    return f"{values.dtype}{ends} in the shape {values.shape}"


def _array(value: Any, kinds: str, *, who: str, name: str, noun: str, axes: int | None) -> np.ndarray:
    array = _converted(value)
    if array is None or array.dtype.kind not in kinds:
        raise TypeError(f"{who}: {name} must be an array of {noun}, not {shown(value if array is None else array)}")
    if axes is not None and array.ndim != axes:
        raise ValueError(f"{who}: {name} must be an array of {axes} axes, not of shape {array.shape}")
    return array
