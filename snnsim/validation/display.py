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
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    kind = f"a {type(value).__name__}"
    # classes of arrays have these attributes too, and tables have no one type
    if not isinstance(shape, tuple):
        return kind
    return f"{kind} of shape {tuple(shape)}{'' if dtype is None else f' and type {dtype}'}"
