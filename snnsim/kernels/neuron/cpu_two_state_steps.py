"""Steps of neurons with two state variables, forward and backward, compiled for a row of neurons.

    y = (scale · I + shift) + f w        u = β v + e y        s = Θ(u − level)        level = θ + κ w
    v = u (1 − s)  (hard)   or   u − level s  (soft)          w = ((ρ w + a v) + b s) + c y        with the new v

    backward   dv += a dw        ds = dŝ · mask + b dw (− u dv (hard), − level dv (soft) with the reset in the graph)
               dx = h ds         du = dx + dū + r dv, r = 1 − s (hard), 1 (soft)
               dlevel = − dx (− s dv for a soft reset)        dy = e du + c dw
               before the step: dv = β du        dw = ρ dw + f dy + κ dlevel

Each loop has few arrays. With many arrays in one loop, LLVM would not prove that no two of them overlap, and would
compute one number at a time. Factors of 0 and 1 are exact, so that one form computes every model.

Shapes   all arrays (column,), a column is a neuron of a recording
Names    h surrogate slope at u − level · dŝ gradient of the spike after dropout · dū gradient of the recorded membrane
"""

import numpy as np

from snnsim.kernels.common.jit import njit
from snnsim.kernels.neuron.surrogate_slopes import to_slopes
from snnsim.kernels.neuron.two_state_types import Arrays, OutputRow, Row, RowGradients, StepOptions


@njit(cache=True)
def step_forward(neuron: Arrays, hard: bool, current: np.ndarray, affine: np.ndarray, row: Row) -> None:
    """Set y, u and the level of a row, and bring v and w to the end of the step.

    Args:
        neuron: The coefficients, column by column.
        hard: Whether the reset is hard.
        current: The currents of the step.
        affine: Scale and shift of the currents, (2, column).
        row: The variables of the step.
    """
    _set_inputs(current, affine[0], affine[1], neuron.feedback, row.w, row.y)
    _set_membranes(neuron.beta, row.v, neuron.gain, row.y, row.u)
    _set_levels(neuron.threshold, neuron.sensitivity, row.w, row.level)
    _set_voltages(row.u, row.level, hard, row.v)
    _decay(neuron.rho, neuron.coupling, row.v, row.w)
    _jump(row.u, row.level, neuron.jump, neuron.intake, row.y, row.w)


@njit(cache=True)
def step_again(neuron: Arrays, hard: bool, current: np.ndarray, affine: np.ndarray, row: Row) -> None:
    """Set y, the level and the voltage after a step, for its u and the w before it.

    Args:
        neuron: The coefficients, column by column.
        hard: Whether the reset is hard.
        current: The currents of the step.
        affine: Scale and shift of the currents, (2, column).
        row: The variables of the step.
    """
    _set_inputs(current, affine[0], affine[1], neuron.feedback, row.w, row.y)
    _set_levels(neuron.threshold, neuron.sensitivity, row.w, row.level)
    _set_voltages(row.u, row.level, hard, row.v)


@njit(cache=True)
def _set_inputs(
    current: np.ndarray, scale: np.ndarray, shift: np.ndarray, feedback: np.ndarray, w: np.ndarray, y: np.ndarray
) -> None:
    """Set y = (scale · I + shift) + f w."""
    # the parentheses fix the rounding: every form of the computation adds in this order
    for n in range(y.size):
        y[n] = (scale[n] * current[n] + shift[n]) + feedback[n] * w[n]


@njit(cache=True)
def _set_membranes(beta: np.ndarray, v: np.ndarray, gain: np.ndarray, y: np.ndarray, u: np.ndarray) -> None:
    for n in range(u.size):
        u[n] = beta[n] * v[n] + gain[n] * y[n]


@njit(cache=True)
def _set_levels(threshold: np.ndarray, sensitivity: np.ndarray, w: np.ndarray, level: np.ndarray) -> None:
    """Set level = θ + κ w."""
    for n in range(level.size):
        level[n] = threshold[n] + sensitivity[n] * w[n]


@njit(cache=True)
def _set_voltages(u: np.ndarray, level: np.ndarray, hard: bool, v: np.ndarray) -> None:
    """Set the voltage after the reset."""
    for n in range(v.size):
        # u − u, as an integer 0 would turn the sum into float64
        lower = u[n] - u[n] if hard else u[n] - level[n]
        v[n] = lower if u[n] >= level[n] else u[n]


@njit(cache=True)
def _decay(rho: np.ndarray, coupling: np.ndarray, v: np.ndarray, w: np.ndarray) -> None:
    for n in range(w.size):
        w[n] = rho[n] * w[n] + coupling[n] * v[n]


