"""Random numbers as functions of a counter: seed, layer, recording, step and neuron.

    key[layer]           = mix(mix(seed) + γ layer)
    row[recording, step] = mix(mix(key + γ recording) + γ step)
    bits[neuron]         = mix(row + γ (neuron + 1))          arithmetic of 64 bits; mix and γ are those of SplitMix64
    r = (⌊bits / 2¹²⌋ + 1/2) / 2⁵²                            uniform, 0 < r < 1
    ξ = ln(r / (1 − r))                                       logistic, P(ξ < x) = sigmoid(x), |ξ| < 36.8

A row is the SplitMix64 sequence that starts at its hash. No number depends on an earlier one, so the numbers are the
same for any number of threads, chunks of time, order of computation and engine.

Shapes   a row (neuron,) of one recording in one step
Source   SplitMix64: Steele, Lea, Flood 2014, OOPSLA 49:453; counters for parallel draws: Salmon et al. 2011, SC11
Exact    with the logarithm of portable_math.py, numbers have the same bits on every machine
"""

from typing import NamedTuple, Self

import numpy as np

from snnsim.kernels.common.jit import JIT_DISABLED, Function, njit, subroutine
from snnsim.kernels.common.portable_math import ln
from snnsim.validation import integer

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_27, _30, _31, _12, _1 = (np.uint64(bits) for bits in (27, 30, 31, 12, 1))
SEEDS = 2**63
"""Seeds are integers from 0 to below this number."""


def _wrapping(function: Function) -> Function:
    """Compile arithmetic that overflows on purpose; NumPy would warn of it where nothing is compiled."""
    return np.errstate(over="ignore")(function) if JIT_DISABLED else njit(cache=True)(function)


class Counter(NamedTuple):
    """The counter of a sequence in the types of compiled code; the fields are those of `Draws`."""

    key: np.uint64
    recording: np.int64
    step: np.int64
    lanes: np.int64


class Draws(NamedTuple):
    """The counter at which the random numbers of a sequence start; an immutable value."""

    key: int
    """Hash of the seed and the layer."""
    recording: int = 0
    """Number of the first recording of a batch."""
    step: int = 0
    """Number of the first step of a chunk of time."""
    lanes: int = 1
    """Lanes of a batch per recording: the pixels of a field, each with the same kinds of neurons."""

    @classmethod
    def of(cls, seed: int, recording: int = 0) -> Self:
        """Return the counter of a seed.

        Args:
            seed: An integer from 0 to below 2⁶³.
            recording: The number of the first recording of the batch.

        Raises:
            TypeError: If the seed is no integer.
            ValueError: If the seed is out of its range.
        """
        seed = integer(seed, who="Draws", name="a seed")
        if not 0 <= seed < SEEDS:
            raise ValueError(f"Draws: a seed must be from 0 to below 2^63, not {seed}")
        return cls(int(mix(np.uint64(seed))), recording)

    def layer(self, number: int) -> Self:
        """Return the counter of a layer of a network, or of a population.

        Args:
            number: Number of the layer or population, from 0.
        """
        return self._replace(key=int(_next(np.uint64(self.key), number)))

    def counter(self) -> Counter:
        """Return the counter in the types of compiled code."""
        # a step before step 0 wraps to the top of 64 bits and back
        recording, step, lanes = np.array(self[1:], np.uint64).astype(np.int64)
        return Counter(np.uint64(self.key), recording, step, lanes)

    def at(self, step: int) -> Self:
        """Return the counter of a chunk of time that begins at a step.

        Args:
            step: Number of the step in the recording; negative for context steps before step 0.
        """
        return self._replace(step=step % 2**64)


@_wrapping
def mix(z: np.uint64) -> np.uint64:
    """Return the hash of 64 bits.

    Args:
        z: Integer of 64 bits; the hash is a bijection of them.
    """
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


@_wrapping
def _next(key: np.uint64, number: int | np.int64) -> np.uint64:
    return mix(key + GAMMA * np.uint64(number))


@_wrapping
def row(key: np.uint64, recording: int | np.int64, step: int | np.int64) -> np.uint64:
    """Return the hash at which the row of a recording and a step starts.

    Args:
        key: Hash of seed and layer.
        recording: Number of the recording, at least 0.
        step: Number of the step in the recording, modulo 2^64.
    """
    return _next(_next(key, recording), step)


@_wrapping
def uniform(start: np.uint64, neuron: int | np.int64) -> float:
    """Return r of a neuron, uniform between 0 and 1.

    Args:
        start: Hash at which the row of a recording and step starts, as `row` returns it.
        neuron: Number of the neuron, from 0.
    """
    bits = mix(start + GAMMA * (np.uint64(neuron) + _1))
    return (np.float64(np.int64(bits >> _12)) + 0.5) * 2.0**-52


# a check for division by 0 would keep loops from vector registers
@subroutine(cache=True, error_model="numpy")
def logistic(start: np.uint64, neuron: int | np.int64) -> float:
    """Return ξ of a neuron, of the standard logistic distribution.

    Args:
        start: Hash at which the row of a recording and step starts, as `row` returns it.
        neuron: Number of the neuron, from 0.
    """
    r = uniform(start, neuron)
    return ln(r / (1.0 - r))


@subroutine(cache=True)
def lane_start(counter: Counter, lane: int, size: int, step: int) -> tuple[np.uint64, np.int64]:
    """Return the start of a lane's row, and the number of the lane's first neuron within the row.

    Args:
        counter: The counter of the batch.
        lane: The lane, counted from 0.
        size: The number of neurons of a lane.
        step: The step, counted from that of the counter.
    """
    recording = counter.recording + lane // counter.lanes
    return row(counter.key, recording, counter.step + step), lane % counter.lanes * size


@njit(cache=True, error_model="numpy")
def logistics(counter: Counter, xi: np.ndarray) -> None:
    """Compute ξ of every neuron of all lanes in the first step.

    Args:
        counter: Counter of the batch at that step.
        xi: Result, overwritten, float32 or float64 (lane, neuron).
    """
    for lane in range(len(xi)):
        start, first = lane_start(counter, lane, xi.shape[1], 0)
        for n in range(xi.shape[1]):
            xi[lane, n] = logistic(start, first + n)
