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
MEMBRANE_S, SYNAPSE_S = 1e-3, 0.5e-3
"""Time constants of the voltage and the current of bushy cells in seconds."""

_mix: Callable[[np.uint64], np.uint64] = mix
_DT = 1 / RATE
_PLACES, _CHUNK = 8, 512
"""Places and steps that are computed together: their arrays lie in the cache, and places fill vector registers."""
_MEMBRANE_DECAY = math.exp(-_DT / MEMBRANE_S)
_SYNAPSE_DECAY = math.exp(-_DT / SYNAPSE_S)


class Cells(NamedTuple):
    """The state of bushy cells and their fibers between two pieces."""

    random: np.ndarray
    """uint64 (cell,), state of the random numbers."""
    drawn: np.ndarray
    """float64 (cell, 2), hazard that remains until the next firing, and random number of the firing after it."""
    ready: np.ndarray
    """int64 (cell,), fibers that are not refractory."""
    current: np.ndarray
    """float64 (cell,)."""
    voltage: np.ndarray
    """float64 (cell,)."""
    refractory: np.ndarray
    """int64 (cell,), steps until the cell takes input again."""
    fired: np.ndarray
    """int8 (cell, REFRACTORY), firing fibers of the last steps."""

    def copy(self) -> "Cells":
        """Return a copy of all arrays."""
        return Cells(*(array.copy() for array in self))


