"""The scale of every neuron of a population, and its threshold, bias and decay in integers.

    s = largest |w| / (c K)                  where all numbers are integer multiples of a step: K of common.py, c the
                                             largest that the bits of weights and membranes allow; w, θ, b are exact
    s = r · largest |w| / (2^(N−1) − 1)      elsewhere, by grids.py; larger where θ or b would not fit into the word
    unit = s / 2^shift                       unit of a membrane
    θ → ⌈θ / unit⌉      b → round(b / unit)      β → round(β 2^decay_bits)      of sigma_delta, θ → ⌊θ / unit⌋
    a second state variable has the unit of the membrane: its jump is rounded as a bias, its decay, gain and coupling
    as a decay

Names    w weight · θ threshold · b bias · β decay · N bits of a weight · shift `weight_shift`
Exact    a sum of weights and bias that reaches θ in floats reaches it in integers, and one that is below stays below
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnsim.program import ConvEdge, FixedPoint, Population, Program
from snnsim.quantization import common, grids

MOVED = common.SINGLE
"""Relative change from which a number counts as moved: the precision of float32."""

MOVES = (
    "thresholds_moved", "largest_move", "biases_moved", "biases_to_0", "decays_moved", "decays_to_0", "decays_to_1",
)  # fmt: skip
"""Names of the counts and sizes of changes of a population."""


@dataclass(frozen=True)
class Scales:
    """The scale of every neuron (neuron,)."""

    scale: np.ndarray
    exact: np.ndarray
    """Whether threshold and bias are integer multiples of the unit of the membrane (neuron,)."""


@dataclass(frozen=True)
class _Groups:
    """Groups of neurons that share a scale: single neurons, those of a channel, or a population."""

    weight: np.ndarray
    group: np.ndarray
    """The group of each weight."""
    owner: np.ndarray
    """The group of each neuron."""
    size: int
    """Number of groups."""

    @classmethod
    def of(cls, program: Program, population: Population, *, channel: bool) -> "_Groups":
        edges = [edge for edge in program.edges if edge.target == population.name]
        # the neurons at all positions of a channel share weights, and so a scale
        channels = [edge.geometry.target.channels for edge in edges if isinstance(edge, ConvEdge)]
        if population.model == "sigma_delta":
            # their messages count in their scale, and a convolution has one weight for all positions of a channel
            behind = (edge for edge in program.convolutions if edge.source == population.name)
            channels += [edge.geometry.source.channels for edge in behind]
        size = math.gcd(population.size, *channels)
        neuron = np.arange(population.size) % size
        weight = np.concatenate([np.zeros(0), *(edge.weight for edge in edges)])
        post = np.concatenate([np.zeros(0, np.int64), *(edge.of_targets(neuron) for edge in edges)])
        if channel:
            return cls(weight, post, neuron, size)
        return cls(weight, np.zeros_like(post), np.zeros_like(neuron), 1)

    def most(self, value: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Return the largest value of each group, at least 0."""
        largest = np.zeros(self.size)
        np.maximum.at(largest, group, value)
        return largest


def scales(program: Program, population: Population, fixed: FixedPoint, *, kind: str, channel: bool) -> Scales:
    """Return the scales of a population, over all edges that lead to it.

    Args:
        program: A Program in floats.
        population: One of its populations.
        fixed: The arithmetic of the quantized Program.
        kind: "int2" to "int16", or "ternary".
        channel: Whether each neuron has its own scale; otherwise the population has one.
    """
    groups = _Groups.of(program, population, channel=channel)
    threshold = population.threshold if population.fires else np.zeros(population.size)
    jump = 0 if population.jump is None else np.abs(population.jump)
    peak = groups.most(np.maximum(np.maximum(threshold, np.abs(population.bias)), jump), groups.owner)
    most = np.full(groups.size, grids.largest(kind))
    scale, exact = _exact_scale(groups, threshold, population.bias, peak, _Range(fixed, most))
    inexact = scale == 0
    if inexact.any():
        of_weights = grids.scaled(groups.weight, groups.group, groups.size, kind=kind, search=True)
        of_peak = peak / (fixed.limit - 1) * 2**fixed.weight_shift
        scale = np.where(inexact, grids.short(np.maximum(of_weights, of_peak), up=True), scale)
    return Scales(scale[groups.owner], exact[groups.owner])


@dataclass(frozen=True)
class _Range:
    """The range of integers."""

    fixed: FixedPoint
    most: np.ndarray
    """The largest integer weight of each group (group,)."""

    def steps(self, largest: np.ndarray, peak: np.ndarray, *, spare: float) -> np.ndarray:
        """Return the largest integer for the largest weight with which threshold and bias still fit into the word.

        Args:
            largest: The largest weight of each group (group,).
            peak: The largest threshold or bias of each group (group,).
            spare: Units of the membrane that must remain below the limit of the word.
        """
        ends = np.full(len(largest), np.inf)
        np.divide((self.fixed.limit - spare) * largest, peak * 2**self.fixed.weight_shift, out=ends, where=peak > 0)
        # rounding may put a peak that reaches the limit exactly slightly above the limit
        steps: np.ndarray = np.floor(np.minimum(ends * (1 + 2**-40), self.most)).astype(np.int64)
        return steps


