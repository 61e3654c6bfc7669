"""Shares and means over recordings, with confidence intervals of 95 %.

    of recordings   Wilson score: (p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n),  z = 1.96
    of steps        r = Σ_i c[i] / Σ_i n[i],  r ± t √(R / (R − 1) Σ_i (c[i] − r n[i])²) / Σ_i n[i]

Steps of one recording are alike, so recordings are the sample: R recordings i with n steps and a sum c over them. The
interval needs their second moments alone, Σ c², Σ c n and Σ n², which batches add.

Names    t Student's, R − 1 degrees of freedom
Source   Wilson 1927, J. Am. Stat. Assoc. 22:209 · ratio estimator of cluster samples: Cochran 1977, Sampling
         Techniques, chapter 6
"""

import math
from dataclasses import dataclass

import numpy as np


def wilson(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of the share `correct` / `total`; from 0 to 1 for no total.

    Args:
        correct: Number of right decisions, from 0 to `total`.
        total: Number of decisions.
    """
    if not total:
        return 0.0, 1.0
    # imported late, as it takes longer than all other modules of an evaluation
    from scipy.stats import binomtest

    interval = binomtest(correct, total).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Ratio:
    """A sum over steps as a share of their number, from moments over recordings."""

    total: float
    """Σ c, of all steps."""
    count: float
    """Σ n, the number of steps."""
    recordings: float
    """R, recordings with a step."""
    squares: tuple[float, float, float]
    """Σ c², Σ c n, Σ n²."""

    @staticmethod
    def moments(total: np.ndarray, count: np.ndarray) -> np.ndarray:
        """Return the six moments of recordings, float64 (6,).

        Args:
            total: Sum over the steps of each recording (recording,).
            count: Number of steps of each recording (recording,).
        """
        c, n = total.astype(np.float64), count.astype(np.float64)
        return np.array([c.sum(), n.sum(), np.count_nonzero(n), (c * c).sum(), (c * n).sum(), (n * n).sum()])

    @classmethod
    def of(cls, moments: np.ndarray) -> "Ratio":
        """Return the ratio of six moments.

        Args:
            moments: Moments of `moments`, float64 (6,).
        """
        total, count, recordings, *squares = moments.tolist()
        return cls(total, count, recordings, (squares[0], squares[1], squares[2]))

    @property
    def value(self) -> float:
        """The ratio; NaN without a step."""
        return self.total / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The interval over recordings, without bounds for fewer than two."""
        if self.recordings < 2:
            return -math.inf, math.inf
        from scipy.stats import t

        c, both, n = self.squares
        spread = max(0.0, c - 2 * self.value * both + self.value**2 * n) * self.recordings / (self.recordings - 1)
        half = float(t.ppf(0.975, self.recordings - 1)) * math.sqrt(spread) / self.count
        return self.value - half, self.value + half
