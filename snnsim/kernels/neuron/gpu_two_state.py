"""Passes over neurons with two state variables on a GPU: allocation, launches, and sums over recordings.

Shapes   as in two_state_tensors.py
Exact    sums are over time in the order of time, then over recordings by torch: the same in every run
Differs  cpu_two_state_passes.py has the same passes for the CPU. Here all tensors are of one dtype, float32 or float64,
         but lengths int64; nothing is checked. A backward pass computes u and w again: u in the memory of its result,
         w in an array of its own. TRITON_INTERPRET=1, set before triton is first imported, runs the passes on the CPU
"""

import torch
from torch import Tensor

from snnsim.kernels.neuron import gpu_two_state_kernels
from snnsim.kernels.neuron.functions import Reset
from snnsim.kernels.neuron.gpu import launch
from snnsim.kernels.neuron.two_state_tensors import Fired, InputGradients, Inputs, OutputGradients
from snnsim.kernels.neuron.two_state_types import Coefficients


def two_state_forward(inputs: Inputs, neuron: Coefficients[Tensor], *, hard: bool, record: bool) -> Fired:
    """Return the spikes after dropout, the membranes if they are recorded, and the last state.

    Args:
        inputs: The inputs; the current without gaps.
        neuron: The coefficients.
        hard: Whether the reset is hard.
        record: Whether the membranes are recorded.
    """
    current = inputs.current
    spikes, v, w = torch.empty_like(current), inputs.v.clone(), inputs.w.clone()
    membrane = torch.empty_like(current) if record else None
    _launch_forward(inputs, neuron, hard, (spikes, membrane, None, v, w))
    return Fired(spikes, membrane, v, w)


def _launch_forward(
    inputs: Inputs, neuron: Coefficients[Tensor], hard: bool, results: tuple[Tensor | None, ...]
) -> None:
    steps, batch, neurons = inputs.current.shape
    without_gaps = inputs._replace(v=inputs.v.contiguous(), w=inputs.w.contiguous())
    launch(
        gpu_two_state_kernels.two_state_forward_pass, inputs.current, *without_gaps, *neuron, *results,
        steps, batch * neurons, neurons, HARD=hard,
    )  # fmt: skip


def two_state_backward(
    inputs: Inputs,
    neuron: Coefficients[Tensor],
    reset: Reset,
    grads: OutputGradients,
    *,
    temporal: bool,
    learned: bool,  # noqa: ARG001
    normed: bool,  # noqa: ARG001
) -> InputGradients:
    """Return the gradients of the inputs and coefficients of `two_state_forward`.

    Args:
        inputs: The inputs of the forward pass.
        neuron: The coefficients.
        reset: The effect of a spike on the voltage, and the surrogate.
        grads: The gradients of the results, without gaps.
        temporal: Whether gradients pass from step to step.
        learned: As for the CPU; here all sums are computed, as they cost no memory traffic.
        normed: Likewise.
    """
    current = inputs.current
    steps, batch, neurons = current.shape
    inputs = inputs._replace(v=inputs.v.contiguous(), w=inputs.w.contiguous())
    drive, second = torch.empty_like(current), torch.empty_like(current)
    sums = current.new_zeros(4 + len(neuron), batch, neurons)
    # two launches, as any thread of the second may read the membrane that a thread of the first writes
    trajectory = (None, drive, second, torch.empty_like(inputs.v), torch.empty_like(inputs.w))
    _launch_forward(inputs._replace(mask=None), neuron, reset.hard, trajectory)
    launch(
        gpu_two_state_kernels.two_state_backward_pass, current,
        current, inputs.scale, inputs.shift, inputs.lengths, inputs.v, inputs.mask, *neuron, *grads,
        drive, second, sums, steps, batch * neurons, neurons, HARD=reset.hard, DETACHED=reset.detached,
        TEMPORAL=temporal, SURROGATE=reset.surrogate.name, ALPHA=float(reset.surrogate.sharpness),
    )  # fmt: skip
    scale, shift, *coefficients = sums[2:].sum(1)
    return InputGradients(drive, sums[0], sums[1], scale, shift, Coefficients(*coefficients))
