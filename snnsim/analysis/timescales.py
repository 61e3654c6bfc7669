"""Time constants of activity, from its autocorrelation.

    C[n] = mean over trials of Σ_t (x[t] − x̄) (x[t+n] − x̄) / (T − n)        autocorrelation C[n] / C[0]
    one     a exp(−n/τ)                                       0 ≤ a ≤ 1
    two     a (c exp(−n/τ₁) + (1 − c) exp(−n/τ₂))             0 ≤ a, c ≤ 1, τ₁ ≤ τ₂

Both are fitted by least squares; AIC or BIC chooses between them. The network time constant of a unit is its τ or τ₂.

    AIC = 2 k + n ln(RSS / n)        BIC = k ln n + n ln(RSS / n)        k = 2 or 4 parameters, n lags

The activity can be rates, numbers of spikes or membranes. A unit without variance has no time constant.

Shapes   x (time, unit) or (trial, time, unit) · autocorrelation (lag, unit) · τ (unit,)
Units    τ in steps
Source   Khajehabdollahi et al. 2024 (ICLR), arXiv 2309.12927, with AIC; there, 10 trials of 100 000 steps, lags up to
         30, τ up to 100, and units with τ ≤ 1 are left out of the mean
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from snnsim.validation import integer, numbers, one_of, real

CRITERIA = ("aic", "bic")


class Fit(NamedTuple):
    """An exponential decay, or a sum of two."""

    parameters: tuple[float, ...]
    """(a, τ), or (a, c, τ₁, τ₂) with τ₁ ≤ τ₂."""
    residual: float
    """Sum of squared residuals."""
    lags: int
    """Number of lags."""

    @property
    def tau(self) -> float:
        """τ, the longer one of two."""
        return self.parameters[-1]

    def criterion(self, name: str) -> float:
        """Return the information criterion.

        Args:
            name: "aic" or "bic".
        """
        one_of(name, CRITERIA, who="Fit", name="criterion")
        count = len(self.parameters)
        # an exact fit has no logarithm
        error = max(self.residual / self.lags, np.finfo(float).tiny)
        return count * (2.0 if name == "aic" else math.log(self.lags)) + self.lags * math.log(error)


class Timescales(NamedTuple):
    """Network time constants."""

    tau: np.ndarray
    """τ of each unit in steps, (unit,); NaN where a unit has none."""
    exponentials: np.ndarray
    """Number of exponentials of the chosen fit, 1 or 2; 0 where a unit has no time constant."""

    def resolved(self) -> np.ndarray:
        """Return the time constants above 1 step."""
        above: np.ndarray = self.tau[self.tau > 1]
        return above

    @property
    def silent(self) -> int:
        """Number of units whose activity never changes."""
        return int((self.exponentials == 0).sum())


def autocorrelation(activity: ArrayLike, longest: int) -> np.ndarray:
    """Return the autocorrelation of each unit at lags 0 to `longest`, (lag, unit); NaN for units without variance.

    Args:
        activity: Rates, numbers of spikes or membranes, (time, unit) or (trial, time, unit).
        longest: Longest lag in steps.

    Raises:
        TypeError: If the activity is no array of numbers.
        ValueError: If there are not more steps than lags, or no unit.
    """
    array = numbers(activity, who="autocorrelation", name="activity")
    longest = integer(longest, who="autocorrelation", name="longest", at_least=1)
    trials = array[None] if array.ndim == 2 else array
    if trials.ndim != 3 or trials.shape[1] <= longest or trials.size == 0:
        raise ValueError(
            f"autocorrelation: activity must be (time, unit) or (trial, time, unit) of more than {longest} steps, not "
            f"{array.shape}"
        )
    steps = trials.shape[1]
    size = scipy.fft.next_fast_len(2 * steps, real=True)
    total = np.zeros((longest + 1, trials.shape[2]))
    for trial in trials:
        spectrum = scipy.fft.rfft(trial - trial.mean(0), size, axis=0)
        total += scipy.fft.irfft(spectrum * spectrum.conj(), size, axis=0)[: longest + 1]
    total /= (steps - np.arange(longest + 1))[:, None]
    # rounding of the transforms leaves some 1e-16 of the squared mean
    varies = trials.std(1).max(0) > 1e-12 * np.abs(trials).max((0, 1))
    correlation: np.ndarray = np.divide(total, total[0], out=np.full_like(total, np.nan), where=varies)
    return correlation


def fit(correlation: ArrayLike, exponentials: int, *, longest_tau: float = 100.0) -> Fit:
    """Return the best exponential decay, or the best sum of two.

    Args:
        correlation: Autocorrelation of a unit at lags 0, 1, ..., (lag,).
        exponentials: 1 or 2.
        longest_tau: Largest time constant in steps, at least 1.

    Raises:
        TypeError: If the autocorrelation is no array of numbers.
        ValueError: If there are fewer than 5 lags, or another number of exponentials, or longest_tau is below 1.
    """
    values = numbers(correlation, who="fit", name="correlation", axes=1)
    longest_tau = real(longest_tau, who="fit", name="longest_tau", at_least=1)
    exponentials = integer(exponentials, who="fit", name="exponentials", at_least=1, at_most=2)
    if len(values) < 5:
        raise ValueError(
            f"fit: correlation must be of 5 lags or more, as two exponentials have 4 parameters; got {len(values)}"
        )
    lags = np.arange(len(values), dtype=float)
    below = np.flatnonzero(values < math.exp(-1))
    start = min(max(float(below[0]) if len(below) else float(len(values)), 0.5), longest_tau / 2)
    if exponentials == 1:
        return _solved(_one, lags, values, [([0.9, start], [1.0, longest_tau])])
    starts = [[0.9, 0.5, max(start / 3, 0.1), min(3 * start, longest_tau / 1.5)], [0.9, 0.9, start, longest_tau / 2]]
    return _solved(_two, lags, values, [(one, [1.0, 1.0, longest_tau, longest_tau]) for one in starts])


def network_timescales(
    activity: ArrayLike, *, longest: int = 30, longest_tau: float = 100.0, criterion: str = "aic"
) -> Timescales:
    """Return the time constant of the activity of each unit.

    Args:
        activity: Rates, numbers of spikes or membranes, (time, unit) or (trial, time, unit).
        longest: Longest lag in steps.
        longest_tau: Largest time constant in steps.
        criterion: "aic" or "bic", which chooses between one exponential and two.
    """
    one_of(criterion, CRITERIA, who="network_timescales", name="criterion")
    correlation = autocorrelation(activity, longest)
    tau, count = np.full(correlation.shape[1], np.nan), np.zeros(correlation.shape[1], int)
    for unit in np.flatnonzero(~np.isnan(correlation[0])):
        fits = [fit(correlation[:, unit], number, longest_tau=longest_tau) for number in (1, 2)]
        scores = [one.criterion(criterion) for one in fits]
        # the smaller model among equals
        count[unit] = 1 + int(scores[1] < scores[0])
        tau[unit] = fits[count[unit] - 1].tau
    return Timescales(tau, count)


def _one(lags: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    decay: np.ndarray = parameters[0] * np.exp(-lags / parameters[1])
    return decay


def _two(lags: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    a, c, first, second = parameters
    decay: np.ndarray = a * (c * np.exp(-lags / first) + (1 - c) * np.exp(-lags / second))
    return decay


def _solved(
    model: Callable[[np.ndarray, np.ndarray], np.ndarray],
    lags: np.ndarray,
    values: np.ndarray,
    starts: list[tuple[list[float], list[float]]],
) -> Fit:
    """Return the best fit from several starts; each comes with the upper bounds of its parameters."""
    solutions = [
        scipy.optimize.least_squares(
            lambda parameters: model(lags, parameters) - values,
            start,
            bounds=([0.0] * (len(start) // 2) + [1e-3] * (len(start) // 2), upper),
        )
        for start, upper in starts
    ]
    best = min(solutions, key=lambda solution: float(solution.cost))
    parameters = [float(value) for value in best.x]
    if len(parameters) == 4 and parameters[2] > parameters[3]:
        parameters = [parameters[0], 1 - parameters[1], parameters[3], parameters[2]]
    return Fit(tuple(parameters), 2 * float(best.cost), len(values))
