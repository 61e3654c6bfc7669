"""Metrics of a task, which are functions of sums over recordings: batches and processes add theirs.

The sums are float64, so that counts are exact. A sum for each batch is all that a training keeps of its predictions.
"""

from typing import Any, ClassVar, Protocol

import numpy as np


class Report(Protocol):
    """The metrics of all recordings."""

    def scalars(self) -> dict[str, float]:
        """Return the metrics that a training follows from epoch to epoch, by name."""

    def facts(self) -> dict[str, Any]:
        """Return all metrics in the types of JSON."""

    def text(self) -> str:
        """Return the metrics with their intervals as a text."""

    def brief(self) -> str:
        """Return the metrics without intervals as a text."""

    def short(self) -> str:
        """Return the metrics as the shortest text, for a line of many numbers."""


class Metrics(Protocol):
    """From predictions and targets to sums, and from sums to a report."""

    main: ClassVar[str]
    """The metric by which the best epoch is chosen."""
    rises: ClassVar[bool]
    """Whether a higher value of it is better."""

    def zeros(self, outputs: int) -> np.ndarray:
        """Return the sums of no recording.

        Args:
            outputs: Number of classes or targets.
        """

    def sums(self, predicted: np.ndarray, target: np.ndarray, outputs: int) -> np.ndarray:
        """Return the sums of a batch, float64 (sum,).

        Args:
            predicted: Predictions, in the shape of the target.
            target: Classes, -1 for none, or numbers, NaN for none.
            outputs: Number of classes or targets.
        """

    def report(self, sums: np.ndarray, names: tuple[str, ...] = ()) -> Report:
        """Return the report of sums.

        Args:
            sums: Sums over all recordings (sum,).
            names: Names of the classes or targets; their numbers by default.
        """


def added(before: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Return the sums of two parts; sums at the end that one part lacks are 0.

    Args:
        before: Sums of one part.
        more: Sums of the other part.
    """
    result = np.zeros(max(len(before), len(more)))
    result[: len(before)] += before
    result[: len(more)] += more
    return result
