"""The compiled passes over neurons that fire: a block of recordings is one job, a step is a row of columns.

    drive      y[t] = scale · I[t] + shift within the length of a recording, 0 behind it
    forward    u[t] = β v[t−1] + y[t]        s[t] = Θ(u[t] − θ)
               v[t] = u[t] (1 − s[t])  (hard)   or   v[t] = u[t] − θ s[t]  (soft)

    backward   du[t] = h[t] ds[t] + dū[t] + r[t] dv[t]        dv[t] = β du[t+1]
               r = 1 − s (hard), 1 (soft); with the reset in the graph also − u h (hard), − θ h (soft)
               dy[t] = du[t]        dβ = Σ du[t] v[t−1]
               dθ = − Σ h[t] (ds[t] + dv[t] ∂v/∂s) − Σ dv[t] s[t]  (the last term: soft reset only)
               dv[t] = 0 for neurons that are not `temporal`

    noise      s[t] = Θ(u[t] − θ[t]) with a threshold θ[t] that is drawn in every step, see cpu_noise.py

Shapes   I, y, u, s (time, column), column = lane · neurons + neuron, a lane is a recording · v (column,)
         β, θ, scale, shift (neuron,)
Names    u membrane before the reset · v voltage after it · h surrogate slope at u − θ · dū gradient of the returned u
         level: the threshold of a step, θ or drawn
Exact    sums over time are a recording's own, in float64 after a few steps, and are added over recordings in order;
         results do not depend on the number of threads
"""

import numpy as np

from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.counter_rng import Counter
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.prefetch import prefetch
from snnsim.kernels.common.threads import parallel
from snnsim.kernels.neuron import cpu_noise, cpu_steps
from snnsim.kernels.neuron.cpu_types import (
    Block,
    InputArrays,
    InputGradientArrays,
    NoiseArrays,
    Options,
    OutputGradientArrays,
    Outputs,
    Parameters,
    StepArrays,
    Sums,
    Trajectory,
)  # fmt: skip

_SHORT = 32
"""Steps whose sums are taken in the precision of the currents, before they are added to sums in float64."""


