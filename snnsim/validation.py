"""Checks of what a caller gives: one clear error each, which says who, what must hold, and what came.

A compiled kernel trusts its arguments; the Python function in front of it checks them with these functions.
"""

import math
import operator
from collections.abc import Iterable, Sequence, Sized
from types import NoneType
from typing import Any

import numpy as np


def require(ok: bool, message: str) -> None:
    """Raise a ValueError with the message unless `ok`."""
    if not ok:
        raise ValueError(message)


def integer(value: Any, *, who: str, name: str, at_least: int | None = None, at_most: int | None = None) -> int:
    """Return `value` as an int; a bool, a fraction, a text, or a number outside of the range is refused.

    Args:
        value: Any integer of Python or NumPy, or a tensor or array that holds one.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        at_least: The smallest number allowed.
        at_most: The largest number allowed.

    Raises:
        TypeError: If it is no integer.
        ValueError: If it is outside of the range.
    """
    must = f"an integer{_range(at_least, at_most)}"
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{who}: {name} must be {must}, not {shown(value)}")
    if (at_least is not None and number < at_least) or (at_most is not None and number > at_most):
        raise ValueError(f"{who}: {name} must be {must}, not {shown(number)}")
    return number


def real(
    value: Any,
    *,
    who: str,
    name: str,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
) -> float:
    """Return `value` as a finite float; NaN, infinity, a bool, a text, or a number out of the range is refused.

    Args:
        value: Any real number of Python or NumPy, or a tensor or array that holds one.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        at_least: The smallest number allowed.
        above: A number that it must exceed.
        at_most: The largest number allowed.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it is not finite, or outside of the range.
    """
    must = "a finite number"
    must += "" if at_least is None else f" of at least {at_least}"
    must += "" if above is None else f" above {above}"
    found = _number(value, who=who, name=name, must=must)
    low = (at_least is not None and found < at_least) or (above is not None and found <= above)
    if at_most is not None and at_most < found < math.inf:
        raise ValueError(f"{who}: {name} must be at most {at_most:g}, not {found}")
    if not math.isfinite(found) or low:
        raise ValueError(f"{who}: {name} must be {must}, not {found}")
    return found


def positive(value: Any, *, who: str, name: str) -> float:
    """Return `value` as a finite float above 0; arguments and errors are those of `real`."""
    found = _number(value, who=who, name=name, must="a positive number")
    if not 0 < found < math.inf:
        raise ValueError(f"{who}: {name} must be positive{' and finite' if found == math.inf else ''}, not {found}")
    return found


def number(value: Any, *, who: str, name: str) -> float:
    """Return `value` as a float that may be NaN or infinite; arguments and TypeError are those of `real`."""
    return _number(value, who=who, name=name, must="a number")


def truth(value: Any, *, who: str, name: str) -> bool:
    """Return `value` if it is True or False.

    Raises:
        TypeError: If it is anything else.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{who}: {name} must be True or False, not {shown(value)}")
    return bool(value)


def numbers(value: Any, *, who: str, name: str, axes: int | None = None, missing: bool = False) -> np.ndarray:
    """Return finite numbers as a float64 array whose rows lie one after the other.

    Args:
        value: An array, or anything that NumPy makes one of; bools are 0 and 1.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        axes: How many axes they must have.
        missing: Whether NaN may stand for nothing.

    Raises:
        TypeError: If they are no real numbers.
        ValueError: If they have other axes, or NaN or infinity is among them.
    """
    found = _array(value, "biuf", who=who, name=name, what="numbers", axes=axes).astype(np.float64, order="C")
    if not (np.isfinite(found) | (missing & np.isnan(found))).all():
        raise ValueError(f"{who}: {name} must be finite, but NaN or infinity is among them")
    return found


def integers(value: Any, *, who: str, name: str, axes: int = 1) -> np.ndarray:
    """Return integers as an int64 array whose rows lie one after the other; fractions are refused.

    Args:
        value: An array, or anything that NumPy makes one of.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        axes: How many axes they must have.

    Raises:
        TypeError: If they are no integers.
        ValueError: If they have other axes, or do not fit into int64.
    """
    # nothing has no type: NumPy makes float64 of an empty list
    empty = isinstance(value, Sized) and len(value) == 0
    kinds = "biuf" if empty else "iu"
    found = _array(value, kinds, who=who, name=name, what="integers", axes=axes)
    if found.dtype == np.uint64 and found.size and found.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{who}: {name} must be below 2**63, not up to {found.max()}")
    return found.astype(np.int64, order="C")


def one_of(value: Any, known: Sequence[str], *, who: str, name: str) -> str:
    """Return `value` if it is one of the known names.

    Raises:
        ValueError: If it is not; the message lists the known names.
    """
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{who}: {name} must be one of {', '.join(known)}, not {shown(value)}")
    return value


def known(value: Any, names: Iterable[str], what: str) -> None:
    """Raise a ValueError unless the value is one of the known names.

    Args:
        value: What was given, of any type.
        names: The known names.
        what: What is named, for the message, such as "export: target".
    """
    names = tuple(names)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{what} {shown(value)} is unknown; the known ones are {', '.join(names)}")


def instance(value: Any, kind: type, *, who: str, name: str) -> None:
    """Raise a TypeError unless the value is of a type."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        raise TypeError(f"{who}: {name} must be {article} {kind.__name__}, not {shown(value)}")


