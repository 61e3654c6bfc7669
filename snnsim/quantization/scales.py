"""The scale of every neuron of a population, and what its threshold, bias and decay are in integers.

    s = largest |w| / (c K)                  where all numbers are whole multiples of a step: K of common.py, c as large
                                             as the bits of a weight and the membrane's word allow; w, θ and b are exact
    s = r · largest |w| / (2^(N−1) − 1)      else, by grids.py; raised where θ or b would not fit into the word
    unit = s / 2^shift                       what a membrane counts in
    θ → ⌈θ / unit⌉      b → round(b / unit)      β → round(β 2^decay_bits)

Exact    a sum of weights and bias that reaches θ in floats reaches it in integers, and one that is below stays below
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnsim.program import FixedPoint, Population, Program
from snnsim.quantization import common, grids

MOVED = common.SINGLE
"""Share of a number by which it must have changed to count as moved; float32 does not tell less."""

MOVES = (
    "thresholds_moved", "largest_move", "biases_moved", "biases_to_0", "decays_moved", "decays_to_0", "decays_to_1",
)  # fmt: skip
"""What is counted of a population."""


@dataclass(frozen=True)
class Scales:
    """The scale of every neuron (neuron,)."""

    scale: np.ndarray
    exact: np.ndarray
    """Where threshold and bias are whole multiples of the membrane's unit, as the weights are of the scale."""


@dataclass(frozen=True)
class _Groups:
    """What shares scales: each neuron, or a whole population."""

    weight: np.ndarray
    group: np.ndarray
    """The group of each weight."""
    owner: np.ndarray
    """The group of each neuron."""
    size: int

    @classmethod
    def into(cls, program: Program, part: Population, *, channel: bool) -> "_Groups":
        edges = [edge for edge in program.edges if edge.target == part.name]
        weight = np.concatenate([np.zeros(0), *(edge.weight for edge in edges)])
        post = np.concatenate([np.zeros(0, np.int64), *(edge.post for edge in edges)])
        neuron = np.arange(part.size)
        if channel:
            return cls(weight, post, neuron, part.size)
        return cls(weight, np.zeros_like(post), np.zeros_like(neuron), 1)

    def most(self, value: np.ndarray, group: np.ndarray) -> np.ndarray:
        found = np.zeros(self.size)
        np.maximum.at(found, group, value)
        return found


def scales(program: Program, part: Population, fixed: FixedPoint, *, kind: str, channel: bool) -> Scales:
    """Return the scales of a population, over all edges that lead to it.

    Args:
        program: A Program in floats.
        part: One of its populations.
        fixed: The arithmetic to come.
        kind: Such as int8, or ternary.
        channel: Whether each neuron has a scale of its own, or all of them the same.
    """
    groups = _Groups.into(program, part, channel=channel)
    threshold = part.threshold if part.fires else np.zeros(part.size)
    peak = groups.most(np.maximum(threshold, np.abs(part.bias)), groups.owner)
    scale, exact = _whole(groups, threshold, part.bias, peak, _Room(fixed, grids.largest(kind)))
    rest = scale == 0
    if rest.any():
        found = grids.scaled(groups.weight, groups.group, groups.size, kind=kind, search=True)
        needed = peak / (fixed.limit - 1) * 2**fixed.weight_shift
        scale = np.where(rest, grids.short(np.maximum(found, needed), up=True), scale)
    return Scales(scale[groups.owner], exact[groups.owner])


@dataclass(frozen=True)
class _Room:
    fixed: FixedPoint
    largest: int

    def steps(self, most: np.ndarray, peak: np.ndarray, *, spare: float) -> np.ndarray:
        """Return the largest integer that the largest weight may become, so that threshold and bias still fit."""
        ends = np.full(len(most), np.inf)
        np.divide((self.fixed.limit - spare) * most, peak * 2**self.fixed.weight_shift, out=ends, where=peak > 0)
        # a limit that is reached exactly may come out a rounding below
        return np.floor(np.minimum(ends * (1 + 2**-40), self.largest)).astype(np.int64)


