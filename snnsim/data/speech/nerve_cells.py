"""Hair cells and bushy cells of the inner-ear model, in pieces of any length.

    hair cell    k     = g (v + a)⁺ / ((v + a)⁺ + b)              permeability; ( )⁺ = max( , 0)
                 dq/dt = y (m − q)⁺ + x w − k q                   free transmitter
                 dc/dt = k q − (l + r) c                          transmitter in the cleft
                 dw/dt = r c − x w                                transmitter being reprocessed
                 p[t]  = h c dt                                   probability that a fiber fires in this step
    fiber        fires in step t with probability p[t], unless it fired within the last millisecond
    bushy cell   i[t] = exp(−dt / 0.5 ms) i[t−1] + number of fibers that fire in t
                 u[t] = exp(−dt / 1 ms) u[t−1] + w dt i[t]        w = 13,000 / 40 per second
                 u[t] ≥ 1: spike, u = 0, then no input for 1 ms

Shapes   velocity v, hazard (step,) · stores (3,) · arrays of Cells (cell, ...)
Units    dt = 1 / 24,000 s · g, y, x, l, r, h in 1/s · a, b in units of v · q, c, w in units of m
Names    the letters of the hair cell are those of Meddis, in capitals
Source   hair cell: Meddis 1986, J. Acoust. Soc. Am. 79:702 and 1988, 83:1056; cochlea.py has the source of the chain
Differs  the 40 fibers are alike, so the ready ones are drawn together: one exponential random number per
         firing instead of one uniform number per fiber and step (the distribution is the same)
Exact    a piece that begins with the state after the last one continues the recording bit for bit
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numba
import numpy as np

from snnsim.data.speech.basilar_membrane import RATE
from snnsim.kernels.common.counter_rng import GAMMA, mix

FIBERS = 40
BUSHY_WEIGHT = 13_000 / FIBERS / RATE
REFRACTORY = round(1e-3 * RATE)
"""Refractory time of fibers and bushy cells in steps."""

A, B, G = 5.0, 300.0, 2000.0
Y, X, L, R = 5.05, 66.3, 2500.0, 6580.0
H, M = 50_000.0, 1.0

_mix: Callable[[np.uint64], np.uint64] = mix
_DT = 1 / RATE
_MEMBRANE_DECAY = math.exp(-_DT / 1e-3)
_SYNAPSE_DECAY = math.exp(-_DT / 0.5e-3)


class Cells(NamedTuple):
    """The state of bushy cells and their fibers between two pieces."""

    random: np.ndarray
    """uint64 (cell,), state of the random numbers."""
    drawn: np.ndarray
    """float64 (cell, 2), hazard that remains until the next firing, and random number of the firing after it."""
    ready: np.ndarray
    """int64 (cell,), fibers that are not refractory."""
    membrane: np.ndarray
    """float64 (cell, 2), current and voltage."""
    refractory: np.ndarray
    """int64 (cell,), steps until the cell takes input again."""
    fired: np.ndarray
    """int64 (cell, REFRACTORY), firing fibers of the last steps."""

    def copy(self) -> "Cells":
        """Return a copy of all arrays."""
        return Cells(*(array.copy() for array in self))


def resting_stores() -> np.ndarray:
    """Return the transmitter of a hair cell in silence: free, in the cleft, and being reprocessed (3,)."""
    permeability = G * A / (A + B)
    cleft = M * Y * permeability / (L * permeability + Y * (L + R))
    return np.array([cleft * (L + R) / permeability, cleft, cleft * R / X])


def resting_cells(seed: int, cells: range) -> Cells:
    """Return the state of bushy cells at the start of a recording.

    Args:
        seed: Seed of the random numbers.
        cells: Numbers of the cells, each with random numbers of its own.
    """
    number, random = np.array(cells, np.uint64), np.empty(len(cells), np.uint64)
    drawn = np.empty((len(cells), 2))
    _seed(np.uint64(seed), number, random, drawn)
    ready, refractory = np.full(len(cells), FIBERS, np.int64), np.zeros(len(cells), np.int64)
    fired = np.zeros((len(cells), REFRACTORY), np.int64)
    return Cells(random, drawn, ready, np.zeros((len(cells), 2)), refractory, fired)


@numba.njit(cache=True)
def _seed(seed: np.uint64, number: np.ndarray, random: np.ndarray, drawn: np.ndarray) -> None:
    for cell in range(number.size):
        # SplitMix64: a sequence of states with increment GAMMA, from a hash of seed and cell
        state = _mix(_mix(seed + GAMMA) + number[cell])
        drawn[cell, 0] = _exponential(state)
        state += GAMMA
        drawn[cell, 1] = _exponential(state)
        random[cell] = state


@numba.njit(cache=True, nogil=True)
def hair_cell(velocity: np.ndarray, stores: np.ndarray, hazard: np.ndarray) -> None:
    """Compute −log(1 − p) of a hair cell's fibers: exp(−Σ) is the probability that a fiber is silent over steps.

    Args:
        velocity: Velocity of the basilar membrane at the cell (step,), at 24 kHz.
        stores: Transmitter before the piece, which becomes that after it (3,), as of `resting_stores`.
        hazard: Result, overwritten, float64 (step,).
    """
    # at 24 kHz no store loses more than it holds in a step, and p stays below 1/2
    free, cleft, reprocessed = stores[0], stores[1], stores[2]
    for step in range(velocity.size):
        drive = max(velocity[step] + A, 0.0)
        released = G * _DT * drive / (drive + B) * free
        returned = X * _DT * reprocessed
        free += Y * _DT * max(M - free, 0.0) + returned - released
        reprocessed += R * _DT * cleft - returned
        cleft += released - (L + R) * _DT * cleft
        hazard[step] = -math.log1p(-H * _DT * cleft)
    stores[0], stores[1], stores[2] = free, cleft, reprocessed


@numba.njit(inline="always")
def _exponential(state: np.uint64) -> float:
    """Return the random number of a state, exponentially distributed with mean 1."""
    # 53 bits, moved by half a step: never log(0)
    return -math.log((np.float64(_mix(state) >> np.uint64(11)) + 0.5) * 2.0**-53)


@numba.njit(cache=True, nogil=True)
def bushy_cell(hazard: np.ndarray, cells: Cells, cell: int, fired: np.ndarray, spike: np.ndarray) -> int:
    """Compute the spikes of a bushy cell.

    While n fibers are ready, the next firing comes when n times the summed hazard reaches an exponential random
    number; the rest of the hazard of that step counts for the other n − 1 fibers.

    Args:
        hazard: Output of `hair_cell` (step,).
        cells: State before the piece, which becomes that after it.
        cell: Index of the cell in the state.
        fired: Working memory (REFRACTORY + step,); entry REFRACTORY + t is the number of firing fibers in step t.
        spike: Steps of the spikes (spike,), which are overwritten.

    Returns:
        Number of spikes.
    """
    state, ready = cells.random[cell], cells.ready[cell]
    remaining, following = cells.drawn[cell, 0], cells.drawn[cell, 1]
    current, voltage = cells.membrane[cell, 0], cells.membrane[cell, 1]
    refractory_until, count = cells.refractory[cell], 0
    fired[:REFRACTORY] = cells.fired[cell]
    for step in range(hazard.size):
        ready += fired[step]
        firing = 0
        remaining -= ready * hazard[step]
        while remaining <= 0.0:
            overshoot = remaining / ready
            ready -= 1
            firing += 1
            # drawn ahead, so that a firing does not wait for the logarithm (a tenth of the time)
            remaining = following + ready * overshoot
            state += GAMMA
            following = _exponential(state)
        fired[REFRACTORY + step] = firing
        current = current * _SYNAPSE_DECAY + firing
        if step >= refractory_until:
            voltage = voltage * _MEMBRANE_DECAY + current * BUSHY_WEIGHT
            if voltage >= 1.0:
                spike[count] = step
                count += 1
                voltage = 0.0
                refractory_until = step + REFRACTORY + 1
    cells.random[cell], cells.ready[cell] = state, ready
    cells.drawn[cell, 0], cells.drawn[cell, 1] = remaining, following
    cells.membrane[cell, 0], cells.membrane[cell, 1] = current, voltage
    cells.refractory[cell] = max(refractory_until - hazard.size, 0)
    cells.fired[cell] = fired[hazard.size : hazard.size + REFRACTORY]
    return count


@numba.njit(cache=True, nogil=True)
def spikes_of_membrane(
    velocity: np.ndarray, stores: np.ndarray, cells: Cells, step: np.ndarray, unit: np.ndarray
) -> int:
    """Compute the spikes of all places of the membrane in a piece.

    Args:
        velocity: Velocity of the membrane (place, step).
        stores: State of the hair cells (place, 3), which becomes that after the piece.
        cells: State of the bushy cells, as many for each place, which becomes that after the piece.
        step: Steps of the spikes, int32 (spike,), which are overwritten; each cell has at most step / REFRACTORY + 1.
        unit: Cells of the spikes, uint16 (spike,), which are overwritten.

    Returns:
        Number of spikes.
    """
    steps, each = velocity.shape[1], cells.random.size // velocity.shape[0]
    hazard, fired, count = np.empty(steps), np.empty(steps + REFRACTORY, np.int64), 0
    for row in range(velocity.shape[0]):
        hair_cell(velocity[row], stores[row], hazard)
        for cell in range(row * each, (row + 1) * each):
            spikes = bushy_cell(hazard, cells, cell, fired, step[count:])
            unit[count : count + spikes] = cell
            count += spikes
    return count