def row(values: Any, dtype: Any, who: str) -> np.ndarray:
    """Return a row of numbers as a contiguous array of a type, refused where something of them would be lost.

    Args:
        values: Numbers (number,) of any type; for integers, all whole and within what the type holds.
        dtype: The type to return: of NumPy, integers or floats.
        who: What is checked, for the message, such as "Events: step".

    Raises:
        ValueError: If it is no row of such numbers.
    """
    try:
        given = np.asarray(values)
    except (ValueError, TypeError, RuntimeError):
        given = None
    limits = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else None
    kind = "numbers" if limits is None else f"whole numbers from {limits.min} to {limits.max}"
    if given is None or given.ndim != 1 or given.dtype.kind not in "biuf":
        raise ValueError(f"{who} must be a row of {kind}, not {shown(values) if given is None else _what(given)}")
    if limits is not None and given.size and not np.can_cast(given.dtype, dtype):
        ends = given.min(), given.max()
        # as ints, since the largest of int64 is rounded up in floats
        held = all(math.isfinite(end) and limits.min <= int(end) <= limits.max for end in ends)
        if not (held and is_whole(given)):
            raise ValueError(f"{who} must be a row of {kind}, not {_what(given)}")
    return np.ascontiguousarray(given, dtype)


def is_whole(values: np.ndarray) -> bool:
    """Return whether all of them are whole numbers."""
    return values.dtype.kind in "biu" or (values.dtype.kind == "f" and bool((values == np.floor(values)).all()))


def index(value: Any, size: int, *, who: str, name: str) -> int:
    """Return the place of one of `size` things; as in NumPy, -1 is the last.

    Raises:
        TypeError: If it is no integer.
        ValueError: If there is no such place.
    """
    number = integer(value, who=who, name=name)
    if not -size <= number < size:
        there = f"from {-size} to {size - 1}" if size else "of something, and there is nothing"
        raise ValueError(f"{who}: {name} must be {there}, not {number}")
    return number % size


def indices(values: Any, size: int, *, who: str, name: str) -> np.ndarray:
    """Return the places of some of `size` things; as in NumPy, -1 is the last, and a row of bools chooses.

    Args:
        values: Integers (chosen,) from -size to size - 1, or bools (size,).
        size: How many there are.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Returns:
        int64 (chosen,), from 0 to size - 1.

    Raises:
        ValueError: If it is no such row.
    """
    given = np.asarray(values) if isinstance(values, np.ndarray | list | tuple | range) else values
    if isinstance(given, np.ndarray) and given.dtype == bool and given.shape == (size,):
        return np.flatnonzero(given)
    if isinstance(given, np.ndarray) and given.dtype == bool:
        raise ValueError(f"{who}: {name} must be integers, or {size} bools, not {_what(given)}")
    place = row(given, np.int64, f"{who}: {name}")
    if place.size and not (-size <= place.min() and place.max() < size):
        raise ValueError(f"{who}: {name} must be from 0 to {size - 1}, or from -{size} to -1, not {_what(place)}")
    return np.where(place < 0, place + size, place)


def shown(value: Any) -> str:
    """Return how an error message shows a value: short, on one line, with its type where the value does not say it."""
    if isinstance(value, int) and value.bit_length() > 256:
        # Python refuses to write integers of thousands of digits
        return f"an integer of {value.bit_length():,} bits"
    if isinstance(value, int | float | str | bytes | NoneType):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    return f"a {kind} of shape {tuple(shape)} and type {value.dtype}" if shape is not None else f"a {kind}"


def _what(values: np.ndarray) -> str:
    ends = f" from {values.min()} to {values.max()}" if values.size and values.dtype.kind in "biuf" else ""
    return f"{values.dtype}{ends} in the shape {values.shape}"


def _range(at_least: int | None, at_most: int | None) -> str:
    if at_least is None and at_most is None:
        return ""
    if at_most is None:
        return f" of at least {at_least}"
    return f" from {at_least} to {at_most}" if at_least is not None else f" of at most {at_most}"


def _number(value: Any, *, who: str, name: str, must: str) -> float:
    try:
        found = None if isinstance(value, str | bytes | bool | np.bool_) else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        found = None
    if found is None:
        raise TypeError(f"{who}: {name} must be {must}, not {shown(value)}")
    return found


def _array(value: Any, kinds: str, *, who: str, name: str, what: str, axes: int | None) -> np.ndarray:
    try:
        found = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        found = None
    if found is None or found.dtype.kind not in kinds:
        raise TypeError(f"{who}: {name} must be an array of {what}, not {shown(value if found is None else found)}")
    if axes is not None and found.ndim != axes:
        raise ValueError(f"{who}: {name} must be an array of {axes} axes, not of shape {found.shape}")
    return found
