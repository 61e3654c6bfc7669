"""Random spike trains on a grid of steps, with their exact rates and entropy rates.

    Bernoulli   P(s[t] = 1) = p                       rate p, h = H(p)
    Poisson     P(s[t] = 1) = 1 − exp(−λ[t] Δ)        an event of the process in a step or more; λ may change in time,
                                                      rate and h are then means over the steps
    Markov      P(1 | 0) = a, P(0 | 1) = b            rate a / (a + b), h = (b H(a) + a H(b)) / (a + b)

    refractory r: after a spike, r steps without one
                independent steps                     rate p / (1 + r p), h = H(p) / (1 + r p)
                Markov                                mean interval r + 1 + q / a, with π = a / (a + b) and
                                                      q = (1 − π) (1 − (1 − a − b)^(r + 1))

A Poisson process with dead time is a Poisson process whose spikes in the dead time are deleted; these trains are made
so. The states of a Markov chain change as before while its spikes are deleted.

Shapes   spikes bool (time, ...) · λ () or (time,), broadcast over all trains
Units    rates and entropies h per step, h in bits · λ in Hz, Δ in ms · r in steps
Names    H(p) = −p log₂ p − (1 − p) log₂(1 − p) · Δ time step
Source   textbook; deletion by a dead time: Cox & Isham 1980, Point Processes. The three sources as tests of spiking
         classifiers: Rudnicka, Szczepański & Pręgowska 2026, Neuroinformatics 24:5
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from snnsim import units
from snnsim.kernels.common.jit import njit


def binary_entropy(probability: ArrayLike) -> np.ndarray:
    """Return H(p) in bits, of probabilities of any shape.

    Args:
        probability: Probabilities p from 0 to 1, of any shape.
    """
    p = np.asarray(probability, float)
    entropy: np.ndarray = (entr(p) + entr(1 - p)) / np.log(2)
    return entropy


def without_refractory(spikes: np.ndarray, steps: int) -> np.ndarray:
    """Return spikes without those of the refractory time after a spike that remains.

    Args:
        spikes: Trains bool (time, ...).
        steps: Length of the refractory time.

    Raises:
        ValueError: If the number of steps is negative.
    """
    spikes = np.asarray(spikes, bool)
    if steps < 0:
        raise ValueError(f"without_refractory: a refractory time has 0 steps or more, not {steps}")
    if steps == 0 or spikes.size == 0:
        return spikes
    flat = spikes.reshape(len(spikes), -1).copy()
    _delete(flat, steps)
    return flat.reshape(spikes.shape)


@njit(cache=True)
def _delete(spikes: np.ndarray, steps: int) -> None:
    """Delete the spikes (time, train) of the refractory time in place."""
    for train in range(spikes.shape[1]):
        last = -steps - 1
        for t in range(len(spikes)):
            if spikes[t, train]:
                spikes[t, train] = t - last > steps
                last = t if spikes[t, train] else last


@dataclass(frozen=True)
class Bernoulli:
    """Independent spikes, but for a refractory time."""

    probability: float
    """Probability of a spike per step outside the refractory time."""
    refractory: int = 0
    """Steps after a spike without one."""

    def __post_init__(self) -> None:
        _check_probability("Bernoulli", probability=self.probability)
        _check_refractory("Bernoulli", self.refractory)

    def spikes(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return random trains, bool (time, ...).

        Args:
            shape: Shape of the result, time first.
            generator: Source of all random numbers.
        """
        return without_refractory(generator.random(shape) < self.probability, self.refractory)

    def rate(self) -> float:
        """Return the mean number of spikes per step, in the long run."""
        return self.probability / (1 + self.refractory * self.probability)

    def entropy_rate(self) -> float:
        """Return the entropy rate in bits per step."""
        return float(binary_entropy(self.probability) / (1 + self.refractory * self.probability))


