"""Passes over neurons on a GPU: allocation, launches of the loops of gpu_kernels.py, and sums over recordings.

    y[t] = scale · current[t] + shift for t < length, else 0
    u[t] = β v[t−1] + y[t]      s[t] = Θ(u[t] − θ)      v[t] = u[t] (1 − s[t])  or  u[t] − θ s[t]

Shapes   current, u, s (time, batch, neuron) · voltage, mask (batch, neuron) · lengths (batch,) · the others (neuron,)
Names    mask factors of dropout, None for 1 · membrane u · last v after the last step
Exact    sums are over time in the order of time, then over recordings by torch: the same in every run
Differs  cpu.py has the same passes for the CPU. Here all tensors are contiguous and of one dtype, float32 or float64,
         but lengths int64; nothing is checked. A backward pass computes u again, in the memory of its result.
         TRITON_INTERPRET=1, set before triton is first imported, runs the passes on the CPU, slowly
"""

from typing import Any

import torch
import triton
from torch import Tensor

from snnsim.kernels.neuron import gpu_kernels
from snnsim.kernels.neuron.types import Fired, InputGradients, Inputs, Neuron, OutputGradients

BLOCK = 64
"""Neurons of a program: two warps."""


def moments(current: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance, (neuron,) each, of the currents within the lengths; 0 for no steps.

    Args:
        current: The currents, (time, batch, neuron).
        lengths: The lengths of the recordings, int64 (batch,).
    """
    steps, batch, neurons = current.shape
    sums = current.new_zeros(3, batch, neurons)
    launch(gpu_kernels.moments_pass, current, current, lengths, sums, steps, batch * neurons, neurons)
    # recordings are few: their means are joined in double precision, by Chan, Golub & LeVeque 1979
    first, means, squares = sums.double()
    means += first
    counts = lengths.clamp(max=steps).double()[:, None]
    total = counts.sum().clamp(min=1)
    mean = (counts * means).sum(0) / total
    variance = (squares + counts * (means - mean).square()).sum(0) / total
    return mean.to(current.dtype), variance.to(current.dtype)


def lif_forward(inputs: Inputs, neuron: Neuron, *, record: bool) -> Fired:
    """Return the spikes after dropout, the membranes if they are recorded, and the last voltage.

    Args:
        inputs: The inputs.
        neuron: The parameters of the neurons, without noise.
        record: Whether the membranes are recorded.
    """
    current = inputs.current
    spikes, last = torch.empty_like(current), inputs.voltage.clone()
    membrane = torch.empty_like(current) if record else None
    _launch_forward(inputs, neuron, spikes, membrane, last)
    return Fired(spikes, membrane, last)


def _launch_forward(
    inputs: Inputs, neuron: Neuron, spikes: Tensor | None, membrane: Tensor | None, last: Tensor
) -> None:
    steps, batch, neurons = inputs.current.shape
    launch(
        gpu_kernels.lif_forward_pass, inputs.current, *inputs, neuron.beta, neuron.threshold, spikes, membrane, last,
        steps, batch * neurons, neurons, HARD=neuron.hard,
    )  # fmt: skip


def lif_backward(
    inputs: Inputs,
    neuron: Neuron,
    grads: OutputGradients,
    *,
    learned: bool = True,  # noqa: ARG001
    normed: bool = True,  # noqa: ARG001
) -> InputGradients:
    """Return the gradients of the inputs and parameters of `lif_forward`.

    Args:
        inputs: The inputs of the forward pass.
        neuron: The parameters of the neurons, without noise.
        grads: The gradients of the results, without gaps.
        learned: As for the CPU; here all sums are computed, as they cost no memory traffic.
        normed: Likewise.
    """
    current, lengths, voltage = inputs.current, inputs.lengths, inputs.voltage
    steps, batch, neurons = current.shape
    drive, sums = torch.empty_like(current), current.new_zeros(5, batch, neurons)
    if steps == 0 and grads.last is not None and neuron.temporal:
        sums[4] = grads.last
    # two launches, as any thread of the second may read the membrane that a thread of the first writes
    _launch_forward(inputs._replace(mask=None), neuron, None, drive, torch.empty_like(voltage))
    launch(
        gpu_kernels.lif_backward_pass, current, current, lengths, voltage, inputs.mask, neuron.beta, neuron.threshold,
        grads.spikes, grads.membrane, grads.last, drive, sums, steps, batch * neurons, neurons,
        HARD=neuron.hard, DETACHED=neuron.detached, TEMPORAL=neuron.temporal,
        SURROGATE=neuron.surrogate, ALPHA=float(neuron.alpha),
    )  # fmt: skip
    scale, shift, beta, threshold = sums[:4].sum(1)
    return InputGradients(drive, scale, shift, beta, threshold, sums[4])


def affine_backward(
    grad: Tensor, current: Tensor, lengths: Tensor, scale: Tensor, offset: Tensor, slope: Tensor
) -> Tensor:
    """Return scale · grad + offset + slope · current within the lengths, and 0 behind them.

    Args:
        grad: The gradient of the drive, (time, batch, neuron); the result replaces it.
        current: The currents, (time, batch, neuron).
        lengths: The lengths of the recordings, int64 (batch,).
        scale: A factor of every neuron, (neuron,).
        offset: A summand of every neuron, (neuron,).
        slope: A factor of every neuron, (neuron,).
    """
    steps, batch, neurons = current.shape
    launch(
        gpu_kernels.affine_backward_pass, current, grad, current, lengths, scale, offset, slope, grad,
        steps, batch * neurons, neurons,
    )  # fmt: skip
    return grad


def leaky_forward(current: Tensor, voltage: Tensor, beta: Tensor) -> Tensor:
    """Return the membrane u[t] = β u[t−1] + current[t] of leaky integrators, (time, batch, neuron).

    Args:
        current: The currents, (time, batch, neuron).
        voltage: The voltage before the first step, (batch, neuron).
        beta: The decays, (neuron,).
    """
    steps, batch, neurons = current.shape
    membrane = torch.empty_like(current)
    sizes = steps, batch * neurons, neurons
    launch(gpu_kernels.leaky_pass, current, current, voltage, beta, membrane, *sizes, BACKWARD=False)
    return membrane


def leaky_backward(beta: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient of the current, du[t] = β du[t+1] + dū[t].

    Args:
        beta: Decay of each neuron, (neuron,).
        grad: Gradient dū of the membrane, contiguous (time, batch, neuron).
    """
    steps, batch, neurons = grad.shape
    result = torch.empty_like(grad)
    launch(gpu_kernels.leaky_pass, grad, grad, None, beta, result, steps, batch * neurons, neurons, BACKWARD=True)
    return result


def launch(loop: Any, current: Tensor, *arguments: Tensor | int | None, **settings: Any) -> None:
    """Run a loop with one program for each recording and block of neurons, on the current's own device.

    Args:
        loop: The loop, compiled by Triton.
        current: The currents, (time, batch, neuron), whose size the grid has; nothing runs where they are none.
        *arguments: Its arguments.
        **settings: Its compile-time settings, but the size of a block.
    """
    if current.numel() == 0:
        return
    _, batch, neurons = current.shape
    with torch.cuda.device_of(current):  # type: ignore[no-untyped-call]
        grid = (batch * triton.cdiv(neurons, BLOCK),)
        loop[grid](*arguments, **settings, BLOCK=BLOCK, num_warps=BLOCK // 32, enable_fp_fusion=False)
