"""The `chaotic` set: the Mackey-Glass equation as spikes, and the change to the next point to predict from them.

    dx/dt = β x(t − τ) / (1 + x(t − τ)ⁿ) − γ x(t)         x(t) = x₀ for t ≤ 0, β = 0.2, γ = 0.1, n = 10
    p[k]  = x(k Λ / 75)                                   points, 75 in a Lyapunov time Λ
    channel j fires in step k, if |p[k] − c_j| < w / 2    centers c_j evenly from LOW to HIGH; graded codes of n levels
                                                          have n (1 − |p[k] − c_j| / (w / 2))⁺ spikes, rounded
    change[k] = gain (p[k + 1] − p̃[k])                    NaN in the first steps, before delays are filled

A step of the network is a point. Training recordings are windows of the first 750 points, once as they are, and then
with noise: p̃ = p + ε drives the channels, and the change leads back to the series. The next 750 points are the test.

The equation is integrated by the classical method of Runge and Kutta with fixed steps, which end at every multiple of
τ, where derivatives jump. Values between two steps are those of the cubic of Hermite, of the same order as the method.

Shapes   points (point,) · raster (recording, time, channel) · target (recording, time, 1)
Units    t, τ, Λ in units of the equation · ε, w in units of x
Names    Λ lyapunov_time, x₀ start: numbers of NeuroBench for each τ · w width of the tuning
Source   M. Mackey & L. Glass 1977, Science 197:287; the task: Yik et al. 2025, Nature Communications 16:1545
Differs  NeuroBench's series were computed once by jitcdde (Bogacki and Shampine's pair of order 3, adaptive steps, also
         with cubics of Hermite), and are downloads, as chaos makes rounding visible within some Lyapunov times. These
         are computed here, from the same equation, τ, x₀ and Λ: other points of the same attractors
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from snnsim.data.recordings import Recordings
from snnsim.data.synthetic.dataset import GridDataset
from snnsim.data.synthetic.files import recordings
from snnsim.data.targets import Target
from snnsim.validation import integer, require

VERSION = 1
"""A number that is raised when the same seed gives other recordings."""
BETA, GAMMA, EXPONENT = 0.2, 0.1, 10
POINTS_PER_LYAPUNOV_TIME = 75
TRAINED = TESTED = 750
"""Points of the training part and of the test part: ten Lyapunov times each."""
LOW, HIGH = 0.1, 1.5
"""Range of the channels, which holds all series."""
TARGET = "change"


class Setting(NamedTuple):
    """Numbers of NeuroBench for one delay."""

    lyapunov_time: int
    start: float
    """Value of the series before time 0."""


SETTINGS = {
    17: Setting(197, 0.7206597), 18: Setting(138, 0.7744313), 19: Setting(315, 0.7783468),
    20: Setting(131, 0.9225991), 21: Setting(191, 0.9479431), 22: Setting(119, 0.5455960),
    23: Setting(106, 0.8622247), 24: Setting(97, 0.3259660), 25: Setting(98, 0.8297825),
    26: Setting(104, 1.0033490), 27: Setting(112, 0.6491406), 28: Setting(119, 1.0957495),
    29: Setting(131, 0.9256179), 30: Setting(139, 0.2713639),
}  # fmt: skip
"""The 14 settings by τ."""


@dataclass(frozen=True)
class Recipe:
    """A series, its code and its windows."""

    tau: int = 17
    """Delay of the equation, one of SETTINGS."""
    channels: int = 128
    active: int = 12
    """Channels that fire at a time: width of the tuning, in distances of two centers."""
    levels: int = 1
    """Spikes of a channel whose center is the value; 1 is one spike over all of the width."""
    gain: float = 10.0
    """Factor of the changes, which brings them near to the range −1 to 1."""
    window: int = 150
    """Steps of a recording."""
    stride: int = 50
    """Points between the starts of two windows."""
    warm_up: int = 25
    """First steps of a window, which have no target."""
    copies: int = 8
    """Number of times that each training window is shown, all but the first with noise."""
    noise: float = 0.01
    """Standard deviation of the noise."""
    time_step_ms: float = 10.0
    """Length of a step."""


def setting_of(tau: int) -> Setting:
    """Return the numbers of a delay.

    Args:
        tau: The delay.

    Raises:
        ValueError: If it is none of SETTINGS.
    """
    known = f"{min(SETTINGS)} to {max(SETTINGS)}"
    require(tau in SETTINGS, f"chaotic: the delay of a series must be an integer from {known}, not {tau}")
    return SETTINGS[tau]


def derivative(value: float, delayed: float) -> float:
    """Return dx/dt.

    Args:
        value: x at a time.
        delayed: x at a time τ earlier.
    """
    return BETA * delayed / (1 + delayed**EXPONENT) - GAMMA * value


def points(tau: int, count: int, *, first: int = 0, steps_per_unit: int = 10) -> np.ndarray:
    """Return points of a series, float64 (point,).

    Args:
        tau: Delay of the equation, one of SETTINGS.
        count: Number of points.
        first: Number of the first point; point 0 is at time 0.
        steps_per_unit: Steps of the integration in a unit of time.

    Raises:
        ValueError: If the delay is none of the settings, or a number is below 0.
    """
    setting = setting_of(tau)
    first = integer(first, who="points", name="first", at_least=0)
    count = integer(count, who="points", name="count", at_least=0)
    time = np.arange(first, first + count) * setting.lyapunov_time / POINTS_PER_LYAPUNOV_TIME * steps_per_unit
    value, slope = _integrated(tau, int(time.max(initial=0)) + 2, steps_per_unit)
    index = time.astype(np.int64)
    u, h = time - index, 1 / steps_per_unit
    # the cubic of Hermite through values and slopes at both ends of a step
    ends = (1 + 2 * u) * (1 - u) ** 2 * value[index] + u**2 * (3 - 2 * u) * value[index + 1]
    result: np.ndarray = ends + h * u * (1 - u) * ((1 - u) * slope[index] - u * slope[index + 1])
    return result


def _integrated(tau: int, steps: int, steps_per_unit: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values and slopes at the ends of steps from time 0 on, each (step + 1,)."""
    h, lag = 1 / steps_per_unit, tau * steps_per_unit
    value, slope = [setting_of(tau).start] * (lag + 1), [0.0] * lag
    slope.append(derivative(value[lag], value[0]))
    for now in range(lag, lag + steps):
        before, after = now - lag, now - lag + 1
        # at time 0, the slope jumps: before it, the series is constant
        slope_after = slope[after] if after != lag else 0.0
        middle = (value[before] + value[after]) / 2 + h / 8 * (slope[before] - slope_after)
        x, first = value[now], slope[now]
        second = derivative(x + h / 2 * first, middle)
        third = derivative(x + h / 2 * second, middle)
        fourth = derivative(x + h * third, value[after])
        value.append(x + h / 6 * (first + 2 * second + 2 * third + fourth))
        slope.append(derivative(value[-1], value[after]))
    return np.array(value[lag:]), np.array(slope[lag:])


