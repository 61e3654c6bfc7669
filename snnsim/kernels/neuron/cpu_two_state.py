"""Compiled passes over neurons with two state variables; cpu_two_state_steps.py has the equations of a step.

    drive    scale · I[t] + shift within the length of a recording, 0 behind it
    result   s[t] · mask, u[t] if it is recorded, v and w after the last step

Shapes   I, s, u (time, column), column = lane · neurons + neuron, a lane is a recording · v, w, mask (column,)
         scale, shift and coefficients (neuron,) · lengths (lane,)
Differs  the backward pass saves I alone: u and w are computed again, one block of lanes at a time
Exact    sums over time are those of a recording or of a block, in float64, and are added in their order; results do
         not depend on the number of threads
"""

import numpy as np

from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.prefetch import prefetch
from snnsim.kernels.common.threads import parallel
from snnsim.kernels.neuron import cpu_steps
from snnsim.kernels.neuron import cpu_two_state_steps as steps
from snnsim.kernels.neuron.cpu_two_state_rows import (
    SHORT,
    backward_rows,
    flush,
    repeated,
    short_steps,
    step_backward,
    tiled,
)
from snnsim.kernels.neuron.cpu_two_state_steps import Back, Step, StepChoices
from snnsim.kernels.neuron.two_state_types import (
    Arrays,
    InputArrays,
    InputGradients,
    OutputGradients,
    Outputs,
    StepOptions,
    Trajectory,
)  # fmt: skip

_WIDE = 2048
"""Columns of a block backward, whose rows lie in several arrays: the first number of a row is the slowest to come."""
_BLOCKS = 8
"""Blocks of this width or more, so that several threads have some."""


@subroutine(cache=True)
def _affine(inputs: InputArrays, times: int) -> np.ndarray:
    """Return scale and shift of a block, (2, column)."""
    affine = np.empty((2, times * inputs.scale.size), inputs.scale.dtype)
    copy_row(cpu_steps.tiled(inputs.scale, times), affine[0])
    copy_row(cpu_steps.tiled(inputs.shift, times), affine[1])
    return affine


