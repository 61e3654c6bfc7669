"""The neurons' part of the compiled loops over steps: rows of a few lanes, forward and backward.

LIF neurons are neurons with two state variables whose second one stays 0.

Shapes   as in loop_types.py
"""

from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.prefetch import prefetch
from snnsim.kernels.common.threads import parallel
from snnsim.kernels.neuron import cpu_steps
from snnsim.kernels.neuron import cpu_two_state_steps as steps
from snnsim.kernels.neuron.cpu_two_state_rows import BackwardRows, repeated, tiled
from snnsim.kernels.neuron.cpu_two_state_rows import backward_rows as rows_of
from snnsim.kernels.neuron.cpu_two_state_steps import Back, Step, StepChoices
from snnsim.kernels.neuron.two_state_types import Arrays, Trajectory
from snnsim.kernels.recurrent.loop_types import BackArrays, LoopArrays


class ForwardRows(NamedTuple):
    """The rows of a few lanes forward."""

    step: Step
    results: steps.StepResults


@subroutine(cache=True)
def forward_rows(arrays: LoopArrays, coefficients: Arrays, lanes: int, columns: slice) -> ForwardRows:
    """Return the rows of a few lanes.

    Args:
        arrays: The arrays of the pass.
        coefficients: The coefficients of the neurons, (neuron,) each.
        lanes: The number of lanes.
        columns: Their columns.
    """
    v, w, count = arrays.v[columns], arrays.w[columns], len(arrays.total)
    ones, zeros = np.ones_like(v), np.zeros_like(v)
    step = Step(arrays.total[:, columns], ones, zeros, tiled(coefficients, lanes), v, w, ones)
    results = steps.StepResults(v, w, arrays.spikes[:, columns], repeated(np.empty_like(v), count))
    return ForwardRows(step, results)


@subroutine(cache=True)
def step_forward(t: int, rows: ForwardRows, hard: bool) -> None:
    """Compute the neurons of a step, whose currents are complete.

    Args:
        t: The step.
        rows: The rows.
        hard: Whether the reset is hard.
    """
    steps.step_forward(t, rows.step, StepChoices(not hard), rows.results)


@subroutine(cache=True)
def backward_rows(arrays: BackArrays, coefficients: Arrays, lanes: int, columns: slice) -> BackwardRows:
    """Return the rows of a few lanes.

    Args:
        arrays: The arrays of the pass.
        coefficients: The coefficients of the neurons, (neuron,) each.
        lanes: The number of lanes.
        columns: Their columns.
    """
    dv, dw, count = arrays.dv[columns], arrays.dw[columns], len(arrays.total)
    ones, zeros, affine = np.ones_like(dv), np.zeros_like(dv), np.zeros((2, dv.size), dv.dtype)
    affine[0] = 1
    u, w = arrays.u[:, columns], arrays.w[:, columns]
    # a gradient of the spikes that every step sets
    spikes, slope = np.zeros_like(dv), np.empty_like(dv)
    back = Back(tiled(coefficients, lanes), u, w, slope, spikes, ones, repeated(zeros, count), dv, dw)
    return rows_of(back, arrays.total[:, columns], affine, arrays.error[:, columns], arrays.du[columns])


@subroutine(cache=True)
def add(row: np.ndarray, total: np.ndarray) -> None:
    """Add a row.

    Args:
        row: The row.
        total: The sum.
    """
    for n in range(total.size):
        total[n] += row[n]


@subroutine(cache=True)
def add_scaled(factor: float, row: np.ndarray, total: np.ndarray) -> None:
    """Add a row times a factor.

    Args:
        factor: The factor.
        row: The row.
        total: The sum.
    """
    for n in range(total.size):
        total[n] += factor * row[n]


@subroutine(cache=True)
def add_product(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> None:
    """Add the product of two rows.

    Args:
        a: A row.
        b: A row.
        total: The sum.
    """
    for n in range(total.size):
        total[n] += a[n] * b[n]


@subroutine(cache=True)
def set_sum(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> None:
    """Set a row to the sum of two.

    Args:
        a: A row.
        b: A row.
        total: The result.
    """
    for n in range(total.size):
        total[n] = a[n] + b[n]


@subroutine(cache=True)
def widened(row: np.ndarray, factor: np.ndarray, lanes: int, values: np.ndarray) -> None:
    """Set values with a margin to a row times its factors.

    Args:
        row: The row, (column,).
        factor: The factors, (column,).
        lanes: The number of lanes.
        values: The result, (lane · width,).
    """
    neurons, width = row.size // lanes, values.size // lanes
    for lane in range(lanes):
        one, two = row[lane * neurons : (lane + 1) * neurons], factor[lane * neurons : (lane + 1) * neurons]
        wide = values[lane * width : lane * width + neurons]
        for n in range(wide.size):
            wide[n] = one[n] * two[n]


@subroutine(cache=True)
def narrowed(values: np.ndarray, lanes: int, row: np.ndarray) -> None:
    """Set a row to values with a margin.

    Args:
        values: The values, (lane · width,).
        lanes: The number of lanes.
        row: The result, (column,).
    """
    neurons, width = row.size // lanes, values.size // lanes
    for lane in range(lanes):
        copy_row(values[lane * width :], row[lane * neurons : (lane + 1) * neurons])


@parallel()
def retrace(total: np.ndarray, neuron: Arrays, hard: bool, v: np.ndarray, w: np.ndarray, path: Trajectory) -> None:
    """Set u of every step, and w before it, from the currents of all steps.

    Args:
        total: The currents, (time, column).
        neuron: The coefficients of the neurons, (neuron,) each.
        hard: Whether the reset is hard.
        v: The voltage before the first step, (column,).
        w: The second variable before the first step, (column,).
        path: The results, (time, column).
    """
    neurons = neuron.beta.size
    lanes, count = cpu_steps.lanes_per_block(neurons), v.size // neurons
    for_each(_retrace, -(-count // lanes), (total, neuron, hard, v, w, path))


@subroutine(cache=True)
def _retrace(
    block: int, total: np.ndarray, neuron: Arrays, hard: bool, v: np.ndarray, w: np.ndarray, path: Trajectory
) -> None:
    neurons = neuron.beta.size
    lanes = cpu_steps.lanes_per_block(neurons)
    first, last = block * lanes, min((block + 1) * lanes, v.size // neurons)
    columns = slice(first * neurons, last * neurons)
    v, w, current = v[columns].copy(), w[columns].copy(), total[:, columns]
    rows = Step(current, np.ones_like(v), np.zeros_like(v), tiled(neuron, last - first), v, w, v)
    results, flags = steps.Path(v, w, path.u[:, columns], path.w[:, columns]), StepChoices(not hard)
    for t in range(len(total)):
        if t + 1 < len(total):
            prefetch(current[t + 1])
        steps.step_again(t, rows, flags, results)
