"""Passes over neurons with two state variables for the CPU, on tensors; cpu_two_state.py has the compiled loops.

Shapes   as in two_state_tensors.py
"""

import numpy as np
import torch
from torch import Tensor

from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.threads import thread_count, torch_threads
from snnsim.kernels.neuron import cpu_two_state
from snnsim.kernels.neuron import two_state_types as types
from snnsim.kernels.neuron.functions import Reset
from snnsim.kernels.neuron.surrogate_slopes import CODES
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
    spikes, last = empty(current, *current.shape), [torch.empty_like(inputs.v) for _ in "vw"]
    membrane = empty(current, *current.shape) if record else None
    outputs = types.Outputs(_rows(spikes, current), _rows(membrane, current), *map(_flat, last))
    with torch_threads():
        cpu_two_state.forward(_input_arrays(inputs), _arrays(neuron), hard, outputs)
    return Fired(spikes, membrane, *last)


def two_state_backward(
    inputs: Inputs,
    neuron: Coefficients[Tensor],
    reset: Reset,
    grads: OutputGradients,
    *,
    temporal: bool,
    learned: bool,
    normed: bool,
) -> InputGradients:
    """Return the gradients of the inputs and coefficients of `two_state_forward`.

    Args:
        inputs: The inputs of the forward pass.
        neuron: The coefficients.
        reset: The effect of a spike on the voltage, and the surrogate.
        grads: The gradients of the results, without gaps.
        temporal: Whether gradients pass from step to step.
        learned: Whether the gradients of the coefficients are needed.
        normed: Whether the gradients of scale and shift are needed.
    """
    current = inputs.current
    slope = CODES[reset.surrogate.name], reset.surrogate.sharpness
    drive, dv, dw = empty(current, *current.shape), torch.empty_like(inputs.v), torch.empty_like(inputs.w)
    columns = inputs.v.numel()
    affine_sums = np.zeros((2, columns if normed else 0))
    sums = Coefficients(*np.zeros((len(neuron), columns if learned else 0)))
    ends = (_flat(torch.zeros_like(inputs.v) if grad is None else grad) for grad in (grads.v, grads.w))
    with torch_threads():
        cpu_two_state.backward(
            _input_arrays(inputs), _arrays(neuron),
            types.StepOptions(reset.hard, *slope, reset.detached, temporal),
            learned, thread_count(),
            types.OutputGradients(_rows(grads.spikes, current), _rows(grads.membrane, current), *ends),
            types.InputGradients(_rows(drive, current), _flat(dv), _flat(dw), affine_sums), sums,
        )  # fmt: skip
    scale, shift = (_over_recordings(one, inputs.v) for one in affine_sums)
    coefficients = Coefficients(*(_over_recordings(one, inputs.v) for one in sums))
    return InputGradients(drive, dv, dw, scale, shift, coefficients)


def _over_recordings(sums: np.ndarray, like: Tensor) -> Tensor:
    """Return sums of columns (column,) added over recordings in their order, (neuron,); 0 without columns."""
    if sums.size == 0:
        return like.new_zeros(like.shape[1:])
    return torch.from_numpy(sums.reshape(like.shape).sum(0)).to(like.dtype)


def _input_arrays(inputs: Inputs) -> types.InputArrays:
    current = inputs.current
    mask = current.new_empty(0) if inputs.mask is None else inputs.mask
    each = map(_flat, (inputs.scale, inputs.shift, inputs.lengths, inputs.v, inputs.w, mask))
    return types.InputArrays(_rows(current, current), *each)


def _arrays(neuron: Coefficients[Tensor]) -> types.Arrays:
    return Coefficients(*map(_flat, neuron))


def _flat(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().reshape(-1).numpy()
    return array


def _rows(tensor: Tensor | None, like: Tensor) -> np.ndarray:
    """Return (time, batch · neuron); an array without elements stands for None."""
    array: np.ndarray = (like.new_empty(0, 0) if tensor is None else tensor.view(len(tensor), -1)).detach().numpy()
    return array