@subroutine(cache=True)
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
    lanes = cpu_steps.lanes_per_block(neuron.beta.size)
    for_each(_block_forward, -(-inputs.lengths.size // lanes), (inputs, neuron, hard, outputs))


@subroutine(cache=True)
def _block_forward(block: int, inputs: InputArrays, neuron: Arrays, hard: bool, outputs: Outputs) -> None:
    """Compute all steps of a block."""
    neurons, lengths = neuron.beta.size, inputs.lengths
    lanes = cpu_steps.lanes_per_block(neurons)
    ends, columns = lengths[block * lanes : (block + 1) * lanes], _columns(block, lanes, neurons, lengths.size)
    current, affine = inputs.current[:, columns], _affine(inputs, ends.size)
    v, w = inputs.v[columns].copy(), inputs.w[columns].copy()
    factor = inputs.mask[columns] if inputs.mask.size else np.ones_like(v)
    rows = Step(current, affine[0], affine[1], tiled(neuron, ends.size), v, w, factor)
    membrane = repeated(np.empty_like(v), len(current)) if outputs.membrane.size == 0 else outputs.membrane[:, columns]
    results, flags = steps.StepResults(v, w, outputs.spikes[:, columns], membrane), StepChoices(not hard)
    for t in range(len(current)):
        # rows of a block lie a whole step of the batch apart, which the processor does not foresee
        if t + 1 < len(current):
            prefetch(current[t + 1])
        cpu_steps.stop_ended(t, ends, affine[0], affine[1])
        steps.step_forward(t, rows, flags, results)
    copy_row(v, outputs.v[columns])
    copy_row(w, outputs.w[columns])


@parallel()
def backward(
    inputs: InputArrays, neuron: Arrays, options: StepOptions, learned: bool, threads: int,
    grads: OutputGradients, result: InputGradients, sums: Arrays,
) -> None:  # fmt: skip
    """Set the gradients of the inputs, and add those of the coefficients to sums.

    Args:
        inputs: The inputs of the forward pass.
        neuron: The coefficients.
        options: The choices of the pass.
        learned: Whether the gradients of the coefficients are computed.
        threads: The number of threads.
        grads: The gradients of the results.
        result: The gradients of the inputs.
        sums: Sums over time of the gradients of the coefficients, float64 (column,) each.
    """
    for_each(_thread_backward, threads, (inputs, neuron, options, learned, threads, grads, result, sums))


@subroutine(cache=True)
def _lanes_backward(neurons: int, count: int) -> int:
    """Return the number of lanes of a block, of so many lanes in all."""
    return max(cpu_steps.lanes_per_block(neurons), min(_WIDE // neurons, count // _BLOCKS))


@subroutine(cache=True)
def _thread_backward(
    thread: int, inputs: InputArrays, neuron: Arrays, options: StepOptions, learned: bool, threads: int,
    grads: OutputGradients, result: InputGradients, sums: Arrays,
) -> None:  # fmt: skip
    """Go back over the blocks of a thread, which use one trajectory in turn."""
    lengths, neurons = inputs.lengths, neuron.beta.size
    lanes = _lanes_backward(neurons, lengths.size)
    size = (len(inputs.current), lanes * neurons)
    memory = Trajectory(np.empty(size, inputs.v.dtype), np.empty(size, inputs.v.dtype))
    for block in range(thread, -(-lengths.size // lanes), threads):
        columns = _columns(block, lanes, neurons, lengths.size)
        ends = lengths[block * lanes : (block + 1) * lanes]
        wide, count = tiled(neuron, ends.size), ends.size * neurons
        path = Trajectory(memory.u[:, :count], memory.w[:, :count])
        _compute_again(inputs, wide, options.hard, ends, columns, path)
        _block_backward(inputs, wide, options, learned, ends, columns, path, grads, result, sums)


@subroutine(cache=True, inline="always")
def _compute_again(
    inputs: InputArrays, neuron: Arrays, hard: bool, ends: np.ndarray, columns: slice, path: Trajectory
) -> None:
    """Set u of every step of a block, and w before it, as in the forward pass."""
    current, affine = inputs.current[:, columns], _affine(inputs, ends.size)
    v, w = inputs.v[columns].copy(), inputs.w[columns].copy()
    rows, flags = Step(current, affine[0], affine[1], neuron, v, w, v), StepChoices(not hard)
    results = steps.Path(v, w, path.u, path.w)
    for t in range(len(current)):
        if t + 1 < len(current):
            prefetch(current[t + 1])
        cpu_steps.stop_ended(t, ends, affine[0], affine[1])
        steps.step_again(t, rows, flags, results)


@subroutine(cache=True, inline="always")
def _block_backward(
    inputs: InputArrays, neuron: Arrays, options: StepOptions, learned: bool, ends: np.ndarray, columns: slice,
    path: Trajectory, grads: OutputGradients, result: InputGradients, sums: Arrays,
) -> None:  # fmt: skip
    """Go back over the steps of a block."""
    current, silent = inputs.current[:, columns], np.zeros_like(inputs.v[columns])
    count, affine = len(current), _affine(inputs, ends.size)
    # currents reach a lane before its end; in reverse order of time it is silent at first
    inside, slope, du = np.zeros_like(affine), np.empty_like(silent), np.zeros_like(silent)
    short_affine = np.zeros_like(affine)
    dv, dw = _start(grads.v, columns, options.temporal), _start(grads.w, columns, options.temporal)
    back = Back(
        neuron, path.u, path.w, slope, grads.spikes[:, columns] if grads.spikes.size else repeated(silent, count),
        inputs.mask[columns] if inputs.mask.size else np.ones_like(silent),
        grads.membrane[:, columns] if grads.membrane.size else repeated(silent, count), dv, dw,
    )  # fmt: skip
    rows = backward_rows(back, current, inside, result.drive[:, columns], du)
    between = short_steps(rows.learning.sums, du.size)
    for t in range(count - 1, -1, -1):
        drive = result.drive[t, columns]
        if t:
            prefetch(back.spikes[t - 1])
            prefetch(result.drive[t - 1, columns])
        _let_in(t, count, ends, affine, inside)
        step_backward(t, rows, options, learned)
        cpu_steps.clear_ended(t, ends, drive)
        if result.affine.size:
            cpu_steps.add_affine_gradients(drive, inputs.current[t, columns], short_affine[0], short_affine[1])
        if learned and t % between == 0:
            flush(rows.learning.sums, sums, columns)
        if result.affine.size and t % SHORT == 0:
            cpu_steps.flush(short_affine[0], result.affine[0, columns])
            cpu_steps.flush(short_affine[1], result.affine[1, columns])
    if learned:
        # du of the first step
        _add_product(du, inputs.v[columns], sums.beta[columns])
    copy_row(dv, result.v[columns])
    copy_row(dw, result.w[columns])


@subroutine(cache=True)
def _start(grad: np.ndarray, columns: slice, temporal: bool) -> np.ndarray:
    """Return the gradient of the state after the last step."""
    return grad[columns].copy() if temporal else np.zeros_like(grad[columns])


@subroutine(cache=True)
def _let_in(t: int, count: int, ends: np.ndarray, affine: np.ndarray, row: np.ndarray) -> None:
    """Set scale and shift of the lanes whose last step, of so many at most, is this one."""
    width = row.shape[1] // ends.size
    for lane in range(ends.size):
        if t + 1 == min(ends[lane], count):
            columns = slice(lane * width, (lane + 1) * width)
            copy_row(affine[0, columns], row[0, columns])
            copy_row(affine[1, columns], row[1, columns])


@subroutine(cache=True)
def _add_product(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> None:
    for n in range(total.size):
        total[n] += a[n] * b[n]
