"""How an error message shows a value."""

from types import NoneType
from typing import Any


def shown(value: Any) -> str:
    """Return a value as one short line, with its type where the value does not tell the type.

    Args:
        value: An object of any type.

    Returns:
        The `repr` of a number or a text, cut to 60 characters; type and shape of an array; the type of anything else.
    """
    if isinstance(value, int) and value.bit_length() > 256:
        # Python refuses to write integers of thousands of digits
        return f"an integer of {value.bit_length():,} bits"
    if isinstance(value, int | float | str | bytes | NoneType):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    return f"a {kind} of shape {tuple(shape)} and type {value.dtype}" if shape is not None else f"a {kind}"