@njit(cache=True)
def _jump(u: np.ndarray, level: np.ndarray, jump: np.ndarray, intake: np.ndarray, y: np.ndarray, w: np.ndarray) -> None:
    zero = w.dtype.type(0)
    for n in range(w.size):
        w[n] = (w[n] + (jump[n] if u[n] >= level[n] else zero)) + intake[n] * y[n]


@njit(cache=True)
def step_backward(neuron: Arrays, options: StepOptions, row: Row, outputs: OutputRow, grads: RowGradients) -> None:
    """Set the gradients of y, u and the level of a row, and bring those of v and w to the beginning of the step.

    Args:
        neuron: The coefficients, column by column.
        options: The choices of the pass.
        row: The variables of the step; w is that before the step.
        outputs: The gradients of the results of the step.
        grads: The gradients; those of v and w are of the state after the step.
    """
    hard, h = options.hard, grads.slope
    _subtract(row.u, row.level, h)
    to_slopes(h, options.surrogate, h.dtype.type(options.alpha))
    _add_product(neuron.coupling, grads.w, grads.v)
    _set_spike_gradients(outputs.spikes, outputs.factor, neuron.jump, grads.w, grads.spike)
    if not options.detached:
        _subtract_product(row.u if hard else row.level, grads.v, grads.spike)
    _set_reset_gradients(row.u, row.level, hard, grads.v, outputs.membrane, grads.u)
    _add_product(h, grads.spike, grads.u)
    _set_level_gradients(h, grads.spike, row.u, row.level, hard, grads.v, grads.level)
    _set_input_gradients(neuron.gain, grads.u, neuron.intake, grads.w, grads.y)


@njit(cache=True)
def state_backward(neuron: Arrays, temporal: bool, grads: RowGradients) -> None:
    """Bring the gradients of v and w from the end of a step to its beginning; behind `step_backward`.

    Args:
        neuron: The coefficients, column by column.
        temporal: Whether gradients pass from step to step; otherwise they are 0 at the beginning.
        grads: The gradients of the step.
    """
    if temporal:
        _set_product(neuron.beta, grads.u, grads.v)
        _second_backward(neuron.rho, neuron.feedback, grads.y, neuron.sensitivity, grads.level, grads.w)
    else:
        grads.v[:] = 0
        grads.w[:] = 0


@njit(cache=True)
def _subtract(u: np.ndarray, level: np.ndarray, x: np.ndarray) -> None:
    for n in range(x.size):
        x[n] = u[n] - level[n]


@njit(cache=True)
def _set_product(a: np.ndarray, b: np.ndarray, result: np.ndarray) -> None:
    for n in range(result.size):
        result[n] = a[n] * b[n]


@njit(cache=True)
def _add_product(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> None:
    for n in range(total.size):
        total[n] += a[n] * b[n]


@njit(cache=True)
def _subtract_product(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> None:
    for n in range(total.size):
        total[n] -= a[n] * b[n]


@njit(cache=True)
def _set_spike_gradients(
    spikes: np.ndarray, factor: np.ndarray, jump: np.ndarray, dw: np.ndarray, ds: np.ndarray
) -> None:
    for n in range(ds.size):
        ds[n] = spikes[n] * factor[n] + jump[n] * dw[n]


@njit(cache=True)
def _set_reset_gradients(
    u: np.ndarray, level: np.ndarray, hard: bool, dv: np.ndarray, membrane: np.ndarray, du: np.ndarray
) -> None:
    """Set du = dū + r dv, where r is 0 if a hard reset clears the voltage."""
    zero = dv.dtype.type(0)
    for n in range(du.size):
        du[n] = membrane[n] + (zero if hard and u[n] >= level[n] else dv[n])


@njit(cache=True)
def _set_level_gradients(
    h: np.ndarray, ds: np.ndarray, u: np.ndarray, level: np.ndarray, hard: bool, dv: np.ndarray, dlevel: np.ndarray
) -> None:
    """Set dlevel = − h ds, less dv where a soft reset subtracts the level."""
    zero = dv.dtype.type(0)
    for n in range(dlevel.size):
        dlevel[n] = -(h[n] * ds[n]) - (dv[n] if not hard and u[n] >= level[n] else zero)


@njit(cache=True)
def _set_input_gradients(gain: np.ndarray, du: np.ndarray, intake: np.ndarray, dw: np.ndarray, dy: np.ndarray) -> None:
    for n in range(dy.size):
        dy[n] = gain[n] * du[n] + intake[n] * dw[n]


@njit(cache=True)
def _second_backward(
    rho: np.ndarray, feedback: np.ndarray, dy: np.ndarray, sensitivity: np.ndarray, dlevel: np.ndarray, dw: np.ndarray
) -> None:
    for n in range(dw.size):
        dw[n] = (rho[n] * dw[n] + feedback[n] * dy[n]) + sensitivity[n] * dlevel[n]
