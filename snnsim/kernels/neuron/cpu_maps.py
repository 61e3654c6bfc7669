"""Compiled passes over neurons with one decay and one threshold: columns of memory in blocks, whatever their layout.

    forward    u[t] = β v[t−1] + I[t]        s[t] = Θ(u[t] − θ)        v[t] = u (1 − s)  (hard)   or   u − θ s  (soft)
               y[t] = a s[t]                 v[−1] = start

    backward   x[t] = (u[t] − θ) / w         h = g'(x) / w             w = θ where slopes are relative, else 1
               du[t] = a h dy[t] + r dv[t]   dv[t−1] = β du[t]         r = 1 − s (hard), 1 (soft): no gradient by resets
               dβ = Σ du[t] v[t−1]           dθ = − Σ a h dy[t] (1 + x, or 1) − Σ dv[t] s[t]  (last term: soft reset)

Shapes   I, y (time, column), a column being one neuron of one picture · numbers (5,): β, θ, start, a, α of the slope
Names    u membrane before the reset · v voltage after it · h surrogate slope · a amplitude of a spike
Exact    sums are taken block by block in float64 and added in the order of blocks; threads change no result
"""

from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.jit import njit
from snnsim.kernels.neuron.surrogate_slopes import to_slopes

BLOCK = 1024
"""Columns that are computed together: rows of a block stay in the nearest cache."""
LANES = 16


class Choices(NamedTuple):
    """The choices of a pass."""

    hard: bool
    temporal: bool
    """Whether gradients pass from step to step."""
    relative: bool
    """Whether slopes are taken at u / θ − 1."""
    learned: bool
    """Whether the gradients of β and θ are needed."""
    surrogate: int


@njit(nogil=True, cache=True, error_model="numpy")
def forward(
    current: np.ndarray, numbers: np.ndarray, hard: bool, spikes: np.ndarray, bad: np.ndarray, blocks: tuple[int, int]
) -> None:
    """Set the spikes of the columns of some blocks.

    Args:
        current: I, (time, column).
        numbers: β, θ, start, amplitude and sharpness, in the type of the current.
        hard: Whether the reset is hard.
        spikes: y, (time, column).
        bad: Set for each block: 0, or NaN if a voltage is not finite afterwards, (block,).
        blocks: The first block, and the one behind the last.
    """
    columns, zero = current.shape[1], current.dtype.type(0)
    for block in range(blocks[0], blocks[1]):
        begin = block * BLOCK
        v = np.full(min(BLOCK, columns - begin), numbers[2])
        for t in range(len(current)):
            _advance(current[t, begin : begin + v.size], numbers, hard, v, spikes[t, begin : begin + v.size])
        for n in range(v.size):
            v[n] *= zero
        bad[block] = _total(v)


@njit(nogil=True, cache=True, error_model="numpy")
def _advance(row: np.ndarray, numbers: np.ndarray, hard: bool, v: np.ndarray, spikes: np.ndarray) -> None:
    beta, threshold, amplitude, zero, one = numbers[0], numbers[1], numbers[3], v.dtype.type(0), v.dtype.type(1)
    if hard:
        for n in range(v.size):
            u = beta * v[n] + row[n]
            fired = u >= threshold
            spikes[n] = amplitude if fired else zero
            # a product: an infinite membrane becomes NaN and stays
            v[n] = u * (zero if fired else one)
    else:
        for n in range(v.size):
            u = beta * v[n] + row[n]
            fired = u >= threshold
            spikes[n] = amplitude if fired else zero
            v[n] = u - (threshold if fired else zero)


