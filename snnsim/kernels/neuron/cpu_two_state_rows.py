"""Rows of neurons with two state variables that passes and loops over steps share, and their step backward.

Shapes   rows (column,) or (time, column), column = lane · neurons + neuron, a lane is a recording
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.row_loops import VECTOR
from snnsim.kernels.neuron import cpu_steps
from snnsim.kernels.neuron import cpu_two_state_steps as steps
from snnsim.kernels.neuron.surrogate_slopes import to_slopes
from snnsim.kernels.neuron.two_state_types import Arrays, Coefficients, StepOptions

SHORT = 32
"""Numbers whose sum is taken in the precision of the currents, before it is added to a sum in float64."""


class BackwardRows(NamedTuple):
    """The rows of a pass backward."""

    distance: steps.Distance
    slope: steps.DistanceResult
    back: steps.Back
    results: steps.BackResults
    learning: steps.Learning
    learned: steps.LearningResults


@subroutine(cache=True)
def backward_rows(
    back: steps.Back, current: np.ndarray, affine: np.ndarray, drive: np.ndarray, du: np.ndarray
) -> BackwardRows:
    """Return the rows of a pass backward.

    Args:
        back: The rows of a step.
        current: The currents, (time, column).
        affine: Scale and shift of the currents, (2, column).
        drive: The gradient of the drive, to be set, (time, column).
        du: The gradient of the membrane of the step after, (column,), which each step replaces.
    """
    short, dv, dw = zero_sums(back.neuron.beta), back.dv, back.dw
    return BackwardRows(
        steps.Distance(back.neuron, back.u, back.w), steps.DistanceResult(back.slope), back,
        steps.BackResults(dv, dw, drive), steps.Learning(back, current, affine[0], affine[1], du, short),
        steps.LearningResults(dv, dw, drive, du, short),
    )  # fmt: skip


@subroutine(cache=True)
def step_backward(t: int, rows: BackwardRows, options: StepOptions, learned: bool) -> None:
    """Compute the gradients of a step.

    Args:
        t: The step.
        rows: The rows.
        options: The choices of the pass.
        learned: Whether the gradients of the coefficients are computed.
    """
    slope, flags = rows.slope.x, steps.BackChoices(not options.hard, not options.detached, options.temporal)
    steps.set_distance(t, rows.distance, steps.StepChoices(False), rows.slope)
    to_slopes(slope, options.surrogate, slope.dtype.type(options.alpha))
    if learned:
        steps.learning_backward(t, rows.learning, flags, rows.learned)
    else:
        steps.step_backward(t, rows.back, flags, rows.results)


@subroutine(cache=True)
def tiled(neuron: Arrays, times: int) -> Arrays:
    """Return copies of the coefficients without gaps, which loops over rows of so many lanes repeat.

    Where a lane is not made of whole vectors they are repeated here, as one flat loop over all columns is faster then.

    Args:
        neuron: The coefficients, (neuron,) each.
        times: The number of lanes.
    """
    if neuron.beta.size % VECTOR == 0:
        times = 1
    return Coefficients(
        cpu_steps.tiled(neuron.beta, times), cpu_steps.tiled(neuron.threshold, times),
        cpu_steps.tiled(neuron.feedback, times), cpu_steps.tiled(neuron.gain, times),
        cpu_steps.tiled(neuron.sensitivity, times), cpu_steps.tiled(neuron.rho, times),
        cpu_steps.tiled(neuron.coupling, times), cpu_steps.tiled(neuron.jump, times),
        cpu_steps.tiled(neuron.intake, times),
    )  # fmt: skip


@subroutine(cache=True)
def repeated(row: np.ndarray, steps: int) -> np.ndarray:
    """Return (time, column) that has the same row in every step.

    Args:
        row: The row, (column,).
        steps: The number of steps.
    """
    return as_strided(row, (steps, row.size), (0, row.itemsize))


@subroutine(cache=True)
def zero_sums(row: np.ndarray) -> Arrays:
    """Return sums of 0 of every coefficient.

    Args:
        row: An array in the shape and type of a sum.
    """
    zeros = np.zeros((9, row.size), row.dtype)
    return Coefficients(
        zeros[0], zeros[1], zeros[2], zeros[3], zeros[4], zeros[5], zeros[6], zeros[7], zeros[8]
    )  # fmt: skip


@subroutine(cache=True)
def short_steps(short: Arrays, columns: int) -> int:
    """Return the number of steps between two calls of `flush`.

    Args:
        short: Sums over a few steps, as long as the coefficients of `tiled`.
        columns: The number of columns of a row.
    """
    return max(1, SHORT * short.beta.size // columns)


@subroutine(cache=True)
def flush(short: Arrays, sums: Arrays, columns: slice) -> None:
    """Add sums of the coefficients' gradients over a few steps to those over all steps, and clear the former.

    Args:
        short: Sums over a few steps, as long as the coefficients of `tiled`.
        sums: Sums over all steps, float64, of all columns.
        columns: The columns. If the coefficients repeat, the first lane gets the sums of all of them.
    """
    columns = slice(columns.start, columns.start + short.beta.size)
    cpu_steps.flush(short.beta, sums.beta[columns])
    cpu_steps.flush(short.threshold, sums.threshold[columns])
    cpu_steps.flush(short.feedback, sums.feedback[columns])
    cpu_steps.flush(short.gain, sums.gain[columns])
    cpu_steps.flush(short.sensitivity, sums.sensitivity[columns])
    cpu_steps.flush(short.rho, sums.rho[columns])
    cpu_steps.flush(short.coupling, sums.coupling[columns])
    cpu_steps.flush(short.jump, sums.jump[columns])
    cpu_steps.flush(short.intake, sums.intake[columns])