@dataclass(frozen=True)
class Poisson:
    """Steps with an event of a Poisson process, whose rate may differ from step to step."""

    rate_hz: float | tuple[float, ...]
    """λ, one number or one for each step."""
    time_step_ms: float
    refractory: int = 0
    """Steps after a spike without one."""

    def __post_init__(self) -> None:
        if np.any(np.asarray(self.rate_hz) < 0) or not self.time_step_ms > 0:
            raise ValueError(
                f"Poisson: rates must be 0 or more and the time step positive; got rate_hz={self.rate_hz}, "
                f"time_step_ms={self.time_step_ms}"
            )
        _check_refractory("Poisson", self.refractory)
        if self.refractory and np.ndim(self.rate_hz):
            # the trains are right, but rate and entropy have no closed form
            raise ValueError("Poisson: with a refractory time the rate must be one number; use without_refractory")

    def probability(self) -> np.ndarray:
        """Return the probability of a spike per step outside the refractory time, () or (time,)."""
        probability: np.ndarray = -np.expm1(-np.asarray(self.rate_hz, float) * units.to_rate(1.0, self.time_step_ms))
        return probability

    def spikes(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return trains bool of a shape.

        Args:
            shape: (time, ...).
            generator: Generator of the random numbers.

        Raises:
            ValueError: If there are rates of another number of steps.
        """
        probability = self.probability()
        if probability.ndim and len(probability) != shape[0]:
            raise ValueError(
                f"Poisson: there are rates of {len(probability)} steps, but the trains must have {shape[0]} steps"
            )
        threshold = probability.reshape(probability.shape + (1,) * (len(shape) - 1) * probability.ndim)
        return without_refractory(generator.random(shape) < threshold, self.refractory)

    def rate(self) -> float:
        """Return the mean number of spikes per step, in the long run or over the steps of the rate."""
        p = self.probability()
        return float(np.mean(p / (1 + self.refractory * p)))

    def entropy_rate(self) -> float:
        """Return the entropy rate in bits per step, in the long run or over the steps of the rate."""
        p = self.probability()
        return float(np.mean(binary_entropy(p) / (1 + self.refractory * p)))


@dataclass(frozen=True)
class Markov:
    """A chain of two states, silent and firing."""

    start: float
    """a, probability that a silent train fires in the next step."""
    stop: float
    """b, probability that a firing train is silent in the next step."""
    refractory: int = 0
    """Steps after a spike without one; the state changes as before in the meantime."""

    def __post_init__(self) -> None:
        _check_probability("Markov", start=self.start, stop=self.stop)
        _check_refractory("Markov", self.refractory)
        if self.start + self.stop == 0:
            raise ValueError("Markov: a chain that never changes its state has no rate; start or stop must be positive")

    def spikes(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """Return random trains, bool (time, ...), in equilibrium from the first step on.

        Args:
            shape: Shape of the result, time first.
            generator: Source of all random numbers.
        """
        uniform = generator.random(shape)
        state = uniform < self.start / (self.start + self.stop)
        for t in range(1, len(state)):
            state[t] = uniform[t] < np.where(state[t - 1], 1 - self.stop, self.start)
        return without_refractory(state, self.refractory)

    def rate(self) -> float:
        """Return the mean number of spikes per step, in the long run."""
        silent = self.stop / (self.start + self.stop)
        if silent == 1:
            return 0.0
        quiet = silent * (1 - (1 - self.start - self.stop) ** (self.refractory + 1))
        return 1 / (self.refractory + 1 + (quiet / self.start if quiet else 0))

    def entropy_rate(self) -> float:
        """Return the entropy rate in bits per step.

        Raises:
            ValueError: If there is a refractory time, for which no closed form is known.
        """
        if self.refractory:
            raise ValueError("Markov: the entropy rate is known without a refractory time only")
        silent, firing = binary_entropy(self.start), binary_entropy(self.stop)
        return float((self.stop * silent + self.start * firing) / (self.start + self.stop))


Source = Bernoulli | Poisson | Markov


def _check_probability(who: str, **probabilities: float) -> None:
    for name, value in probabilities.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{who}: {name} must be a probability, from 0 to 1, not {value}")


def _check_refractory(who: str, steps: int) -> None:
    if steps < 0:
        raise ValueError(f"{who}: refractory must be 0 steps or more, not {steps}")