@njit(nogil=True, cache=True, error_model="numpy")
def _total(values: np.ndarray) -> float:
    """Return the sum of a block, in float64 by lanes."""
    lanes = np.zeros(LANES)
    complete = values.size // LANES * LANES
    for begin in range(0, complete, LANES):
        for lane in range(LANES):
            lanes[lane] += values[begin + lane]
    total: float = lanes.sum()
    for n in range(complete, values.size):
        total += values[n]
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def backward(
    current: np.ndarray, grad: np.ndarray, numbers: np.ndarray, choices: Choices, drive: np.ndarray, sums: np.ndarray,
    blocks: tuple[int, int],
) -> None:  # fmt: skip
    """Set the gradients of the currents of some blocks, and the sums of β and θ.

    Args:
        current: I, (time, column).
        grad: Gradient of y, (time, column).
        numbers: As in the forward pass.
        choices: The choices of the pass.
        drive: Gradient of I, (time, column).
        sums: Gradients of β and θ from each block, float64 (block, 2).
        blocks: The first block, and the one behind the last.
    """
    columns, steps = current.shape[1], len(current)
    path = np.empty((steps, BLOCK), current.dtype)
    h, dv = np.empty(BLOCK, current.dtype), np.empty(BLOCK, current.dtype)
    short = np.empty((2, BLOCK), current.dtype)
    for block in range(blocks[0], blocks[1]):
        begin = block * BLOCK
        size = min(BLOCK, columns - begin)
        _membranes(current[:, begin : begin + size], numbers, choices.hard, path)
        dv[:], short[:] = 0, 0
        for t in range(steps - 1, -1, -1):
            u, du = path[t, :size], drive[t, begin : begin + size]
            _slopes(u, grad[t, begin : begin + size], numbers, choices, h[:size], short[1])
            _step_back(h[:size], u, numbers, choices, dv[:size], du, short[1])
            if choices.learned:
                _add_beta(du, path[max(t - 1, 0), :size], numbers, choices.hard, t == 0, short[0])
            if not choices.temporal:
                dv[:] = 0
        sums[block, 0], sums[block, 1] = _total(short[0, :size]), _total(short[1, :size])


@njit(nogil=True, cache=True, error_model="numpy")
def _membranes(current: np.ndarray, numbers: np.ndarray, hard: bool, path: np.ndarray) -> None:
    """Set u of every step of a block, as in the forward pass."""
    beta, threshold, zero, one = numbers[0], numbers[1], path.dtype.type(0), path.dtype.type(1)
    v = np.full(current.shape[1], numbers[2])
    for t in range(len(current)):
        row, membrane = current[t], path[t]
        for n in range(v.size):
            u = beta * v[n] + row[n]
            membrane[n] = u
            fired = u >= threshold
            v[n] = u * (zero if fired else one) if hard else u - (threshold if fired else zero)


@njit(nogil=True, cache=True, error_model="numpy")
def _slopes(
    u: np.ndarray, grad: np.ndarray, numbers: np.ndarray, choices: Choices, h: np.ndarray, total: np.ndarray
) -> None:
    """Set a h dy, and subtract a h dy (1 + x, or 1) from the sum of θ."""
    threshold, one = numbers[1], u.dtype.type(1)
    inverse = one / threshold if choices.relative else one
    factor = numbers[3] * inverse
    for n in range(u.size):
        h[n] = (u[n] - threshold) * inverse
    to_slopes(h, choices.surrogate, numbers[4])
    for n in range(u.size):
        h[n] = h[n] * grad[n] * factor
    if not choices.learned:
        return
    if choices.relative:
        for n in range(u.size):
            total[n] -= h[n] * (u[n] * inverse)
    else:
        for n in range(u.size):
            total[n] -= h[n]


@njit(nogil=True, cache=True, error_model="numpy")
def _step_back(
    h: np.ndarray, u: np.ndarray, numbers: np.ndarray, choices: Choices, dv: np.ndarray, du: np.ndarray,
    total: np.ndarray,
) -> None:  # fmt: skip
    """Set du, and dv of the step before; subtract dv s of a soft reset from the sum of θ."""
    beta, threshold, zero, one = numbers[0], numbers[1], u.dtype.type(0), u.dtype.type(1)
    if choices.learned and not choices.hard:
        for n in range(u.size):
            total[n] -= dv[n] if u[n] >= threshold else zero
    if choices.hard:
        for n in range(u.size):
            dv[n] *= zero if u[n] >= threshold else one
    for n in range(u.size):
        error = h[n] + dv[n]
        du[n] = error
        dv[n] = beta * error


@njit(nogil=True, cache=True, error_model="numpy")
def _add_beta(
    du: np.ndarray, before: np.ndarray, numbers: np.ndarray, hard: bool, first: bool, total: np.ndarray
) -> None:
    """Add du v[t−1], from the membrane of the step before, or from the start."""
    threshold, start, zero, one = numbers[1], numbers[2], du.dtype.type(0), du.dtype.type(1)
    if first:
        for n in range(du.size):
            total[n] += du[n] * start
    elif hard:
        for n in range(du.size):
            total[n] += du[n] * before[n] * (zero if before[n] >= threshold else one)
    else:
        for n in range(du.size):
            total[n] += du[n] * (before[n] - (threshold if before[n] >= threshold else zero))
