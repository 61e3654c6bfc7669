"""Accuracies of classes, of recordings and of steps, and the confusion of classes.

    recordings   correct / recordings with a label      interval: Wilson
    steps        correct / steps with a label           interval: over recordings, see ratios.py
    confusion    number of recordings or steps of a class (row) that were taken for a class (column)

Shapes   sums [correct, total, other moments of steps, confusion in rows]
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snnsim.metrics.ratios import Ratio, wilson

_MOMENTS = 6


@dataclass(frozen=True, eq=False)
class AccuracyReport:
    """The accuracy of recordings or steps, with its interval of 95 %, and the confusion of the classes."""

    correct: int
    total: int
    interval: tuple[float, float]
    confusion: np.ndarray
    """int64 (class, predicted class)."""
    names: tuple[str, ...] = ()
    of: str = ""
    """The unit of the counts, such as "steps"; empty for recordings."""

    @property
    def accuracy(self) -> float:
        """Correct over total; NaN without a label."""
        return self.correct / self.total if self.total else float("nan")

    def scalars(self) -> dict[str, float]:
        """Return the accuracy by its name."""
        return {"accuracy": self.accuracy}

    def facts(self) -> dict[str, Any]:
        """Return accuracy, counts, interval and confusion in the types of JSON."""
        return {
            "accuracy": self.accuracy,
            "correct": self.correct,
            "total": self.total,
            "ci95": list(self.interval),
            "confusion": self.confusion.tolist(),
        }

    def text(self) -> str:
        """Return the accuracy with its interval as a text."""
        low, high = self.interval
        counted = f"{self.correct} of {self.total}{self.of and f' {self.of}'}"
        return f"{self.accuracy:.2%} correct ({counted}, 95 % interval {low:.2%} to {high:.2%})"

    def brief(self) -> str:
        """Return the accuracy as a text."""
        return f"{self.accuracy:.2%} correct"

    def short(self) -> str:
        """Return the accuracy in percent."""
        return f"{self.accuracy:6.1%}"


def _confusion(predicted: np.ndarray, target: np.ndarray, outputs: int) -> np.ndarray:
    """Return the confusion of labeled entries, float64 (class · predicted class,)."""
    labeled = target >= 0
    pairs = target[labeled].astype(np.int64) * outputs + predicted[labeled]
    return np.bincount(pairs, minlength=outputs * outputs).astype(np.float64)


def _square(confusion: np.ndarray) -> np.ndarray:
    size = round(len(confusion) ** 0.5)
    return confusion.reshape(size, size).astype(np.int64)


class RecordingAccuracy:
    """The share of recordings with the right class."""

    main: ClassVar[str] = "accuracy"
    rises: ClassVar[bool] = True

    def zeros(self, outputs: int) -> np.ndarray:
        """Return the sums of no recording.

        Args:
            outputs: Number of classes.
        """
        return np.zeros(2 + outputs * outputs)

    def sums(self, predicted: np.ndarray, target: np.ndarray, outputs: int) -> np.ndarray:
        """Return the sums of predicted classes (recording,).

        Args:
            predicted: Classes, int64 (recording,).
            target: Classes likewise; -1 for none.
            outputs: Number of classes.
        """
        labeled = target >= 0
        counts = [np.count_nonzero((predicted == target) & labeled), np.count_nonzero(labeled)]
        return np.concatenate([counts, _confusion(predicted, target, outputs)])

    def report(self, sums: np.ndarray, names: tuple[str, ...] = ()) -> AccuracyReport:
        """Return the report of sums.

        Args:
            sums: Sums over all recordings (sum,).
            names: Names of the classes.
        """
        correct, total = int(sums[0]), int(sums[1])
        return AccuracyReport(correct, total, wilson(correct, total), _square(sums[2:]), names)


class StepAccuracy:
    """The share of steps with the right class."""

    main: ClassVar[str] = "accuracy"
    rises: ClassVar[bool] = True

    def zeros(self, outputs: int) -> np.ndarray:
        """Return the sums of no recording.

        Args:
            outputs: Number of classes.
        """
        return np.zeros(_MOMENTS + outputs * outputs)

    def sums(self, predicted: np.ndarray, target: np.ndarray, outputs: int) -> np.ndarray:
        """Return the sums of predicted classes (time, recording).

        Args:
            predicted: Classes, int64 (time, recording).
            target: Classes likewise; -1 for none.
            outputs: Number of classes.
        """
        labeled = target >= 0
        moments = Ratio.moments(((predicted == target) & labeled).sum(0), labeled.sum(0))
        return np.concatenate([moments, _confusion(predicted, target, outputs)])

    def report(self, sums: np.ndarray, names: tuple[str, ...] = ()) -> AccuracyReport:
        """Return the report of sums.

        Args:
            sums: Sums over all recordings (sum,).
            names: Names of the classes.
        """
        ratio = Ratio.of(sums[:_MOMENTS])
        low, high = ratio.interval
        # an accuracy is a share, its interval too
        interval = max(0.0, low), min(1.0, high)
        return AccuracyReport(int(ratio.total), int(ratio.count), interval, _square(sums[_MOMENTS:]), names, of="steps")
