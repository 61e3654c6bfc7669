"""Lowering: a Program as the flat arrays of the kernels, with one list of synapses over all edges, sorted by source.

    node    the input channels, then the neurons of all populations in their order
    offset  d · neurons + target: index in the buffer of currents of the target of a synapse, counted from the row of
            the step of its spike

Shapes   indptr (node + 1,) · target, delay, weight, offset (synapse,) · bounds (population + 1,)
Units    delay d in steps

An offset takes 2 or 4 bytes and a weight 1 to 8 bytes, beside the arrays of the Program itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.simulate.types import (
    DELTA,
    HARD,
    READOUT,
    SIGMA_DELTA,
    SOFT,
    Convolutions,
    DelaySynapses,
    FixedParameters,
    FloatParameters,
    Noise,
    Parameters,
    SecondParameters,
)
from snnsim.program import INPUT, MODELS, Edge, Program
from snnsim.program.arrays import order
from snnsim.program.models import SECOND
from snnsim.simulation import lowering_convolutions
from snnsim.validation import known

RESETS = {"hard": HARD, "soft": SOFT, "delta": DELTA, "sigma_delta": SIGMA_DELTA, None: READOUT}
"""Codes of the kernels for the resets of models."""


@dataclass(frozen=True)
class Numbers:
    """Types of the numbers of a network."""

    weight: Any
    current: Any
    """Type of sums of weights."""
    voltage: Any


PRECISIONS = {
    "float64": Numbers(np.float64, np.float64, np.float64),
    "float32": Numbers(np.float32, np.float32, np.float32),
}
"""Precisions of Programs in floats; a Program in integers has its own types."""


@dataclass(frozen=True, eq=False)
class Network:
    """All synapses and neurons of a Program."""

    channels: int
    longest: int
    """The longest delay that the buffers hold, in steps."""
    synapses: DelaySynapses
    """Those of a node are sorted by delay and target."""
    convolutions: Convolutions
    """Offsets include no delay."""
    fan_out: np.ndarray
    """int64 (node,), the number of synapses of each node, those of convolutions included."""
    fan_in: float
    """The largest sum of the sizes of a neuron's weights, in integers; 0 in floats, whose sums are not checked."""
    bounds: np.ndarray
    """int64 (population + 1,), the first neuron of each population, and the number of neurons."""
    reset: np.ndarray
    """int64 (population,), codes in RESETS."""
    parameters: Parameters
    second: SecondParameters
    numbers: Numbers
    graded: bool
    """Whether neurons send graded messages; their second variables are the values sent so far."""
    initial: np.ndarray
    """Voltage of every neuron before the first step, (neuron,)."""
    noise: tuple[np.ndarray, np.ndarray, np.ndarray]
    """Whether each population is stochastic; width and reset value of every neuron."""

    def draws(self, seed: int | None, step: int) -> Noise:
        """Return the noise with the random numbers of a run.

        Args:
            seed: Seed of the random numbers; None for none, so that the likelier of spike and silence happens.
            step: Number of steps before the run.
        """
        generator = Draws(0) if seed is None else Draws.of(seed)
        keys = np.array([generator.layer(population).key for population in range(len(self.reset))], np.uint64)
        return Noise(*self.noise, seed is not None, keys, step)

    @property
    def neurons(self) -> int:
        """Number of neurons of all populations."""
        return int(self.bounds[-1])

    def voltages(self, recordings: int) -> np.ndarray:
        """Return the state variables before the first step, (recording, variable).

        Args:
            recordings: Number of recordings.
        """
        voltage: np.ndarray = np.zeros((recordings, self.variables), self.numbers.voltage)
        voltage[:, : self.neurons] = self.initial
        return voltage

    @property
    def variables(self) -> int:
        """Number of state variables: a voltage of each neuron, and a second variable where a model has one."""
        return self.neurons * (2 if self.second.present.any() or self.graded else 1)

    def offset(self) -> np.ndarray:
        """Return the offset of every synapse, in the smallest unsigned integers that hold it."""
        largest = (self.longest + 1) * self.neurons - 1
        dtype = next(dtype for dtype in (np.uint16, np.uint32, np.uint64) if largest <= np.iinfo(dtype).max)
        delay, target = self.synapses.delay.astype(np.uint64), self.synapses.target.astype(np.uint64)
        return (delay * self.neurons + target).astype(dtype)

    def convolutions_with_delays(self) -> Convolutions:
        """Return the convolutions with offsets as those of `offset`, for the clock-driven engine."""
        delay = self.convolutions.delay.astype(np.int64)
        return self.convolutions._replace(offset=self.convolutions.offset + delay * self.neurons)


