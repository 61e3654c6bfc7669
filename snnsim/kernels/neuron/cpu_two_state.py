"""Compiled passes over neurons with two state variables; cpu_two_state_steps.py has the equations of a step.

    drive    scale · I[t] + shift within the length of a recording, 0 behind it
    result   s[t] · mask, u[t] if it is recorded, v and w after the last step

Shapes   I, s, u (time, column), column = lane · neurons + neuron, a lane is a recording · v, w, mask (column,)
         scale, shift and coefficients (neuron,) · lengths (lane,)
Differs  the backward pass saves I alone: u and w are computed again, one block of lanes at a time
Exact    sums over time are a recording's own, in float64, and are added over recordings in order; results do not
         depend on the number of threads
"""

import numpy as np
from numba import prange

from snnsim.kernels.common.jit import njit
from snnsim.kernels.common.prefetch import prefetch
from snnsim.kernels.common.threads import parallel
from snnsim.kernels.neuron import cpu_steps
from snnsim.kernels.neuron import cpu_two_state_steps as steps
from snnsim.kernels.neuron.two_state_types import (
    Arrays,
    Coefficients,
    InputArrays,
    InputGradients,
    Needed,
    OutputGradients,
    OutputRow,
    Outputs,
    Row,
    RowGradients,
    StepOptions,
    Trajectory,
)  # fmt: skip


@njit(cache=True)
def _tiled(neuron: Arrays, times: int) -> Arrays:
    """Return the coefficients column by column, as one flat loop over all columns of a row is the fastest."""
    return Coefficients(
        cpu_steps.tiled(neuron.beta, times), cpu_steps.tiled(neuron.threshold, times),
        cpu_steps.tiled(neuron.feedback, times), cpu_steps.tiled(neuron.gain, times),
        cpu_steps.tiled(neuron.sensitivity, times), cpu_steps.tiled(neuron.rho, times),
        cpu_steps.tiled(neuron.coupling, times), cpu_steps.tiled(neuron.jump, times),
        cpu_steps.tiled(neuron.intake, times),
    )  # fmt: skip


@njit(cache=True)
def _affine(inputs: InputArrays, times: int) -> np.ndarray:
    """Return scale and shift of a block, (2, column)."""
    affine = np.empty((2, times * inputs.scale.size), inputs.scale.dtype)
    affine[0] = cpu_steps.tiled(inputs.scale, times)
    affine[1] = cpu_steps.tiled(inputs.shift, times)
    return affine


@njit(cache=True)
def _row(v: np.ndarray, w: np.ndarray) -> Row:
    """Return the variables of a block that begins with a state."""
    return Row(np.empty_like(v), np.empty_like(v), np.empty_like(v), v.copy(), w.copy())


@njit(cache=True)
def _columns(block: int, lanes: int, neurons: int, count: int) -> slice:
    """Return the columns of a block of so many lanes; the last block may have fewer."""
    first = block * lanes
    return slice(first * neurons, min(first + lanes, count) * neurons)


