"""Checks of a caller's arguments. Every error names the function, the condition and the value.

A compiled kernel trusts its arguments; the Python function in front of it checks them with these functions.
"""

from snnsim.validation.arrays import index, indices, integers, is_whole, numbers, row
from snnsim.validation.display import shown
from snnsim.validation.names import known, lookup, one_of
from snnsim.validation.scalars import instance, integer, number, positive, real, require, truth

__all__ = [
    "index",
    "indices",
    "instance",
    "integer",
    "integers",
    "is_whole",
    "known",
    "lookup",
    "number",
    "numbers",
    "one_of",
    "positive",
    "real",
    "require",
    "row",
    "shown",
    "truth",
]