def raster(values: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the spikes of values (..., channel): bool, and int64 of a graded code.

    Args:
        values: Values of the series, or near to it (...).
        recipe: Channels, width and levels of the tuning.
    """
    center, distance = np.linspace(LOW, HIGH, recipe.channels, retstep=True)
    away = np.abs(np.asarray(values)[..., None] - center) / (recipe.active * distance / 2)
    spikes: np.ndarray = away < 1
    if recipe.levels > 1:
        spikes = np.round(recipe.levels * np.maximum(1 - away, 0)).astype(np.int64)
    return spikes


def windows(series: np.ndarray, recipe: Recipe, noise: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
    """Return raster and target of the windows of a series.

    Args:
        series: Points, of which the last one is a target alone (point,).
        recipe: Length, stride and copies of windows, and the code.
        noise: Generator of noisy copies; None for no copies.
    """
    starts = np.arange(0, len(series) - recipe.window, recipe.stride)
    true = np.lib.stride_tricks.sliding_window_view(series, recipe.window + 1)[starts]
    true = np.tile(true, (1 if noise is None else recipe.copies, 1))
    shown = true[:, :-1].copy()
    if noise is not None:
        shown[len(starts) :] += recipe.noise * noise.standard_normal((len(shown) - len(starts), recipe.window))
    change = recipe.gain * (true[:, 1:] - shown)
    change[:, : recipe.warm_up] = np.nan
    return raster(shown, recipe), change[..., None]


def make(seed: int, recipe: Recipe = Recipe()) -> dict[str, Recordings]:
    """Return the recordings of every split; validation windows follow the test part.

    Args:
        seed: Seed of the noise.
        recipe: The series, its code and its windows.
    """
    series = points(recipe.tau, TRAINED + 2 * TESTED + 1)
    generator, splits = np.random.default_rng(seed), {}
    for split, first in (("train", 0), ("test", TRAINED), ("valid", TRAINED + TESTED)):
        part = series[first : first + TRAINED + 1]
        rasters, change = windows(part, recipe, generator if split == "train" else None)
        plain = recordings(rasters, np.full(len(rasters), -1), (), time_step_ms=recipe.time_step_ms)
        target = Target.of(change, (TARGET,), step_ms=recipe.time_step_ms)
        splits[split] = replace(plain, targets={TARGET: target})
    return splits


CHAOTIC = GridDataset("chaotic", Recipe(), VERSION, make)
