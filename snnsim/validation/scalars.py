"""Checks of single values: integers, real numbers, truth values and instances."""

import math
import operator
from typing import Any

import numpy as np

from snnsim.validation.display import shown


def require(ok: bool, message: str) -> None:
    """Check a condition.

    Args:
        ok: The condition.
        message: Text of the error.

    Raises:
        ValueError: If the condition does not hold.
    """
    if not ok:
        raise ValueError(message)


def integer(value: Any, *, who: str, name: str, at_least: int | None = None, at_most: int | None = None) -> int:
    """Return an integer as an int; a bool, a fraction, a text and a number outside of the range are refused.

    Args:
        value: Any integer of Python or NumPy, or a tensor or array that holds one.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        at_least: The smallest number allowed.
        at_most: The largest number allowed.

    Raises:
        TypeError: If the value is no integer.
        ValueError: If the integer is outside of the range.
    """
    must = f"an integer{_range(at_least, at_most)}"
    try:
        number = None if isinstance(_single(value), bool) else operator.index(value)
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
    """Return a finite float; NaN, infinity, a bool, a text and a number outside of the range are refused.

    Args:
        value: Any real number of Python or NumPy, or a tensor or array that holds one.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        at_least: The smallest number allowed.
        above: A number that the value must exceed.
        at_most: The largest number allowed.

    Raises:
        TypeError: If the value is no real number.
        ValueError: If the number is not finite, or outside of the range.
    """
    must = "a finite number"
    must += "" if at_least is None else f" of at least {at_least}"
    must += "" if above is None else f" above {above}"
    result = _number(value, who=who, name=name, must=must)
    low = (at_least is not None and result < at_least) or (above is not None and result <= above)
    if at_most is not None and at_most < result < math.inf:
        raise ValueError(f"{who}: {name} must be at most {at_most:g}, not {result}")
    if not math.isfinite(result) or low:
        raise ValueError(f"{who}: {name} must be {must}, not {result}")
    return result


def positive(value: Any, *, who: str, name: str) -> float:
    """Return a finite float above 0.

    Args:
        value: Any real number of Python or NumPy, or a tensor or array that holds one.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Raises:
        TypeError: If the value is no real number.
        ValueError: If the number is not positive, or not finite.
    """
    result = _number(value, who=who, name=name, must="a positive number")
    if not 0 < result < math.inf:
        raise ValueError(f"{who}: {name} must be positive{' and finite' if result == math.inf else ''}, not {result}")
    return result


def number(value: Any, *, who: str, name: str) -> float:
    """Return a float that may be NaN or infinite.

    Args:
        value: Any real number of Python or NumPy, or a tensor or array that holds one.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Raises:
        TypeError: If the value is no real number.
    """
    return _number(value, who=who, name=name, must="a number")


def truth(value: Any, *, who: str, name: str) -> bool:
    """Return a truth value as a bool.

    Args:
        value: True or False, of Python or NumPy.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Raises:
        TypeError: If the value is neither True nor False.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{who}: {name} must be True or False, not {shown(value)}")
    return bool(value)


def instance(value: Any, kind: type, *, who: str, name: str) -> None:
    """Check the type of a value.

    Args:
        value: An object of any type.
        kind: The type that the value must have.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Raises:
        TypeError: If the value is of another type.
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        raise TypeError(f"{who}: {name} must be {article} {kind.__name__}, not {shown(value)}")


def _range(at_least: int | None, at_most: int | None) -> str:
    if at_least is None and at_most is None:
        return ""
    if at_most is None:
        return f" of at least {at_least}"
    return f" from {at_least} to {at_most}" if at_least is not None else f" of at most {at_most}"


def _single(value: Any) -> Any:
    """Return the element of a scalar or an array without axes, of NumPy or torch, and any other value as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def _number(value: Any, *, who: str, name: str, must: str) -> float:
    try:
        single = _single(value)
        result = None if isinstance(single, str | bytes | bytearray | bool | complex) else float(single)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        result = None
    if result is None:
        raise TypeError(f"{who}: {name} must be {must}, not {shown(value)}")
    return result