def _exact_scale(
    groups: _Groups, threshold: np.ndarray, bias: np.ndarray, peak: np.ndarray, limits: _Range
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale of each group whose weights are multiples of a step, else 0, and whether all its numbers are."""
    size, bias = np.abs(groups.weight), np.abs(bias)
    largest = groups.most(size, groups.group)
    bare = largest == 0
    # without weights, the scale only has to represent the threshold and the bias
    largest = np.where(bare, np.where(peak > 0, peak, 1.0), largest)
    limits = replace(limits, most=np.where(bare, limits.fixed.limit, limits.most))
    slack = _slack_of_weights(groups, largest)[groups.group]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        weights = size / largest[groups.group]
        others = np.concatenate([threshold, bias]) / largest[np.tile(groups.owner, 2)] * 2**limits.fixed.weight_shift
        both = np.tile(groups.owner, 2)
        all_slack = np.concatenate([slack, _slack_of_neurons(groups, threshold, bias, largest)])
        top = limits.steps(largest, peak, spare=0)
        together = common.fewest(
            np.concatenate([weights, others]), all_slack, np.concatenate([groups.group, both]), top
        )
        below = limits.steps(largest, peak, spare=1)
        alone = common.fewest(weights, slack, groups.group, np.where(together > 0, 0, below))
    count = np.where(together > 0, together, alone)
    top = np.where(together > 0, top, below)
    # a group without weights gets no finer scale than weights would give it, unless its numbers need one
    top = np.where(bare, np.minimum(top, np.maximum(count, 2**limits.fixed.weight_bits)), top)
    steps = top // np.maximum(count, 1) * count
    scale = np.divide(largest, steps, out=np.zeros(groups.size), where=steps > 0)
    return scale, together > 0


def _slack_of_weights(groups: _Groups, largest: np.ndarray) -> np.ndarray:
    """Return the slack of the weights of each group (group,).

    Weights are rounded together: among weights of float32, one of few bits is rounded, too.
    """
    of_weights = groups.most(common.rounding(groups.weight), groups.group)
    slack: np.ndarray = np.maximum(common.rounding(largest), of_weights)
    return slack


def _slack_of_neurons(groups: _Groups, threshold: np.ndarray, bias: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Return the slack of thresholds and biases.

    A threshold of 24 bits counts as exact where the weights and biases of its group are exact.
    """
    of_weights = groups.most(common.rounding(groups.weight), groups.group)
    of_biases = groups.most(common.rounding(bias), groups.owner)
    group = np.maximum(of_weights, of_biases)[groups.owner]
    of_threshold = np.minimum(common.rounding(threshold), np.maximum(group, common.DOUBLE))
    other = _slack_of_weights(groups, largest)[groups.owner]
    return np.concatenate([np.maximum(of_threshold, other), np.maximum(common.rounding(bias), other)])


def in_integers(population: Population, scales: Scales, fixed: FixedPoint) -> tuple[Population, dict[str, Any]]:
    """Return a population in integers, and the counts and sizes of changes by the names in MOVES.

    Args:
        population: A population in floats.
        scales: Its scales.
        fixed: The arithmetic of the quantized Program.
    """
    unit, one = scales.scale / 2**fixed.weight_shift, 2**fixed.decay_bits
    level, push = population.threshold / unit, population.bias / unit
    reached = np.ceil(level * (1 - common.DOUBLE))
    if population.model == "sigma_delta":
        # it sends above its threshold alone, and not at it
        reached = np.floor(level * (1 + common.DOUBLE))
    threshold = np.where(scales.exact, np.rint(level), reached)
    threshold = np.maximum(threshold, 1) if population.fires else np.ones(population.size)
    bias, decay = np.rint(push), np.rint(population.decay * one)
    moved = _relative_change(threshold, level) if population.fires else np.zeros(population.size)
    change: dict[str, Any] = {
        "population": population.name,
        "neurons": population.size,
        "thresholds_moved": int((moved > MOVED).sum()),
        "largest_move": float(moved.max()),
        "biases_moved": int((_relative_change(bias, push) > MOVED).sum()),
        "biases_to_0": int(((bias == 0) & (population.bias != 0)).sum()),
        "decays_moved": int((decay != population.decay * one).sum()),
        "decays_to_0": int(((decay == 0) & (population.decay > 0)).sum()),
        "decays_to_1": int(((decay == one) & (population.decay < 1)).sum()),
    }
    second, moved_decays = _second_in_integers(population, unit, one)
    for name, count in moved_decays.items():
        change[name] += count
    integers = replace(
        population,
        decay=decay.astype(np.int64),
        threshold=threshold.astype(np.int64),
        bias=bias.astype(np.int64),
        scale=grids.short(scales.scale) * population.scale / 2**fixed.weight_shift,
        **second,
    )
    return integers, change


def _second_in_integers(population: Population, unit: np.ndarray, one: int) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the coefficients of a second state variable in integers, and the counts of its decays that moved."""
    arrays: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for name in ("gain", "second_decay", "coupling"):
        value = getattr(population, name)
        if value is not None:
            arrays[name] = np.rint(value * one).astype(np.int64)
    if "gain" in arrays:
        # a gain of 0 would cut the neuron off
        arrays["gain"] = np.maximum(arrays["gain"], 1)
    if population.jump is not None:
        arrays["jump"] = np.rint(population.jump / unit).astype(np.int64)
    if population.second_decay is not None:
        before, decay = population.second_decay, arrays["second_decay"]
        counts = {
            "decays_moved": int((decay != before * one).sum()),
            "decays_to_0": int(((decay == 0) & (before > 0)).sum()),
            "decays_to_1": int(((decay == one) & (before < 1)).sum()),
        }
    return arrays, counts


def _relative_change(integer: np.ndarray, value: np.ndarray) -> np.ndarray:
    change: np.ndarray = np.abs(integer - value) / np.maximum(np.abs(value), np.finfo(np.float64).tiny)
    return change