def _whole(
    groups: _Groups, threshold: np.ndarray, bias: np.ndarray, peak: np.ndarray, room: _Room
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale of each group whose weights are multiples of a step, else 0; and whether all its numbers are."""
    size, bias = np.abs(groups.weight), np.abs(bias)
    largest = groups.most(size, groups.group)
    bare = largest == 0
    # without weights, whatever shows the threshold well
    largest = np.where(bare, np.where(peak > 0, peak, 1.0), largest)
    room = replace(room, largest=np.where(bare, room.fixed.limit, room.largest))
    slack = _slack(groups, size, largest)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        weights = size / largest[groups.group]
        others = np.concatenate([threshold, bias]) / largest[np.tile(groups.owner, 2)] * 2**room.fixed.weight_shift
        both = np.tile(groups.owner, 2)
        all_slack = np.concatenate([slack, _slack_of_neurons(groups, threshold, bias, largest)])
        top = room.steps(largest, peak, spare=0)
        together = common.fewest(
            np.concatenate([weights, others]), all_slack, np.concatenate([groups.group, both]), top
        )
        below = room.steps(largest, peak, spare=1)
        alone = common.fewest(weights, slack, groups.group, np.where(together > 0, 0, below))
    count = np.where(together > 0, together, alone)
    top = np.where(together > 0, top, below)
    # no finer than weights would be, unless it must
    top = np.where(bare, np.minimum(top, np.maximum(count, 2**room.fixed.weight_bits)), top)
    steps = top // np.maximum(count, 1) * count
    scale = np.divide(largest, steps, out=np.zeros(groups.size), where=steps > 0)
    return scale, together > 0


def _slack(groups: _Groups, size: np.ndarray, largest: np.ndarray) -> np.ndarray:
    return np.maximum(common.rounding(size), common.rounding(largest)[groups.group])


def _slack_of_neurons(groups: _Groups, threshold: np.ndarray, bias: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Return the slack of thresholds and biases; a threshold of 24 bits is meant where no other number is rounded."""
    of_weights = groups.most(common.rounding(groups.weight), groups.group)
    of_biases = groups.most(common.rounding(bias), groups.owner)
    group = np.maximum(of_weights, of_biases)[groups.owner]
    of_threshold = np.minimum(common.rounding(threshold), np.maximum(group, common.DOUBLE))
    other = common.rounding(largest)[groups.owner]
    return np.concatenate([np.maximum(of_threshold, other), np.maximum(common.rounding(bias), other)])


def in_integers(part: Population, scales: Scales, fixed: FixedPoint) -> tuple[Population, dict[str, Any]]:
    """Return a population in integers, and how many of its numbers were moved."""
    unit, one = scales.scale / 2**fixed.weight_shift, 2**fixed.decay_bits
    level, push = part.threshold / unit, part.bias / unit
    threshold = np.where(scales.exact, np.rint(level), np.ceil(level * (1 - common.DOUBLE)))
    threshold = np.maximum(threshold, 1) if part.fires else np.ones(part.size)
    bias, decay = np.rint(push), np.rint(part.decay * one)
    moved = _moved(threshold, level) if part.fires else np.zeros(part.size)
    change = {
        "population": part.name,
        "neurons": part.size,
        "thresholds_moved": int((moved > MOVED).sum()),
        "largest_move": float(moved.max()),
        "biases_moved": int((_moved(bias, push) > MOVED).sum()),
        "biases_to_0": int(((bias == 0) & (part.bias != 0)).sum()),
        "decays_moved": int((decay != part.decay * one).sum()),
        "decays_to_0": int(((decay == 0) & (part.decay > 0)).sum()),
        "decays_to_1": int(((decay == one) & (part.decay < 1)).sum()),
    }
    numbers = {"decay": decay, "threshold": threshold, "bias": bias}
    whole = {name: values.astype(np.int64) for name, values in numbers.items()}
    return replace(part, **whole, scale=grids.short(scales.scale) / 2**fixed.weight_shift), change


def _moved(whole: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return by what share of it each number was moved."""
    return np.abs(whole - value) / np.maximum(np.abs(value), np.finfo(np.float64).tiny)