class Trains(NamedTuple):
    """Arrays for spikes; a cell has at most one in REFRACTORY + 1 steps."""

    step: np.ndarray
    """int32 (spike,)."""
    unit: np.ndarray
    """uint16 (spike,), cells."""

    @classmethod
    def empty(cls, cells: int, steps: int) -> "Trains":
        """Return arrays that are large enough.

        Args:
            cells: Number of bushy cells.
            steps: Number of steps.
        """
        most = cells * (steps // REFRACTORY + 1)
        return cls(np.empty(most, np.int32), np.empty(most, np.uint16))


def resting_stores(count: int) -> np.ndarray:
    """Return the transmitter of hair cells in silence: free, in the cleft, and being reprocessed (3, place).

    Args:
        count: Number of hair cells.
    """
    permeability = G * A / (A + B)
    cleft = M * Y * permeability / (L * permeability + Y * (L + R))
    return np.repeat([[cleft * (L + R) / permeability], [cleft], [cleft * R / X]], count, axis=1)


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
    fired = np.zeros((len(cells), REFRACTORY), np.int8)
    return Cells(random, drawn, ready, np.zeros(len(cells)), np.zeros(len(cells)), refractory, fired)


@numba.njit(cache=True)
def _seed(seed: np.uint64, number: np.ndarray, random: np.ndarray, drawn: np.ndarray) -> None:
    for cell in range(number.size):
        # SplitMix64: a sequence of states with increment GAMMA, from a hash of seed and cell
        state = _mix(_mix(seed + GAMMA) + number[cell])
        drawn[cell, 0] = _exponential(state)
        state += GAMMA
        drawn[cell, 1] = _exponential(state)
        random[cell] = state


# vector registers need loops without a check for division by 0; no divisor here can be 0
@numba.njit(cache=True, nogil=True, error_model="numpy")
def hair_cells(velocity: np.ndarray, stores: np.ndarray, hazard: np.ndarray) -> None:
    """Compute −log(1 − p) of the fibers of hair cells: exp(−Σ) is the probability that a fiber is silent over steps.

    Args:
        velocity: Velocity of the basilar membrane at the cells (step, place), at 24 kHz.
        stores: Transmitter before the piece, which becomes that after it (3, place), as of `resting_stores`.
        hazard: Result, overwritten, float64 (step, place).
    """
    # at 24 kHz no store loses more than it holds in a step, and p stays below 1/2
    for step in range(velocity.shape[0]):
        for position in range(velocity.shape[1]):
            free, cleft, reprocessed = stores[0, position], stores[1, position], stores[2, position]
            drive = max(velocity[step, position] + A, 0.0)
            released = G * _DT * drive / (drive + B) * free
            returned = X * _DT * reprocessed
            stores[0, position] = free + (Y * _DT * max(M - free, 0.0) + returned - released)
            stores[2, position] = reprocessed + (R * _DT * cleft - returned)
            cleft += released - (L + R) * _DT * cleft
            stores[1, position] = cleft
            hazard[step, position] = cleft
    for step in range(velocity.shape[0]):
        for position in range(velocity.shape[1]):
            hazard[step, position] = -math.log1p(-H * _DT * hazard[step, position])


@numba.njit(inline="always")
def _exponential(state: np.uint64) -> float:
    """Return the random number of a state, exponentially distributed with mean 1."""
    # 53 bits, moved by half a step: never log(0)
    return -math.log((np.float64(_mix(state) >> np.uint64(11)) + 0.5) * 2.0**-53)


@numba.njit(cache=True, nogil=True)
def fire(hazard: np.ndarray, cells: Cells, cell: int, fired: np.ndarray) -> None:
    """Compute the firings of the fibers of a bushy cell.

    While n fibers are ready, the next firing comes when n times the summed hazard reaches an exponential random
    number; the rest of the hazard of that step counts for the other n − 1 fibers.

    Args:
        hazard: Output of `hair_cells` at the place of the cell (step,).
        cells: State before the piece; the random numbers and ready fibers of the cell become those after it.
        cell: Index of the cell in the state.
        fired: Number of firing fibers (REFRACTORY + step,): those of the last steps before the piece come first, and
            those of the piece are overwritten.
    """
    state, ready = cells.random[cell], cells.ready[cell]
    remaining, following = cells.drawn[cell, 0], cells.drawn[cell, 1]
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
    cells.random[cell], cells.ready[cell] = state, ready
    cells.drawn[cell, 0], cells.drawn[cell, 1] = remaining, following


@numba.njit(cache=True, nogil=True)
def bushy_cells(fired: np.ndarray, cells: Cells, trains: Trains, count: int) -> int:
    """Compute the spikes of bushy cells side by side.

    Args:
        fired: Number of firing fibers, int8 (REFRACTORY + step, cell), of which the first REFRACTORY are past.
        cells: State before the piece; currents, voltages and refractory times become those after it.
        trains: Spikes, which are written behind the first ones, in the order of their steps.
        count: Number of spikes before the piece.

    Returns:
        Number of spikes after the piece.
    """
    current, voltage, refractory = cells.current, cells.voltage, cells.refractory
    for step in range(fired.shape[0] - REFRACTORY):
        row, crossing = fired[REFRACTORY + step], 0
        for cell in range(current.size):
            current[cell] = current[cell] * _SYNAPSE_DECAY + row[cell]
            integrated = voltage[cell] * _MEMBRANE_DECAY + current[cell] * BUSHY_WEIGHT
            voltage[cell] = integrated if refractory[cell] == 0 else voltage[cell]
            refractory[cell] = max(refractory[cell] - 1, 0)
            crossing |= int(voltage[cell] >= 1.0)
        if crossing:
            for cell in range(current.size):
                if voltage[cell] >= 1.0:
                    trains.step[count], trains.unit[count] = step, cell
                    count += 1
                    voltage[cell], refractory[cell] = 0.0, REFRACTORY
    return count


@numba.njit(cache=True, nogil=True)
def spikes_of_membrane(velocity: np.ndarray, stores: np.ndarray, cells: Cells, trains: Trains) -> int:
    """Compute the spikes of all places of the membrane in a piece.

    Args:
        velocity: Velocity of the membrane (place, step).
        stores: State of the hair cells (3, place), which becomes that after the piece.
        cells: State of the bushy cells, as many for each place, which becomes that after the piece.
        trains: Spikes, which are overwritten, block of places after block of places.

    Returns:
        Number of spikes.
    """
    positions, count = velocity.shape[0], 0
    each = cells.random.size // positions
    for first in range(0, positions, _PLACES):
        last, before = min(first + _PLACES, positions), count
        rows = slice(first * each, last * each)
        own = Cells(cells.random[rows], cells.drawn[rows], cells.ready[rows], cells.current[rows],
                    cells.voltage[rows], cells.refractory[rows], cells.fired[rows])  # fmt: skip
        count = _of_block(velocity[first:last], stores[:, first:last], own, trains, count)
        for spike in range(before, count):
            trains.unit[spike] += first * each
    return count


@numba.njit(cache=True, nogil=True)
def _of_block(velocity: np.ndarray, stores: np.ndarray, cells: Cells, trains: Trains, count: int) -> int:
    """Compute the spikes of neighboring places, chunk after chunk of steps, and return the number of all spikes."""
    (positions, steps), size = velocity.shape, cells.random.size
    each, own = size // positions, stores.copy()
    fired, hazard = np.empty((REFRACTORY + _CHUNK, size), np.int8), np.empty((_CHUNK, positions))
    piece = np.empty((_CHUNK, positions), velocity.dtype)
    _transpose(cells.fired, fired)
    for begin in range(0, steps, _CHUNK):
        length, before = min(_CHUNK, steps - begin), count
        _transpose(velocity[:, begin : begin + length], piece)
        hair_cells(piece[:length], own, hazard[:length])
        for cell in range(size):
            fire(hazard[:length, cell // each], cells, cell, fired[:, cell])
        count = bushy_cells(fired[: REFRACTORY + length], cells, trains, count)
        for spike in range(before, count):
            trains.step[spike] += begin
        for step in range(REFRACTORY):
            for cell in range(size):
                fired[step, cell] = fired[length + step, cell]
    _transpose(own, stores.T)
    _transpose(fired[:REFRACTORY], cells.fired)
    return count


@numba.njit(cache=True, nogil=True)
def _transpose(source: np.ndarray, target: np.ndarray) -> None:
    """Copy an array into the begin of another one, rows to columns."""
    for row in range(source.shape[0]):
        for column in range(source.shape[1]):
            target[column, row] = source[row, column]