@parallel()
def forward(inputs: InputArrays, neuron: Parameters, noise: NoiseArrays, counter: Counter, outputs: Outputs) -> None:
    """Set the spikes after dropout, the membranes if they are recorded, and the last voltage.

    Args:
        inputs: The inputs of all lanes.
        neuron: The parameters of the neurons.
        noise: The noise of the neurons.
        counter: The counter of the random numbers.
        outputs: The results.
    """
    lanes = cpu_steps.lanes_per_block(neuron.beta.size)
    for_each(_block_forward, -(-len(inputs.lengths) // lanes), (inputs, neuron, noise, counter, outputs))


@subroutine(cache=True)
def _block_forward(
    index: int, inputs: InputArrays, neuron: Parameters, noise: NoiseArrays, counter: Counter, outputs: Outputs
) -> None:
    """Compute all steps of a block."""
    current, spikes, membrane = inputs.current, outputs.spikes, outputs.membrane
    hard, drawn, block = neuron.hard, noise.drawn, _block(index, neuron.beta.size, inputs.lengths, counter)
    size, columns = block.lengths.size, block.columns
    v, u = inputs.voltage[columns].copy(), np.empty_like(inputs.voltage[columns])
    # parameters column by column, as one flat loop over all columns of a row is the fastest
    scale, shift = cpu_steps.tiled(inputs.scale, size), cpu_steps.tiled(inputs.shift, size)
    beta, threshold = cpu_steps.tiled(neuron.beta, size), cpu_steps.tiled(neuron.threshold, size)
    spread, reset_value = cpu_noise.tiled(noise.scale, size), cpu_noise.tiled(noise.reset_value, size)
    level = np.empty_like(threshold) if drawn else threshold
    factor = inputs.mask[columns] if inputs.mask.size else np.ones_like(v)
    for t in range(len(current)):
        # rows of a block lie a whole step of the batch apart, which the processor does not foresee
        if t + 1 < len(current):
            prefetch(current[t + 1, columns])
        cpu_steps.stop_ended(t, block.lengths, scale, shift)
        u = membrane[t, columns] if membrane.size else u
        cpu_steps.set_membranes(current[t, columns], scale, shift, beta, v, u)
        if drawn:
            cpu_noise.draw_levels(block, t, threshold, spread, level)
        cpu_steps.set_spikes(u, level, factor, spikes[t, columns])
        if reset_value.size:
            cpu_noise.reset(u, level, threshold, reset_value, hard, v)
        else:
            cpu_steps.reset(u, threshold, hard, v)
    copy_row(v, outputs.last[columns])


@subroutine(cache=True, inline="always")
def _block(index: int, neurons: int, lengths: np.ndarray, counter: Counter) -> Block:
    """Return a block of lanes; the last one may have fewer."""
    lanes = cpu_steps.lanes_per_block(neurons)
    first = index * lanes
    inside = lengths[first : first + lanes]
    return Block(first, inside, slice(first * neurons, (first + inside.size) * neurons), counter)


@parallel()
def backward(
    inputs: InputArrays, neuron: Parameters, noise: NoiseArrays, counter: Counter, grads: OutputGradientArrays,
    options: Options, threads: int, result: InputGradientArrays,
) -> None:  # fmt: skip
    """Set the gradients of the inputs, and add those of the parameters to the sums.

    Args:
        inputs: The inputs of the forward pass.
        neuron: The parameters of the neurons.
        noise: The noise of the neurons.
        counter: The counter of the random numbers.
        grads: The gradients of the results.
        options: The choices of the pass.
        threads: The number of threads.
        result: The results.
    """
    arguments = (inputs, neuron, noise, counter, grads, options, threads, result)
    for_each(_thread_backward, threads, arguments)


@subroutine(cache=True)
def _thread_backward(
    thread: int, inputs: InputArrays, neuron: Parameters, noise: NoiseArrays, counter: Counter,
    grads: OutputGradientArrays, options: Options, threads: int, result: InputGradientArrays,
) -> None:  # fmt: skip
    """Go back over the blocks of a thread, which use one trajectory in turn."""
    current, lengths = inputs.current, inputs.lengths
    neurons, lanes = neuron.beta.size, cpu_steps.lanes_per_block(neuron.beta.size)
    membrane = np.empty((len(current), lanes * neurons), current.dtype)
    path = Trajectory(membrane, np.empty((len(current) if noise.drawn else 1, lanes * neurons), current.dtype))
    for index in range(thread, -(-len(lengths) // lanes), threads):
        block = _block(index, neurons, lengths, counter)
        size, columns = block.lengths.size, block.columns
        wide = Parameters(cpu_steps.tiled(neuron.beta, size), cpu_steps.tiled(neuron.threshold, size), neuron.hard)
        noisy = NoiseArrays(cpu_noise.tiled(noise.scale, size), cpu_noise.tiled(noise.reset_value, size), noise.drawn)
        _compute_again(inputs, block, wide, noisy, path)
        drive, sums = result.drive, result.sums
        dv = _block_backward(inputs, block, wide, noisy, path, grads, options, drive, sums)
        copy_row(dv, result.voltage[columns])


@subroutine(cache=True, inline="always")
def _compute_again(inputs: InputArrays, block: Block, neuron: Parameters, noise: NoiseArrays, path: Trajectory) -> None:
    """Set the membranes and the levels of a block, as in the forward pass."""
    current, columns, threshold = inputs.current, block.columns, neuron.threshold
    copy_row(threshold, path.level[0, : threshold.size])
    v = inputs.voltage[columns].copy()
    scale, shift = cpu_steps.tiled(inputs.scale, block.lengths.size), cpu_steps.tiled(inputs.shift, block.lengths.size)
    for t in range(len(current)):
        if t + 1 < len(current):
            prefetch(current[t + 1, columns])
        cpu_steps.stop_ended(t, block.lengths, scale, shift)
        # slices of whole rows are contiguous for the compiler, which those of an array of fewer columns are not
        u, level = path.membrane[t, : v.size], path.level[t if noise.drawn else 0, : v.size]
        cpu_steps.set_membranes(current[t, columns], scale, shift, neuron.beta, v, u)
        if noise.drawn:
            cpu_noise.draw_levels(block, t, threshold, noise.scale, level)
        if noise.reset_value.size:
            cpu_noise.reset(u, level, threshold, noise.reset_value, neuron.hard, v)
        else:
            cpu_steps.reset(u, threshold, neuron.hard, v)


@subroutine(cache=True)
def _prefetch_before(t: int, sequence: np.ndarray, columns: slice) -> None:
    if t and sequence.size:
        prefetch(sequence[t - 1, columns])


@subroutine(cache=True, inline="always")
def _block_backward(
    inputs: InputArrays, block: Block, neuron: Parameters, noise: NoiseArrays, path: Trajectory,
    grads: OutputGradientArrays, options: Options, drive: np.ndarray, sums: Sums,
) -> np.ndarray:  # fmt: skip
    """Go back over the steps of a block, and return the gradient of its first voltage."""
    columns, voltage = block.columns, inputs.voltage[block.columns]
    total = Sums(
        sums.scale[columns], sums.shift[columns], sums.beta[columns],
        sums.threshold[columns], sums.noise_scale[columns], sums.reset_value[columns],
    )  # fmt: skip
    dv, silent = grads.last[columns].copy() if options.temporal else np.zeros_like(voltage), np.zeros_like(voltage)
    factor = inputs.mask[columns] if inputs.mask.size else np.ones_like(voltage)
    h, error, slope, ds = np.empty_like(dv), np.empty_like(dv), np.empty_like(dv), np.empty_like(dv)
    short = np.zeros((2, voltage.size), voltage.dtype)
    for t in range(len(inputs.current) - 1, -1, -1):
        du = drive[t, columns]
        grad_spikes = grads.spikes[t, columns] if grads.spikes.size else silent
        _prefetch_before(t, grads.spikes, columns)
        _prefetch_before(t, drive, columns)
        u, level = path.membrane[t, : dv.size], path.level[t if noise.drawn else 0, : dv.size]
        cpu_steps.subtract(u, neuron.threshold, h)
        cpu_noise.to_slopes(h, noise.scale, options)
        if options.learned:
            cpu_noise.add_parameter_gradients(
                StepArrays(h, u, level, dv, grad_spikes, factor), neuron, noise, options.detached, ds, total
            )
        grad_membrane = grads.membrane[t, columns] if grads.membrane.size else silent
        cpu_steps.set_errors(h, grad_spikes, factor, grad_membrane, error)
        _membrane_gradient(h, u, level, neuron, noise, options, error, slope, dv, du)
        if options.learned:
            before = path.membrane[t - 1, : dv.size] if t else voltage
            level_before = path.level[max(t - 1, 0) if noise.drawn else 0, : dv.size]
            cpu_steps.add_beta_gradient(du, before, level_before, neuron.threshold, neuron.hard, t > 0, total.beta)
            cpu_noise.add_beta_gradient(t, du, before, level_before, noise.reset_value, total.beta)
        # only now: the sums above are over all steps, the currents' gradients over those that count
        cpu_steps.clear_ended(t, block.lengths, du)
        if options.normed:
            cpu_steps.add_affine_gradients(du, inputs.current[t, columns], short[0], short[1])
            if t % _SHORT == 0:
                cpu_steps.flush(short[0], total.scale)
                cpu_steps.flush(short[1], total.shift)
    return dv


# inline, as a call would count the references of all its arrays in every step
@subroutine(cache=True, inline="always")
def _membrane_gradient(
    h: np.ndarray, u: np.ndarray, level: np.ndarray, neuron: Parameters, noise: NoiseArrays, options: Options,
    error: np.ndarray, slope: np.ndarray, dv: np.ndarray, du: np.ndarray,
) -> None:  # fmt: skip
    """Set du of a step, and dv of the step before."""
    if options.temporal:
        cpu_steps.set_reset_slopes(h, u, level, neuron.threshold, neuron.hard, options.detached, slope)
        cpu_noise.add_reset_gradient(options.detached, h, noise.reset_value, slope)
        cpu_steps.step_back(error, slope, neuron.beta, dv, du)
    else:
        copy_row(error, du)
