"""Checks of what a caller gives: one clear error each, which says who, what must hold, and what came.

A compiled kernel trusts its arguments; the Python function in front of it checks them with these functions.
"""

import math
import operator
from collections.abc import Sequence
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


def real(value: Any, *, who: str, name: str, at_least: float | None = None, above: float | None = None) -> float:
    """Return `value` as a finite float; NaN, infinity, a bool, a text, or a number out of the range is refused.

    Args:
        value: Any real number of Python or NumPy, or a tensor or array that holds one.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        at_least: The smallest number allowed.
        above: A number that it must exceed.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it is not finite, or outside of the range.
    """
    must = "a finite number"
    must += "" if at_least is None else f" of at least {at_least}"
    must += "" if above is None else f" above {above}"
    try:
        number = None if isinstance(value, str | bytes | bool | np.bool_) else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        number = None
    if number is None:
        raise TypeError(f"{who}: {name} must be {must}, not {shown(value)}")
    low = (at_least is not None and number < at_least) or (above is not None and number <= above)
    if not math.isfinite(number) or low:
        raise ValueError(f"{who}: {name} must be {must}, not {number}")
    return number


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
    if isinstance(value, int) and value.bit_length() > 256:
        # Python refuses to write integers of thousands of digits
        return f"an integer of {value.bit_length():,} bits"
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