@parallel()
def forward(inputs: InputArrays, neuron: Arrays, hard: bool, outputs: Outputs) -> None:
    """Set the results of a pass.

    Args:
        inputs: The inputs.
        neuron: The coefficients.
        hard: Whether the reset is hard.
        outputs: The results.
    """
    neurons, count = neuron.beta.size, inputs.lengths.size
    lanes = cpu_steps.lanes_per_block(neurons)
    for block in prange(-(-count // lanes)):
        # one call alone: Numba moves statements of a parallel loop past calls that write to the arrays of a tuple
        ends = inputs.lengths[block * lanes : (block + 1) * lanes]
        _block_forward(inputs, neuron, hard, ends, _columns(block, lanes, neurons, count), outputs)


@njit(cache=True)
def _block_forward(
    inputs: InputArrays, neuron: Arrays, hard: bool, ends: np.ndarray, columns: slice, outputs: Outputs
) -> None:
    """Compute all steps of a block."""
    current, wide, affine = inputs.current, _tiled(neuron, ends.size), _affine(inputs, ends.size)
    row = _row(inputs.v[columns], inputs.w[columns])
    factor = inputs.mask[columns] if inputs.mask.size else np.ones_like(row.v)
    for t in range(len(current)):
        # rows of a block lie a whole step of the batch apart, which the processor does not foresee
        if t + 1 < len(current):
            prefetch(current[t + 1, columns])
        cpu_steps.stop_ended(t, ends, affine[0], affine[1])
        steps.step_forward(wide, hard, current[t, columns], affine, row)
        cpu_steps.set_spikes(row.u, row.level, factor, outputs.spikes[t, columns])
        if outputs.membrane.size:
            outputs.membrane[t, columns] = row.u
    outputs.v[columns] = row.v
    outputs.w[columns] = row.w


@parallel()
def backward(
    inputs: InputArrays, neuron: Arrays, options: StepOptions, needed: Needed, threads: int,
    grads: OutputGradients, result: InputGradients, sums: Arrays,
) -> None:  # fmt: skip
    """Set the gradients of the inputs, and add those of the coefficients to sums.

    Args:
        inputs: The inputs of the forward pass.
        neuron: The coefficients.
        options: The choices of the pass.
        needed: The coefficients whose gradients are computed.
        threads: The number of threads.
        grads: The gradients of the results.
        result: The gradients of the inputs.
        sums: Sums over time of the gradients of the coefficients, float64 (column,) each.
    """
    lengths, neurons = inputs.lengths, neuron.beta.size
    lanes = cpu_steps.lanes_per_block(neurons)
    for thread in prange(threads):
        _thread_backward(
            inputs, neuron, options, needed, range(thread, -(-lengths.size // lanes), threads), grads, result, sums
        )


@njit(cache=True)
def _thread_backward(
    inputs: InputArrays, neuron: Arrays, options: StepOptions, needed: Needed, blocks: range,
    grads: OutputGradients, result: InputGradients, sums: Arrays,
) -> None:  # fmt: skip
    """Go back over the blocks of a thread, which use one trajectory in turn."""
    lengths, neurons = inputs.lengths, neuron.beta.size
    lanes = cpu_steps.lanes_per_block(neurons)
    size = (len(inputs.current), lanes * neurons)
    path = Trajectory(np.empty(size, inputs.v.dtype), np.empty(size, inputs.v.dtype))
    for block in blocks:
        columns = _columns(block, lanes, neurons, lengths.size)
        ends = lengths[block * lanes : (block + 1) * lanes]
        wide = _tiled(neuron, ends.size)
        _compute_again(inputs, wide, options.hard, ends, columns, path)
        _block_backward(inputs, wide, options, needed, ends, columns, path, grads, result, sums)


@njit(cache=True)
def _compute_again(
    inputs: InputArrays, neuron: Arrays, hard: bool, ends: np.ndarray, columns: slice, path: Trajectory
) -> None:
    """Set u of every step of a block, and w before it, as in the forward pass."""
    current, affine = inputs.current, _affine(inputs, ends.size)
    row = _row(inputs.v[columns], inputs.w[columns])
    for t in range(len(current)):
        if t + 1 < len(current):
            prefetch(current[t + 1, columns])
        cpu_steps.stop_ended(t, ends, affine[0], affine[1])
        path.w[t, : row.w.size] = row.w
        steps.step_forward(neuron, hard, current[t, columns], affine, row)
        path.u[t, : row.u.size] = row.u


@njit(cache=True)
def _block_backward(
    inputs: InputArrays, neuron: Arrays, options: StepOptions, needed: Needed, ends: np.ndarray, columns: slice,
    path: Trajectory, grads: OutputGradients, result: InputGradients, sums: Arrays,
) -> None:  # fmt: skip
    """Go back over the steps of a block."""
    current, silent = inputs.current, np.zeros_like(inputs.v[columns])
    affine, factor = _affine(inputs, ends.size), inputs.mask[columns] if inputs.mask.size else np.ones_like(silent)
    # currents reach a lane before its end; in reverse order of time it is silent at first
    inside, work = np.zeros_like(affine), np.empty((3, silent.size), silent.dtype)
    row_grads = RowGradients(
        _start(grads.v, columns, options.temporal), _start(grads.w, columns, options.temporal),
        np.zeros_like(silent), np.empty_like(silent), np.empty_like(silent), np.empty_like(silent),
        np.empty_like(silent),
    )  # fmt: skip
    for t in range(len(current) - 1, -1, -1):
        w, u = path.w[t, : silent.size], path.u[t, : silent.size]
        row = Row(work[0], u, work[1], work[2], w)
        _let_in(t, len(current), ends, affine, inside)
        steps.step_again(neuron, options.hard, current[t, columns], inside, row)
        if needed.beta:
            # du of the step after, which is 0 behind the last step
            _add_product(row_grads.u, row.v, sums.beta[columns])
        outputs = OutputRow(
            grads.spikes[t, columns] if grads.spikes.size else silent, factor,
            grads.membrane[t, columns] if grads.membrane.size else silent,
        )  # fmt: skip
        steps.step_backward(neuron, options, row, outputs, row_grads)
        _add_gradients(needed, row, row_grads, sums, columns)
        steps.state_backward(neuron, options.temporal, row_grads)
        drive = result.drive[t, columns]
        drive[:] = row_grads.y
        cpu_steps.clear_ended(t, ends, drive)
        if result.affine.size:
            cpu_steps.add_affine_gradients(
                drive, current[t, columns], result.affine[0, columns], result.affine[1, columns]
            )
    if needed.beta:
        _add_product(row_grads.u, inputs.v[columns], sums.beta[columns])
    result.v[columns] = row_grads.v
    result.w[columns] = row_grads.w


@njit(cache=True)
def _start(grad: np.ndarray, columns: slice, temporal: bool) -> np.ndarray:
    """Return the gradient of the state after the last step."""
    return grad[columns].copy() if temporal else np.zeros_like(grad[columns])


@njit(cache=True)
def _let_in(t: int, count: int, ends: np.ndarray, affine: np.ndarray, row: np.ndarray) -> None:
    """Set scale and shift of the lanes whose last step, of so many at most, is this one."""
    width = row.shape[1] // ends.size
    for lane in range(ends.size):
        if t + 1 == min(ends[lane], count):
            columns = slice(lane * width, (lane + 1) * width)
            row[0, columns] = affine[0, columns]
            row[1, columns] = affine[1, columns]


@njit(cache=True)
def _add_gradients(needed: Needed, row: Row, grads: RowGradients, sums: Arrays, columns: slice) -> None:
    """Add the gradients of a step to those of the coefficients; grads.w is that of the state after the step."""
    if needed.threshold:
        _add(grads.level, sums.threshold[columns])
    if needed.feedback:
        _add_product(grads.y, row.w, sums.feedback[columns])
    if needed.gain:
        _add_product(grads.u, row.y, sums.gain[columns])
    if needed.sensitivity:
        _add_product(grads.level, row.w, sums.sensitivity[columns])
    _add_second_gradients(needed, row, grads, sums, columns)


@njit(cache=True)
def _add_second_gradients(needed: Needed, row: Row, grads: RowGradients, sums: Arrays, columns: slice) -> None:
    """Add the gradients of the coefficients that w after the step comes from."""
    if needed.rho:
        _add_product(grads.w, row.w, sums.rho[columns])
    if needed.coupling:
        _add_product(grads.w, row.v, sums.coupling[columns])
    if needed.jump:
        _add_jump(row.u, row.level, grads.w, sums.jump[columns])
    if needed.intake:
        _add_product(grads.w, row.y, sums.intake[columns])


@njit(cache=True)
def _add(a: np.ndarray, total: np.ndarray) -> None:
    for n in range(total.size):
        total[n] += a[n]


@njit(cache=True)
def _add_product(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> None:
    for n in range(total.size):
        total[n] += a[n] * b[n]


@njit(cache=True)
def _add_jump(u: np.ndarray, level: np.ndarray, dw: np.ndarray, total: np.ndarray) -> None:
    zero = dw.dtype.type(0)
    for n in range(total.size):
        total[n] += dw[n] if u[n] >= level[n] else zero
