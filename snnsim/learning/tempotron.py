"""Tempotron: a neuron learns to fire at some spike patterns, from the highest value of its membrane alone.

    V(t) = Σ_i w_i Σ_{t_i < t} K(t − t_i − d_i)      K(t) = V₀ (exp(−t / τ) − exp(−t / τ_s)), 1 at its peak
    fires if V(t_max) ≥ θ, with t_max the time of the highest V
    wrong        Δw_i = ± η Σ_{t_i + d_i < t_max} K(t_max − t_i − d_i)      + if a spike was wanted, − if not
    momentum     each Δw has μ times the last one added
    margin κ     patterns count as wrong for learning until V(t_max) is θ + κ or more, or below θ − κ

With several classes, each has a neuron that learns to fire at the patterns of its class; the neuron with the highest V
decides. `scripts/meta/tempotron.py` measures the capacity; `snnsim reproduce meta` trains by the same error through the
neurons' own membranes, see losses.highest_membrane.

Shapes   weight, delay d (neuron, source) · wanted bool (pattern, neuron) · peaks (pattern, neuron)
Units    times and delays in ms · w, V, θ in peaks of a single input
Source   Gütig & Sompolinsky 2006, Nature Neurosci. 9:420
Differs  t_max is exact, not on a grid. After a spike the neuron of the paper ignores its inputs; here it does not, as
         only the highest V counts. The fixed delays d are ours
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from snnsim import validation
from snnsim.kernels.plasticity import psp
from snnsim.kernels.plasticity import tempotron as kernel
from snnsim.renamed import attributes

__getattr__ = attributes(__name__, {"of_times": "from_times", "of_rasters": "from_rasters", "one_for_each": "one_hot"})


class Trains(NamedTuple):
    """Spike patterns: the spike trains of all patterns, one after the other."""

    time_ms: np.ndarray
    """float64 (event,), sorted within each pattern."""
    source: np.ndarray
    """int64 (event,)."""
    offset: np.ndarray
    """int64 (pattern + 1,): the events of pattern p are offset[p] to offset[p + 1]."""


@dataclass(frozen=True)
class Tempotron:
    """Time constants of a neuron, and its learning rule.

    Raises:
        ValueError: If a value is out of its range.
    """

    tau_ms: float = 15.0
    """Time constant τ of the fall of a potential."""
    tau_s_ms: float = 3.75
    """Time constant τ_s of its rise."""
    threshold: float = 1.0
    """θ."""
    margin: float = 0.0
    """κ."""
    rate: float = 1e-3
    """Learning rate η."""
    momentum: float = 0.99
    """μ."""

    def __post_init__(self) -> None:
        psp.scale(self.tau_ms, self.tau_s_ms)
        for name in ("threshold", "margin", "rate", "momentum"):
            validation.real(getattr(self, name), who="Tempotron", name=name)
        if not (self.threshold > 0 and self.margin >= 0 and self.rate > 0 and 0 <= self.momentum < 1):
            raise ValueError(
                "Tempotron: threshold and rate must be positive, the margin 0 or more, the momentum from 0 to below 1; "
                f"got threshold {self.threshold}, rate {self.rate}, margin {self.margin}, momentum {self.momentum}"
            )

    def constants(self) -> kernel.Constants:
        """Return τ, τ_s and V₀, the argument of the kernel."""
        return kernel.Constants(self.tau_ms, self.tau_s_ms, psp.scale(self.tau_ms, self.tau_s_ms))


class Fitted(NamedTuple):
    """The result of `fit`."""

    weight: np.ndarray
    """float64 (neuron, source)."""
    wrong: np.ndarray
    """int64 (epoch, neuron), number of wrong patterns of each neuron; 0 once it has learned all."""


class Peaks(NamedTuple):
    """The highest membranes of patterns."""

    time_ms: np.ndarray
    """t_max, (pattern, neuron)."""
    value: np.ndarray
    """V(t_max), (pattern, neuron)."""


def from_times(time_ms: ArrayLike) -> Trains:
    """Return spike patterns with at most one spike of each source.

    Args:
        time_ms: Time of each source's spike in ms, (pattern, source); NaN for no spike.
    """
    time = validation.numbers(time_ms, who="from_times", name="times", axes=2, missing=True)
    pattern, source = np.nonzero(~np.isnan(time))
    return _sorted(time[pattern, source], source, pattern, len(time))


def from_rasters(spikes: ArrayLike, *, time_step_ms: float) -> Trains:
    """Return spike patterns from rasters.

    Args:
        spikes: Rasters (time, pattern, source); every value but 0 is a spike, at the beginning of its step.
        time_step_ms: Duration of a step in ms, above 0.
    """
    raster = validation.numbers(spikes, who="from_rasters", name="spikes", axes=3)
    time_step_ms = validation.positive(time_step_ms, who="from_rasters", name="time_step_ms")
    step, pattern, source = np.nonzero(raster)
    return _sorted(step * time_step_ms, source, pattern, raster.shape[1])


def fit(  # noqa: PLR0913
    weight: np.ndarray,
    trains: Trains,
    wanted: np.ndarray,
    generator: np.random.Generator,
    *,
    rule: Tempotron = Tempotron(),
    epochs: int = 1000,
    delay_ms: np.ndarray | None = None,
) -> Fitted:
    """Return weights after training; a neuron that is right on all patterns of an epoch stops learning.

    Args:
        weight: Weights at the start, (neuron, source).
        trains: The patterns.
        wanted: Whether each neuron must fire at each pattern, bool (pattern, neuron), or (pattern,) for one neuron.
        generator: Generator of the order of the patterns, drawn anew for each epoch.
        rule: Time constants and learning rule.
        epochs: Number of epochs.
        delay_ms: Delays of the synapses, (neuron, source); None for none.

    Raises:
        ValueError: If the shapes do not match.
    """
    weight, trains = validation.numbers(weight, who="fit", name="weights").copy(), _checked(trains)
    patterns = len(trains.offset) - 1
    epochs = validation.integer(epochs, who="fit", name="epochs", at_least=0, at_most=10**7)
    wanted = validation.numbers(wanted, who="fit", name="wanted").astype(bool)
    if wanted.ndim == 1 and len(wanted) == patterns:
        wanted = wanted[:, None]
    if weight.ndim != 2 or wanted.shape != (patterns, len(weight)):
        raise ValueError(
            f"fit: weights (neuron, source) {weight.shape} need wanted (pattern, neuron) for {patterns} patterns, not "
            f"{wanted.shape}"
        )
    wrong = np.zeros((epochs, len(weight)), np.int64)
    constants, numbers = rule.constants(), kernel.Rule(rule.threshold, rule.margin, rule.rate, rule.momentum)
    for neuron, row in enumerate(weight):
        events, change = _arriving(trains, rule, delay_ms, neuron, weight.shape), np.zeros_like(row)
        aim = np.ascontiguousarray(wanted[:, neuron])
        for number in range(epochs):
            before, order = row.copy(), generator.permutation(patterns)
            wrong[number, neuron] = kernel.epoch(row, change, events, aim, order, constants, numbers)
            if wrong[number, neuron] == 0 and np.array_equal(row, before):
                break
    return Fitted(weight, wrong)


def peaks(
    weight: np.ndarray, trains: Trains, *, rule: Tempotron = Tempotron(), delay_ms: np.ndarray | None = None
) -> Peaks:
    """Return time and value of the highest membranes.

    Args:
        weight: Weights (neuron, source).
        trains: The patterns.
        rule: Time constants.
        delay_ms: Delays of the synapses, (neuron, source); None for none.
    """
    weight, trains = validation.numbers(weight, who="peaks", name="weights", axes=2), _checked(trains)
    highest = np.empty((len(weight), len(trains.offset) - 1, 2))
    for neuron, row in enumerate(weight):
        kernel.peaks(row, _arriving(trains, rule, delay_ms, neuron, weight.shape), rule.constants(), highest[neuron])
    return Peaks(highest[..., 0].T, highest[..., 1].T)


def one_hot(label: ArrayLike, classes: int) -> np.ndarray:
    """Return the one-hot matrix of labels, bool (pattern, class): the neurons that must fire.

    Args:
        label: Class of each pattern, integers (pattern,).
        classes: Number of classes, at least 1, each with a neuron of its own.
    """
    labels = validation.integers(label, who="one_hot", name="labels")
    matrix: np.ndarray = labels[:, None] == np.arange(
        validation.integer(classes, who="one_hot", name="classes", at_least=1)
    )
    return matrix


def _arriving(
    trains: Trains, rule: Tempotron, delay_ms: np.ndarray | None, neuron: int, shape: tuple[int, ...]
) -> kernel.Patterns:
    """Return the events of all patterns at their arrival at a neuron, with the decays between them.

    Raises:
        ValueError: If a source has no weight, or delays do not match.
    """
    if len(trains.source) and trains.source.max() >= shape[1]:
        raise ValueError(f"tempotron: a spike names source {trains.source.max()}, but there are weights of {shape[1]}")
    if delay_ms is not None:
        delay = validation.numbers(delay_ms, who="tempotron", name="delays")
        if delay.shape != shape or delay.min(initial=0) < 0:
            raise ValueError(f"tempotron: delays must be 0 or more, (neuron, source) {shape}; got shape {delay.shape}")
        pattern = np.repeat(np.arange(len(trains.offset) - 1), np.diff(trains.offset))
        late = trains.time_ms + delay[neuron, trains.source]
        trains = _sorted(late, trains.source, pattern, len(trains.offset) - 1)
    decay, decay_s = (kernel.decays(trains.time_ms, trains.offset, tau) for tau in (rule.tau_ms, rule.tau_s_ms))
    return kernel.Patterns(trains.time_ms, trains.source, decay, decay_s, trains.offset)


def _checked(trains: Trains) -> Trains:
    """Return checked trains: sources from 0 on, times sorted within each pattern.

    Raises:
        TypeError: If they are no Trains.
        ValueError: If lengths, sources, times or offsets do not match.
    """
    if not isinstance(trains, Trains):
        raise TypeError(
            f"tempotron: patterns must be Trains, of from_times or from_rasters, not {validation.shown(trains)}"
        )
    time = validation.numbers(trains.time_ms, who="tempotron", name="times", axes=1)
    source = validation.integers(trains.source, who="tempotron", name="sources")
    offset = validation.integers(trains.offset, who="tempotron", name="offsets")
    ends = len(offset) > 0 and offset[0] == 0 and offset[-1] == len(time)
    if len(source) != len(time) or not ends or np.any(np.diff(offset) < 0):
        raise ValueError(
            "tempotron: every spike must have a time and a source, and offsets must lead from 0 to their number; there "
            f"are {len(time)} times, {len(source)} sources and {len(offset)} offsets"
        )
    if source.min(initial=0) < 0:
        raise ValueError(f"tempotron: sources must be 0 or more, not {source.min()}")
    back = np.diff(time) < 0
    # a pattern may begin before the end of the one before it
    begins = offset[1:-1]
    back[begins[(begins > 0) & (begins < len(time))] - 1] = False
    if back.any():
        raise ValueError(f"tempotron: times must be sorted within each pattern; spike {int(back.argmax()) + 1} is not")
    return Trains(time, source, offset)


def _sorted(time: np.ndarray, source: np.ndarray, pattern: np.ndarray, patterns: int) -> Trains:
    order = np.lexsort((time, pattern))
    offset = np.searchsorted(pattern[order], np.arange(patterns + 1))
    return Trains(time[order].astype(np.float64), source[order].astype(np.int64), offset)
