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

from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel
from snnsim.kernels.neuron.surrogate_slopes import to_slopes

BLOCK = 4096
"""Columns that are computed together: rows of a block stay in the nearer caches."""
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


@parallel(error_model="numpy")
def forward(
    current: np.ndarray, numbers: np.ndarray, hard: bool, spikes: np.ndarray, bad: np.ndarray, threads: int
) -> None:
    """Set the spikes of all columns.

    Args:
        current: I, (time, column).
        numbers: β, θ, start, amplitude and sharpness, in the type of the current.
        hard: Whether the reset is hard.
        spikes: y, (time, column).
        bad: Set for each block: 0, or NaN if a voltage is not finite afterwards, (block,).
        threads: Number of threads.
    """
    for_each(_forward, threads, (current, numbers, hard, spikes, bad, threads))


@subroutine(cache=True, error_model="numpy")
def _forward(
    thread: int, current: np.ndarray, numbers: np.ndarray, hard: bool, spikes: np.ndarray, bad: np.ndarray, threads: int
) -> None:
    columns, zero = current.shape[1], current.dtype.type(0)
    for block in range(bad.size * thread // threads, bad.size * (thread + 1) // threads):
        begin = block * BLOCK
        v = np.full(min(BLOCK, columns - begin), numbers[2])
        for t in range(len(current)):
            _advance(current[t, begin : begin + v.size], numbers, hard, v, spikes[t, begin : begin + v.size])
        for n in range(v.size):
            v[n] *= zero
        bad[block] = _total(v)


@subroutine(cache=True, error_model="numpy")
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


@subroutine(cache=True, error_model="numpy")
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


@parallel(error_model="numpy")
def backward(
    current: np.ndarray, grad: np.ndarray, numbers: np.ndarray, choices: Choices, drive: np.ndarray, sums: np.ndarray,
    threads: int,
) -> None:  # fmt: skip
    """Set the gradients of all currents, and the sums of β and θ.

    Args:
        current: I, (time, column).
        grad: Gradient of y, (time, column).
        numbers: As in the forward pass.
        choices: The choices of the pass.
        drive: Gradient of I, (time, column).
        sums: Gradients of β and θ from each block, float64 (block, 2).
        threads: Number of threads.
    """
    for_each(_backward, threads, (current, grad, numbers, choices, drive, sums, threads))


@subroutine(cache=True, error_model="numpy")
def _backward(
    thread: int, current: np.ndarray, grad: np.ndarray, numbers: np.ndarray, choices: Choices, drive: np.ndarray,
    sums: np.ndarray, threads: int,
) -> None:  # fmt: skip
    columns, steps = current.shape[1], len(current)
    path, short = np.empty((steps, BLOCK), current.dtype), np.empty((2, BLOCK), current.dtype)
    h, dv = np.empty(BLOCK, current.dtype), np.empty(BLOCK, current.dtype)
    for block in range(len(sums) * thread // threads, len(sums) * (thread + 1) // threads):
        begin = block * BLOCK
        size = min(BLOCK, columns - begin)
        _membranes(current, begin, size, numbers, choices.hard, path)
        dv[:], short[:] = 0, 0
        for t in range(steps - 1, -1, -1):
            u, du, dy = path[t, :size], drive[t, begin : begin + size], grad[t, begin : begin + size]
            _to_slopes(u, numbers, choices, h[:size])
            if choices.learned:
                _add_theta(h[:size], dy, u, dv[:size], numbers, choices, short[1])
            _step_back(h[:size], dy, u, numbers, choices, dv[:size], du)
            if choices.learned:
                _add_beta(du, path[max(t - 1, 0), :size], numbers, choices.hard, t == 0, short[0])
            if not choices.temporal:
                dv[:] = 0
        sums[block, 0], sums[block, 1] = _total(short[0, :size]), _total(short[1, :size])


@subroutine(cache=True, error_model="numpy")
def _membranes(
    current: np.ndarray, begin: int, size: int, numbers: np.ndarray, hard: bool, path: np.ndarray
) -> None:  # fmt: skip
    """Set u of every step of a block, as in the forward pass."""
    beta, threshold, zero, one = numbers[0], numbers[1], path.dtype.type(0), path.dtype.type(1)
    v = np.full(size, numbers[2])
    for t in range(len(current)):
        # rows that are contiguous, or no loop would use vector registers
        row, membrane = current[t, begin : begin + size], path[t]
        for n in range(v.size):
            u = beta * v[n] + row[n]
            membrane[n] = u
            fired = u >= threshold
            v[n] = u * (zero if fired else one) if hard else u - (threshold if fired else zero)


@subroutine(cache=True, error_model="numpy")
def _to_slopes(u: np.ndarray, numbers: np.ndarray, choices: Choices, h: np.ndarray) -> None:
    """Set g'(x)."""
    threshold, one = numbers[1], u.dtype.type(1)
    inverse = one / threshold if choices.relative else one
    for n in range(u.size):
        h[n] = (u[n] - threshold) * inverse
    to_slopes(h, choices.surrogate, numbers[4])


@subroutine(cache=True, error_model="numpy")
def _factor(numbers: np.ndarray, choices: Choices) -> float:
    """Return a / w."""
    factor: float = numbers[3] * (numbers.dtype.type(1) / numbers[1]) if choices.relative else numbers[3]
    return factor


@subroutine(cache=True, error_model="numpy")
def _add_theta(
    h: np.ndarray, dy: np.ndarray, u: np.ndarray, dv: np.ndarray, numbers: np.ndarray, choices: Choices,
    total: np.ndarray,
) -> None:  # fmt: skip
    """Subtract a h dy (1 + x, or 1), and dv s of a soft reset, from the sum of θ."""
    threshold, zero, one, factor = numbers[1], u.dtype.type(0), u.dtype.type(1), _factor(numbers, choices)
    inverse = one / threshold
    if choices.relative:
        for n in range(u.size):
            total[n] -= h[n] * dy[n] * factor * (u[n] * inverse)
    else:
        for n in range(u.size):
            total[n] -= h[n] * dy[n] * factor
    if not choices.hard:
        for n in range(u.size):
            total[n] -= dv[n] if u[n] >= threshold else zero


@subroutine(cache=True, error_model="numpy")
def _step_back(
    h: np.ndarray, dy: np.ndarray, u: np.ndarray, numbers: np.ndarray, choices: Choices, dv: np.ndarray, du: np.ndarray
) -> None:
    """Set du, and dv of the step before."""
    beta, threshold, zero, one = numbers[0], numbers[1], u.dtype.type(0), u.dtype.type(1)
    factor = _factor(numbers, choices)
    if choices.hard:
        for n in range(u.size):
            error = h[n] * dy[n] * factor + dv[n] * (zero if u[n] >= threshold else one)
            du[n] = error
            dv[n] = beta * error
    else:
        for n in range(u.size):
            error = h[n] * dy[n] * factor + dv[n]
            du[n] = error
            dv[n] = beta * error


@subroutine(cache=True, error_model="numpy")
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
