"""Activity of a population: rates, irregularity, correlations and synchrony, and the distance of distributions.

    rate                ν  = spikes / duration, of each neuron
    irregularity        CV = standard deviation / mean of a neuron's intervals, of neurons with 3 spikes or more
    correlation         ρ  = Pearson's coefficient of the counts of two neurons, in bins of 2 ms
    synchrony           variance / mean of the counts of the population, in bins of 3 ms
    distance (KS)       largest difference of two cumulative distributions

Shapes   step, neuron (spike,), in the order of steps
Units    steps; rates Hz
Source   the measures of Potjans and Diesmann 2014; distances between seeds as the scale: Senk et al. 2026
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from snnsim.validation import indices, integer, integers, positive, require

LEAST_SPIKES = 3
"""Number of spikes from which a neuron has an irregularity."""
PAIRS_OF = 200
"""Number of neurons whose pairs are correlated."""
_CORRELATION_MS, _SYNCHRONY_MS = 2.0, 3.0


class Activity(NamedTuple):
    """Measures of one population."""

    rate: np.ndarray
    """Of each neuron, (neuron,)."""
    cv: np.ndarray
    """Of the neurons that have one."""
    correlation: np.ndarray
    """Of each pair of the first 200 neurons that fire; neurons whose counts are all equal have none."""
    synchrony: float
    """NaN without a spike."""


def activity(step: np.ndarray, neuron: np.ndarray, *, size: int, steps: int, step_ms: float) -> Activity:
    """Return the measures of a population.

    Args:
        step: Steps of the spikes, from 0 to below `steps` (spike,).
        neuron: Neurons of the spikes, from 0 to below `size` (spike,).
        size: Number of neurons.
        steps: Number of steps.
        step_ms: Length of a step.

    Raises:
        TypeError: If a number is no integer.
        ValueError: If a number is out of range.
    """
    who, step_ms = "activity", positive(step_ms, who="activity", name="step_ms")
    size, steps = (integer(value, who=who, name=name, at_least=1) for name, value in (("size", size), ("steps", steps)))
    step, neuron = indices(step, steps, who=who, name="step"), indices(neuron, size, who=who, name="neuron")
    require(len(step) == len(neuron), f"{who}: step and neuron must be as many, not {len(step)} and {len(neuron)}")
    order = np.lexsort((step, neuron))
    step, neuron = step[order], neuron[order]
    rate = np.bincount(neuron, minlength=size) / (steps * step_ms / 1000)
    must = f"{who}: step_ms must be at most {_CORRELATION_MS:g}, the length of a bin, not {step_ms:g}"
    require(step_ms <= _CORRELATION_MS, must)
    correlated, synchronous = round(_CORRELATION_MS / step_ms), round(_SYNCHRONY_MS / step_ms)
    return Activity(
        rate, _irregularity(step, neuron), _correlations(step, neuron, steps // correlated, correlated),
        _synchrony(step, steps // synchronous, synchronous),
    )  # fmt: skip


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the distance of two distributions, from 0 to 1; NaN if one has no value.

    Args:
        one: Values of a distribution (value,).
        other: Values of the other (value,).
    """
    if not len(one) or not len(other):
        return float("nan")
    return float(stats.ks_2samp(one, other, method="asymp").statistic)


def _irregularity(step: np.ndarray, neuron: np.ndarray) -> np.ndarray:
    """Return the CV of each neuron with enough spikes; spikes are sorted by neuron and step."""
    names, neuron, counts = np.unique(neuron, return_inverse=True, return_counts=True)
    same = neuron[1:] == neuron[:-1]
    owner, interval = neuron[1:][same], np.diff(step)[same].astype(float)
    number = np.maximum(counts - 1, 1)
    mean = np.bincount(owner, interval, len(names)) / number
    square = np.bincount(owner, (interval - mean[owner]) ** 2, len(names)) / number
    enough = counts >= LEAST_SPIKES
    variation: np.ndarray = np.sqrt(square[enough]) / mean[enough]
    return variation


def _correlations(step: np.ndarray, neuron: np.ndarray, bins: int, width: int) -> np.ndarray:
    chosen = np.unique(neuron)[:PAIRS_OF]
    inside = np.isin(neuron, chosen) & (step < bins * width)
    counts = np.zeros((len(chosen), bins), np.float32)
    np.add.at(counts, (np.searchsorted(chosen, neuron[inside]), step[inside] // width), 1)
    if bins < 2:
        return np.zeros(0)
    counts = counts[counts.min(1) < counts.max(1)]
    if len(counts) < 2:
        return np.zeros(0)
    coefficients: np.ndarray = np.corrcoef(counts)[np.triu_indices(len(counts), 1)]
    return coefficients


def _synchrony(step: np.ndarray, bins: int, width: int) -> float:
    inside = integers(step[step < bins * width], who="activity", name="step")
    counts = np.bincount(inside // width, minlength=bins)
    return float(counts.var() / counts.mean()) if counts.any() else float("nan")
