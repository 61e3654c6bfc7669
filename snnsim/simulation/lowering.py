"""A Program as the flat arrays that the kernels read: one list of synapses over all edges, sorted by source.

    node    the input channels, then the neurons of all populations in their order
    offset  d · neurons + target: where a synapse adds to, counted from the step of its spike

Memory   2 or 4 bytes for an offset and 1 to 8 for a weight, whatever the Program itself takes
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.simulate.types import HARD, READOUT, SOFT, FixedParameters, FloatParameters, Noise, Parameters
from snnsim.program import INPUT, Population, Program
from snnsim.program.arrays import order
from snnsim.validation import shown

RULE = {"hard": HARD, "soft": SOFT, "readout": READOUT, "noisy_hard": HARD, "noisy_soft": SOFT}


@dataclass(frozen=True)
class Numbers:
    """What a network counts in."""

    weight: Any
    current: Any
    """What weights are added up in."""
    voltage: Any


PRECISIONS = {
    "float64": Numbers(np.float64, np.float64, np.float64),
    "float32": Numbers(np.float32, np.float32, np.float32),
}


@dataclass(frozen=True, eq=False)
class Network:
    """All synapses and neurons of a Program."""

    channels: int
    longest: int
    """The longest delay."""
    first: np.ndarray
    """uint64 (node + 1,)."""
    target: np.ndarray
    delay: np.ndarray
    weight: np.ndarray
    bounds: np.ndarray
    """int64 (population + 1,), where the neurons of each population start."""
    rule: np.ndarray
    values: Parameters
    """Decay, threshold and bias of every neuron; for integers also shift, bits and limit."""
    numbers: Numbers
    noise: tuple[np.ndarray, np.ndarray, np.ndarray]
    """Whether each population fires by chance; width and back of every neuron."""

    def drawn(self, seed: int | None, step: int) -> Noise:
        """Return the noise with what it draws from a step on: by the seed, or, without one, nothing."""
        of = Draws(0) if seed is None else Draws.of(seed)
        keys = np.array([of.layer(population).key for population in range(len(self.rule))], np.uint64)
        return Noise(*self.noise, seed is not None, keys, step)

    @property
    def neurons(self) -> int:
        """Number of neurons of all populations."""
        return int(self.bounds[-1])

    def offset(self) -> np.ndarray:
        """Return where every synapse adds to, in the smallest integers that hold it."""
        places = (self.longest + 1) * self.neurons
        kind = next(kind for kind in (np.uint16, np.uint32, np.uint64) if places - 1 <= np.iinfo(kind).max)
        return (self.delay.astype(np.uint64) * self.neurons + self.target.astype(np.uint64)).astype(kind)

    def most_into_one(self) -> float:
        """Return the largest sum of the sizes of weights that lead to one neuron."""
        return float(np.bincount(self.target, np.abs(self.weight.astype(np.float64))).max(initial=0.0))

    def fan_out(self) -> np.ndarray:
        """Return how many synapses start at each node."""
        return np.diff(self.first.astype(np.int64))


def compiled(program: Program, precision: str) -> Network:
    """Return the arrays of a Program; one in integers has its own precision."""
    if not (isinstance(precision, str) and precision in PRECISIONS):
        known = ", ".join(PRECISIONS)
        raise ValueError(f"simulate: precision {shown(precision)} is unknown; the known ones are {known}")
    numbers = PRECISIONS[precision] if program.fixed is None else _integers(program)
    sizes = [population.size for population in program.populations]
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    decay, threshold, bias = (
        np.concatenate([getattr(population, name) for population in program.populations]).astype(numbers.voltage)
        for name in ("decay", "threshold", "bias")
    )
    fixed = program.fixed
    parameters: Parameters = FloatParameters(decay, threshold, bias)
    if fixed is not None:
        parameters = FixedParameters(decay, threshold, bias, fixed.weight_shift, fixed.decay_bits, fixed.limit)
    return Network(
        program.channels,
        program.longest_delay(),
        *_synapses(program, bounds, numbers),
        bounds,
        np.array([RULE[population.rule] for population in program.populations], np.int64),
        parameters,
        numbers,
        _noise(program, numbers),
    )


def _noise(program: Program, numbers: Numbers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    def of(population: Population, name: str) -> np.ndarray:
        return getattr(population, name) if population.noisy else np.zeros(population.size)

    noisy = np.array([population.noisy for population in program.populations])
    kind = np.float64 if program.fixed is not None else numbers.voltage
    width, back = (
        np.concatenate([of(part, name) for part in program.populations]).astype(kind) for name in ("width", "back")
    )
    return noisy, width, back


def _integers(program: Program) -> Numbers:
    most = max((int(np.abs(edge.weight.astype(np.int64)).max(initial=0)) for edge in program.edges), default=0)
    return Numbers(np.int8 if most <= np.iinfo(np.int8).max else np.int16, np.int32, np.int64)


def _synapses(program: Program, bounds: np.ndarray, numbers: Numbers) -> tuple[np.ndarray, ...]:
    """Return first, target, delay and weight of all nodes; those of a node are sorted by delay and target."""
    begin = {population.name: int(start) for population, start in zip(program.populations, bounds, strict=False)}
    nodes = program.channels + int(bounds[-1])
    start = {INPUT: 0} | {name: program.channels + place for name, place in begin.items()}
    if len(program.edges) == 1:
        # nothing to merge: 10⁷ synapses need not be sorted twice
        (edge,) = program.edges
        count = np.zeros(nodes, np.int64)
        count[start[edge.source] : start[edge.source] + len(edge.first) - 1] = np.diff(edge.first)
        first = np.concatenate([[0], np.cumsum(count)]).astype(np.uint64)
        target = edge.post + np.int32(begin[edge.target])
        # a copy, as kernels are compiled once more for arrays that cannot be written
        return first, target, edge.delay.copy(), edge.weight.astype(numbers.weight)
    parts = [
        (
            edge.pre() + start[edge.source],
            edge.post.astype(np.int64) + begin[edge.target],
            edge.delay.astype(np.int64),
            edge.weight,
        )
        for edge in program.edges
    ]
    empty = np.zeros(0, np.int64)
    node, target, delay, weight = (np.concatenate(part) for part in zip((empty,) * 4, *parts, strict=True))
    place = order(node, delay, target)
    first = np.concatenate([[0], np.cumsum(np.bincount(node, minlength=nodes))]).astype(np.uint64)
    ordered = target[place].astype(np.int32), delay[place].astype(np.uint16), weight[place].astype(numbers.weight)
    return first, *ordered
