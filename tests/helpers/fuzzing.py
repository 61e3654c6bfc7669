"""What all fuzzers share: how many inputs to try, and what counts as a clear refusal.

A fuzzer calls one public function, reader or command with many random inputs from a fixed seed. A call may return, or
refuse its input by an error that snnsim itself raises and that names what was wrong. Everything else fails the test.

SNNSIM_FUZZ=100 tries a hundred times as many inputs; the default of 1 takes about a minute for all fuzzers together.
"""

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import snnsim

PACKAGE = Path(snnsim.__file__).parent
CLEAR = (ValueError, TypeError, OSError, MemoryError)
"""Types of a clear error; KeyError, IndexError, OverflowError, RuntimeError and others are not among them."""


def cases(usual: int) -> int:
    """Return the number of inputs to try.

    Args:
        usual: Number with the default of SNNSIM_FUZZ, which multiplies it.
    """
    return max(1, round(usual * float(os.environ.get("SNNSIM_FUZZ", "1"))))


class Tally:
    """Counts what became of the inputs of one fuzzer; the counts are printed behind the tests."""

    def __init__(self) -> None:
        self.counts = {"accepted": 0, "refused": 0}

    def call(self, function: Callable[[], Any], *, case: Any) -> Any:
        """Return the result of a function, or None after a clear refusal.

        Args:
            function: Function without arguments, which is called with one random input.
            case: Description of the input, for a failure.
        """
        try:
            result = function()
        except Exception as error:
            refusal = clear_refusal(error)
            if refusal is not None:
                raise AssertionError(f"{refusal}; the input was {case!r}") from error
            self.counts["refused"] += 1
            return None
        self.counts["accepted"] += 1
        return result

    @property
    def tried(self) -> int:
        """The number of inputs."""
        return sum(self.counts.values())


def clear_refusal(error: BaseException) -> str | None:
    """Return what is wrong with an error as a refusal of bad input, or None if it is a clear one.

    Args:
        error: Error that a fuzzed function raised.
    """
    if not isinstance(error, CLEAR):
        return f"{type(error).__name__} is no clear error"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    if PACKAGE not in Path(frame.filename).parents or not (frame.line or "").startswith("raise"):
        return f"the error comes out of {frame.filename}:{frame.lineno}, not out of a check of snnsim"
    if len(str(error).split()) < 4:
        return f"the message says too little: {error}"
    return None