def lower(program: Program, precision: str, *, longest: int = 0) -> Network:
    """Return the arrays of a Program for the kernels.

    Args:
        program: The Program.
        precision: A name in PRECISIONS; it has no effect on a Program in integers.
        longest: A longer delay than those of the Program that buffers have to hold, in steps.

    Raises:
        ValueError: If the precision is unknown.
    """
    known(precision, PRECISIONS, "simulate: precision")
    numbers = PRECISIONS[precision] if program.fixed is None else _integers(program)
    sizes = [population.size for population in program.populations]
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    decay, threshold, bias = (_parameter(program, name, numbers.voltage) for name in ("decay", "threshold", "bias"))
    fixed = program.fixed
    first = {INPUT: 0} | {
        population.name: program.channels + int(neuron)
        for population, neuron in zip(program.populations, bounds[:-1], strict=True)
    }
    single, shared = lowering_convolutions.separated(program)
    parameters: Parameters = FloatParameters(decay, threshold, bias)
    if fixed is not None:
        constants = fixed.weight_shift, fixed.decay_bits, fixed.limit
        parameters = FixedParameters(decay, threshold, bias, *constants)
    # integers have no noise, and kernels are not compiled again for another type of its zeros
    noise_type = numbers.voltage if fixed is None else np.float64
    return Network(
        channels=program.channels,
        longest=max(program.longest_delay(), longest),
        synapses=_synapses([edge.unrolled() for edge in single], first, program, numbers),
        convolutions=lowering_convolutions.lower(program, shared, first, numbers.weight),
        fan_out=_fan_out(program, first),
        fan_in=0.0 if fixed is None else max(program.fan_in_weight(each.name).max() for each in program.populations),
        bounds=bounds,
        reset=np.array([RESETS[MODELS[population.model].reset] for population in program.populations], np.int64),
        parameters=parameters,
        second=_second(program, numbers),
        numbers=numbers,
        graded=program.graded,
        initial=_parameter(program, "initial", numbers.voltage),
        noise=(
            np.array([population.noisy for population in program.populations]),
            _parameter(program, "width", noise_type),
            _parameter(program, "reset_value", noise_type),
        ),
    )


def _second(program: Program, numbers: Numbers) -> SecondParameters:
    """Return the coefficients of all neurons, or no elements where no model has a second state variable."""
    models = [MODELS[population.model] for population in program.populations]
    present = np.array([model.second is not None for model in models])
    one = 1 if program.fixed is None else 2**program.fixed.decay_bits

    def coefficient(name: str) -> np.ndarray:
        parts = [np.zeros(0)]
        for population, model in zip(program.populations, models, strict=True) if present.any() else ():
            value = SECOND[model.second].get(name, 0.0) if model.second else 0.0
            array = getattr(population, value) if isinstance(value, str) else np.full(population.size, value * one)
            parts.append(array)
        values: np.ndarray = np.concatenate(parts).astype(numbers.voltage)
        return values

    return SecondParameters(present, *(coefficient(name) for name in SecondParameters._fields[1:]))


def _parameter(program: Program, name: str, dtype: Any) -> np.ndarray:
    """Return a parameter of every neuron, 0 where the model has none of this name."""
    values = (getattr(population, name) for population in program.populations)
    sizes = (population.size for population in program.populations)
    arrays = [np.zeros(size) if array is None else array for array, size in zip(values, sizes, strict=True)]
    parameter: np.ndarray = np.concatenate(arrays).astype(dtype)
    return parameter


def _integers(program: Program) -> Numbers:
    most = max((int(np.abs(edge.weight.astype(np.int64)).max(initial=0)) for edge in program.edges), default=0)
    # sums of graded messages have no bound in advance
    current = np.int64 if program.graded else np.int32
    return Numbers(np.int8 if most <= np.iinfo(np.int8).max else np.int16, current, np.int64)


def _fan_out(program: Program, first: Mapping[str, int]) -> np.ndarray:
    count = np.zeros(program.channels + program.size, np.int64)
    for edge in program.edges:
        own = edge.fan_out()
        count[first[edge.source] : first[edge.source] + len(own)] += own
    return count


def _synapses(edges: Sequence[Edge], first: Mapping[str, int], program: Program, numbers: Numbers) -> DelaySynapses:
    """Return single synapses; `first` has the first node of the input and of each population."""
    nodes = program.channels + program.size
    if len(edges) == 1:
        # a single edge is sorted: 10⁷ synapses need not be sorted again
        (edge,) = edges
        count = np.zeros(nodes, np.int64)
        count[first[edge.source] : first[edge.source] + len(edge.indptr) - 1] = np.diff(edge.indptr)
        indptr = np.concatenate([[0], np.cumsum(count)]).astype(np.uint64)
        target = edge.post + np.int32(first[edge.target] - program.channels)
        # a copy, as Numba compiles kernels again for arrays that are read-only
        return DelaySynapses(indptr, target, edge.delay.copy(), edge.weight.astype(numbers.weight))
    rows = [
        (
            edge.pre() + first[edge.source],
            edge.post.astype(np.int64) + first[edge.target] - program.channels,
            edge.delay.astype(np.int64),
            edge.weight,
        )
        for edge in edges
    ]
    empty = np.zeros(0, np.int64)
    source, target, delay, weight = (np.concatenate(column) for column in zip((empty,) * 4, *rows, strict=True))
    position = order(source, delay, target)
    return DelaySynapses(
        np.concatenate([[0], np.cumsum(np.bincount(source, minlength=nodes))]).astype(np.uint64),
        target[position].astype(np.int32),
        delay[position].astype(np.uint16),
        weight[position].astype(numbers.weight),
    )
