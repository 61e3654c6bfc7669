"""Facts and errors of a file: the result of `snnsim data check`, and the errors of readers."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Findings:
    """Facts, errors and warnings about a file."""

    path: Path
    facts: list[tuple[str, str]] = field(default_factory=list)
    """Topics and texts."""
    errors: list[str] = field(default_factory=list)
    """Reasons for which nobody can train on the file."""
    warnings: list[str] = field(default_factory=list)
    """Signs of a mistake in a file that can be trained on."""

    def error(self, name: str, must: str, advice: str) -> None:
        """Add an error of an array as a whole.

        Args:
            name: Name of the array.
            must: The condition, and what the file has in its place.
            advice: What to do.
        """
        self.errors.append(f"{name} {must}; {advice}")

    def entries(self, name: str, must: str, wrong: np.ndarray, advice: str, *, noun: str = "recording") -> None:
        """Add an error of single entries, unless there is none.

        Args:
            name: Name of the array.
            must: The condition that every entry must meet.
            wrong: Numbers of the entries that do not, ascending.
            advice: What to do.
            noun: What an entry is.
        """
        if len(wrong):
            self.errors.append(f"{name} {must}; {counted(len(wrong), noun)} not, first {noun} {wrong[0]}; {advice}")

    def require(self) -> None:
        """Raise the first error.

        Raises:
            ValueError: If there is an error.
        """
        if not self.errors:
            return
        more = len(self.errors) - 1
        others = f" and {more} more error{'s' if more > 1 else ''}" if more else ""
        raise ValueError(f"{self.path}: {self.errors[0]}; `snnsim data check {self.path}` lists it{others}")


def counted(count: int, noun: str) -> str:
    """Return a number of nouns with the verb "do", such as "1 recording does".

    Args:
        count: The number.
        noun: The noun in the singular, whose plural ends with s.
    """
    return f"1 {noun} does" if count == 1 else f"{count:,} {noun}s do"
