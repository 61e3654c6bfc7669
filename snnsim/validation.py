"""Checks of what a caller gives: one clear error each, which says who, what must hold, and what came.

A compiled kernel trusts its arguments; the Python function in front of it checks them with these functions.
"""

import math
import operator
from collections.abc import Sequence, Sized
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
        raise ValueError(f"{who}: {name} must be {must}, not {number}")
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
    """Return `value` as a finite float above 0.

    Args:
        value: Any real number of Python or NumPy, or a tensor or array that holds one.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it is not finite, or not above 0.
    """
    found = _number(value, who=who, name=name, must="a positive number")
    if not 0 < found < math.inf:
        raise ValueError(f"{who}: {name} must be positive{' and finite' if found == math.inf else ''}, not {found}")
    return found


def number(value: Any, *, who: str, name: str) -> float:
    """Return `value` as a float that may be NaN; the caller checks its range.

    Args:
        value: Any real number of Python or NumPy, or a tensor or array that holds one.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Raises:
        TypeError: If it is no real number.
    """
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


def shown(value: Any) -> str:
    """Return how an error message shows a value: short, on one line, with its type where the value does not say it."""
    if isinstance(value, int | float | str | bytes | NoneType):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    return f"a {kind} of shape {tuple(shape)} and type {value.dtype}" if shape is not None else f"a {kind}"


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
