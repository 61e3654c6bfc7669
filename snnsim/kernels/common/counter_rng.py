"""Random numbers that are functions of their place: seed, layer, recording, step and neuron.

    key[layer]           = mix(mix(seed) + γ layer)
    row[recording, step] = mix(mix(key + γ recording) + γ step)
    bits[neuron]         = mix(row + γ (neuron + 1))          arithmetic of 64 bits; mix and γ are those of SplitMix64
    r = (⌊bits / 2¹²⌋ + 1/2) / 2⁵²                            uniform, 0 < r < 1
    ξ = ln(r / (1 − r))                                       logistic, P(ξ < x) = sigmoid(x), |ξ| < 36.8

A row is the SplitMix64 sequence that starts at its hash. No number depends on one that was drawn before, so it is the
same for any number of threads, windows of time, order of computation and engine.

Shapes   a row (neuron,) of one recording in one step
Source   SplitMix64: Steele, Lea, Flood 2014, OOPSLA 49:453; counters for parallel draws: Salmon et al. 2011, SC11
Exact    with the logarithm of portable_math.py, numbers have the same bits wherever they are drawn
"""

from typing import NamedTuple, Self

import numba
import numpy as np
from numba import njit

from snnsim.kernels.common.portable_math import ln
from snnsim.validation import integer

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_27, _30, _31, _12, _1 = (np.uint64(bits) for bits in (27, 30, 31, 12, 1))
# whole numbers overflow on purpose, of which NumPy's warn where nothing is compiled
_wrapping = np.errstate(over="ignore") if numba.config.DISABLE_JIT else njit(cache=True)
SEEDS = 2**63
"""Seeds are whole numbers from 0 to below this."""


class Draws(NamedTuple):
    """Where the draws of a sequence begin; a value that says which random numbers there are."""

    key: int
    """Hash of the seed, and of the layer."""
    recording: int = 0
    """Number of the first recording of a batch."""
    step: int = 0
    """Number of the first step of a window."""
    lanes: int = 1
    """How many lanes of a batch are one recording: the pixels of a field, each with the same kinds of neurons."""

    @classmethod
    def of(cls, seed: int, recording: int = 0) -> Self:
        """Return the draws of a seed for a batch whose first recording has this number."""
        seed = integer(seed, who="Draws", name="a seed")
        if not 0 <= seed < SEEDS:
            raise ValueError(f"Draws: a seed must be from 0 to below 2^63, not {seed}")
        return cls(int(mix(np.uint64(seed))), recording)

    def layer(self, number: int) -> Self:
        """Return those of a layer of a network, or of a population, counted from 0."""
        return self._replace(key=int(_next(np.uint64(self.key), number)))

    def place(self) -> np.ndarray:
        """Return all of it as the kernels take it."""
        return np.array(self, np.uint64)

    def at(self, step: int) -> Self:
        """Return those of a window that begins at this step; history may come before step 0."""
        return self._replace(step=step % 2**64)


@_wrapping
def mix(z):
    """Return a hash of 64 bits."""
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


@_wrapping
def _next(key, number):
    return mix(key + GAMMA * np.uint64(number))


@_wrapping
def row(key, recording, step):
    """Return the hash that a row starts at."""
    return _next(_next(key, recording), step)


@_wrapping
def uniform(start, neuron):
    """Return r of a neuron, counted from 0."""
    bits = mix(start + GAMMA * (np.uint64(neuron) + _1))
    return (np.float64(np.int64(bits >> _12)) + 0.5) * 2.0**-52


# a check for division by 0 would keep loops from vector registers
@njit(cache=True, error_model="numpy")
def logistic(start, neuron):
    """Return ξ of a neuron."""
    r = uniform(start, neuron)
    return ln(r / (1.0 - r))


@njit(cache=True)
def begin(place, lane, size, step):
    """Return where the row of a lane starts, and the number of its first neuron."""
    key, recording, first, lanes = place[0], np.int64(place[1]), np.int64(place[2]), np.int64(place[3])
    return row(key, recording + lane // lanes, first + step), lane % lanes * size


@njit(cache=True, error_model="numpy")
def logistics(place, xi):
    """Set ξ of every neuron of all lanes (lane, neuron) in the first step."""
    for lane in range(len(xi)):
        start, first = begin(place, lane, xi.shape[1], 0)
        for n in range(xi.shape[1]):
            xi[lane, n] = logistic(start, first + n)
