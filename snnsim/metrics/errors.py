"""Errors of numbers: of one value for each recording, or for each step.

    MSE      Σ (ŷ − y)² / n, over all targets, with an interval over recordings, see ratios.py
    R²       1 − Σ (ŷ − y)² / Σ (y − mean y)² of each target, and the mean over targets that vary
    sMAPE    200 / n Σ |ŷ − y| / (|ŷ| + |y|), from 0 to 200; 0 where both are 0

Shapes   predicted ŷ, target y (recording, target) or (time, recording, target), NaN for no target
Source   sMAPE: Makridakis 1993, Int. J. Forecasting 9:527, in the form of NeuroBench
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snnsim.metrics.ratios import Ratio

_MOMENTS = 6
_OWN = 5


@dataclass(frozen=True, eq=False)
class ErrorReport:
    """Errors of numbers, over all targets and of each."""

    mse: float
    interval: tuple[float, float]
    """The interval of the MSE over recordings."""
    own: np.ndarray
    """Sums of each target: n, Σ y, Σ y², Σ (ŷ − y)², Σ of the terms of sMAPE; float64 (target, 5)."""
    names: tuple[str, ...] = ()

    def _r2s(self) -> np.ndarray:
        """Return R² of each target, NaN where a target does not vary."""
        n, y, squares, error, _ = self.own.T
        variation = squares - y * y / np.maximum(n, 1)
        # below, the variation is the rounding of its two terms
        varies = variation > 1e-12 * np.maximum(squares, 1e-300)
        result: np.ndarray = np.where(varies, 1 - error / np.where(varies, variation, 1.0), np.nan)
        return result

    @property
    def r2(self) -> float:
        """Mean of R² over the targets that vary; NaN if none does, or a prediction is NaN."""
        values = self._r2s()
        # predictions that are NaN do not leave out their target
        values = values[~np.isnan(values) | np.isnan(self.own[:, 3])]
        return float(values.mean()) if len(values) else math.nan

    @property
    def smape(self) -> float:
        """Symmetric mean absolute percentage error over all targets; NaN without a target."""
        n, _, _, _, terms = self.own.sum(0)
        return float(200 * terms / n) if n else math.nan

    def scalars(self) -> dict[str, float]:
        """Return MSE, R² and sMAPE by name."""
        return {"mse": self.mse, "r2": self.r2, "smape": self.smape}

    def facts(self) -> dict[str, Any]:
        """Return all errors in the types of JSON; undefined ones are None."""
        n, _, _, error, terms = self.own.T
        own = {"mse": error / np.maximum(n, 1), "r2": self._r2s(), "smape": 200 * terms / np.maximum(n, 1)}
        names = self.names or tuple(map(str, range(len(self.own))))
        targets = {
            name: {metric: _defined(float(values[number])) for metric, values in own.items()}
            for number, name in enumerate(names)
        }
        scalars = {name: _defined(value) for name, value in self.scalars().items()}
        return scalars | {"ci95": [_defined(end) for end in self.interval], "targets": targets}

    def text(self) -> str:
        """Return the errors, and the interval of the MSE, as a text."""
        low, high = self.interval
        bounds = f"95 % interval {low:.4g} to {high:.4g}" if math.isfinite(low) else "no interval of one recording"
        text = f"MSE {self.mse:.4g} ({bounds}), R² {self.r2:.3f}, sMAPE {self.smape:.1f} %"
        if len(self.own) > 1:
            names = self.names or tuple(f"number {index}" for index in range(len(self.own)))
            text += "; R² of " + ", ".join(
                f"{name} {value:.3f}" for name, value in zip(names, self._r2s(), strict=True)
            )
        return text

    def brief(self) -> str:
        """Return MSE and R² as a text."""
        return f"MSE {self.mse:.4g}, R² {self.r2:.3f}"

    def short(self) -> str:
        """Return MSE and R²."""
        return f"mse {self.mse:.4f} R² {self.r2:.3f}"


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None


class NumberErrors:
    """Errors of numbers of recordings or steps."""

    main: ClassVar[str] = "mse"
    rises: ClassVar[bool] = False

    def zeros(self, outputs: int) -> np.ndarray:
        """Return the sums of no recording.

        Args:
            outputs: Number of targets.
        """
        return np.zeros(_MOMENTS + _OWN * outputs)

    def sums(self, predicted: np.ndarray, target: np.ndarray, outputs: int) -> np.ndarray:
        """Return the sums of predicted numbers.

        Args:
            predicted: Numbers (recording, target) or (time, recording, target).
            target: Numbers likewise; NaN for none.
            outputs: Number of targets.
        """
        y, guess = target.astype(np.float64), predicted.astype(np.float64)
        present = ~np.isnan(y)
        y, guess = np.where(present, y, 0.0), np.where(present, guess, 0.0)
        error, size = (guess - y) ** 2, np.abs(guess) + np.abs(y)
        terms = np.divide(np.abs(guess - y), size, out=np.zeros_like(y), where=size != 0)
        # every axis but that of the recordings, and every axis but that of the targets
        own, rest = (0, 2) if y.ndim == 3 else (1,), tuple(range(y.ndim - 1))
        moments = Ratio.moments(error.sum(own), present.sum(own))
        columns = np.stack([part.sum(rest, dtype=np.float64) for part in (present, y, y * y, error, terms)], -1)
        return np.concatenate([moments, columns.reshape(outputs * _OWN)])

    def report(self, sums: np.ndarray, names: tuple[str, ...] = ()) -> ErrorReport:
        """Return the report of sums.

        Args:
            sums: Sums over all recordings (sum,).
            names: Names of the targets.
        """
        ratio = Ratio.of(sums[:_MOMENTS])
        low, high = ratio.interval
        # no squared error is negative
        low = max(0.0, low) if math.isfinite(low) else low
        return ErrorReport(ratio.value, (low, high), sums[_MOMENTS:].reshape(-1, _OWN), names)
