"""Ranges of numbers that several sections have, and the check of a condition that a declared type cannot state."""

import reprlib
from typing import Annotated

from snnsim.schema import Range
from snnsim.validation import shown

MOST_DELAY = 65_535
"""Steps of the longest delay, as in programs."""
MOST_STEPS = 2**31 - 1
"""Steps of the longest recording, chunk of time, and time after a recording."""
Count = Annotated[int, Range(at_least=1, at_most=2**31 - 1)]
Seed = Annotated[int, Range(at_least=0)]
Milliseconds = Annotated[float, Range(above=0, at_most=1e12)]
Decay = Annotated[float, Range(at_least=0, at_most=1e6)]
LearningRate = Annotated[float, Range(above=0, at_most=1e6)]
Slope = Annotated[float, Range(at_least=1e-6, at_most=1e6)]
Width = Annotated[float, Range(above=0, at_most=MOST_DELAY)]


def check(ok: bool, name: str, must: str, value: object) -> None:
    """Check a condition on a value of a config.

    Args:
        ok: Whether the value meets the condition.
        name: Name of the value with its section, such as "network.kernel".
        must: The condition, as it follows "must be" in the message.
        value: The value.

    Raises:
        ValueError: If the condition is not met.
    """
    if not ok:
        # a list may be long
        text = shown(value) if isinstance(value, int | float | str) else reprlib.repr(value)
        raise ValueError(f"config: {name} must be {must}, not {text}")
