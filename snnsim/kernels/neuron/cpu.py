"""Passes over neurons for the CPU, on tensors; cpu_lif.py has the equations of those that fire.

    leaky integrator    u[t] = β u[t−1] + I[t]        backward du[t] = β du[t+1] + dū[t]
    moments             mean and variance of every neuron's current, over the steps within the lengths

Shapes   I, u, s (time, batch, neuron) · v, mask (batch, neuron) · β, θ, scale, shift (neuron,) · lengths (batch,)
Differs  a backward pass saves I alone: u and the drawn thresholds are computed again, one block of recordings at a time
"""

import numpy as np
import torch
from torch import Tensor

from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.counter_rng import Counter, Draws
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel, thread_count, torch_threads
from snnsim.kernels.neuron import cpu_lif
from snnsim.kernels.neuron.cpu_types import (
    InputArrays,
    InputGradientArrays,
    NoiseArrays,
    Options,
    OutputGradientArrays,
    Outputs,
    Parameters,
    Sums,
)  # fmt: skip
from snnsim.kernels.neuron.surrogate_slopes import CODES
from snnsim.kernels.neuron.types import Fired, InputGradients, Inputs, Neuron, Noise, OutputGradients


def moments(current: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance (neuron,) of the currents within the lengths.

    Args:
        current: The currents, (time, batch, neuron).
        lengths: The lengths of the recordings, int64 (batch,).
    """
    lengths = lengths.clamp(max=len(current))
    sums = np.zeros((2, *current.shape[1:]))
    with torch_threads():
        _moments(_array(current), _array(lengths), sums)
    total, square = torch.from_numpy(sums.sum(1))
    mean, count = total / lengths.sum(), lengths.sum()
    return mean.to(current.dtype), (square / count - mean.square()).clamp(min=0).to(current.dtype)


def lif_forward(inputs: Inputs, neuron: Neuron, *, record: bool) -> Fired:
    """Return the spikes after dropout, the membranes if they are recorded, and the last voltage.

    Args:
        inputs: The inputs, without gaps.
        neuron: The parameters of the neurons.
        record: Whether the membranes are recorded.
    """
    current = inputs.current
    spikes, last = empty(current, *current.shape), torch.empty_like(inputs.voltage)
    membrane = empty(current, *current.shape) if record else None
    outputs = Outputs(_rows(spikes, current), _rows(membrane, current), _array(last.view(-1)))
    with torch_threads():
        cpu_lif.forward(_input_arrays(inputs), *_parameters(neuron), outputs)
    return Fired(spikes, membrane, last)


def lif_backward(
    inputs: Inputs, neuron: Neuron, grads: OutputGradients, *, learned: bool = True, normed: bool = True
) -> InputGradients:
    """Return the gradients of the inputs and parameters of `lif_forward`.

    Args:
        inputs: The inputs of the forward pass.
        neuron: The parameters of the neurons.
        grads: The gradients of the results, without gaps.
        learned: Whether the gradients of β, θ, Δ and r are needed; otherwise they are 0.
        normed: Whether the gradients of scale and shift are needed; otherwise they are 0.
    """
    current, voltage = inputs.current, inputs.voltage
    drive, before = empty(current, *current.shape), torch.empty_like(voltage)
    sums = np.zeros((len(Sums._fields), voltage.numel()))
    last = torch.zeros_like(voltage) if grads.last is None else grads.last
    options = Options(CODES[neuron.surrogate], neuron.alpha, neuron.detached, neuron.temporal, learned, normed)
    arrays = OutputGradientArrays(_rows(grads.spikes, current), _rows(grads.membrane, current), _array(last.view(-1)))
    with torch_threads():
        cpu_lif.backward(
            _input_arrays(inputs), *_parameters(neuron), arrays, options, thread_count(),
            InputGradientArrays(_rows(drive, current), _array(before.view(-1)), Sums(*sums)),
        )  # fmt: skip
    # over recordings in their order
    total = torch.from_numpy(sums.reshape(len(sums), *voltage.shape).sum(1)).to(current.dtype)
    scale, shift, beta, threshold, noise_scale, reset_value = total
    return InputGradients(drive, scale, shift, beta, threshold, before, noise_scale, reset_value)


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
    with torch_threads():
        _affine_backward(*map(_array, (grad, current, lengths, scale, offset, slope)))
    return grad


def leaky_forward(current: Tensor, voltage: Tensor, beta: Tensor) -> Tensor:
    """Return the membrane of leaky integrators, (time, batch, neuron).

    Args:
        current: The currents, (time, batch, neuron).
        voltage: The voltage before the first step, (batch, neuron).
        beta: The decays, (neuron,).
    """
    membrane = torch.empty_like(current)
    with torch_threads():
        _leaky_forward(*map(_array, (current, voltage, beta, membrane)))
    return membrane


def leaky_backward(beta: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient of the current, (time, batch, neuron).

    Args:
        beta: Decay of each neuron, (neuron,).
        grad: Gradient of the membrane, contiguous (time, batch, neuron).
    """
    result = torch.empty_like(grad)
    with torch_threads():
        _leaky_backward(*map(_array, (beta, grad, result)))
    return result


def _array(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().numpy()
    return array


def _rows(tensor: Tensor | None, like: Tensor) -> np.ndarray:
    """Return (time, batch · neuron); an array without elements stands for None."""
    return _array(like.new_empty(0, 0) if tensor is None else tensor.view(len(tensor), -1))


def _input_arrays(inputs: Inputs) -> InputArrays:
    mask = inputs.current.new_empty(0) if inputs.mask is None else inputs.mask.reshape(-1)
    each = map(_array, (inputs.scale, inputs.shift, inputs.lengths, inputs.voltage.view(-1), mask))
    return InputArrays(_rows(inputs.current, inputs.current), *each)


def _parameters(neuron: Neuron) -> tuple[Parameters, NoiseArrays, Counter]:
    noise = neuron.noise or Noise(neuron.beta.new_empty(0), neuron.beta.new_empty(0), None)
    drawn, reset_value = noise.draws is not None and noise.scale.numel() > 0, noise.reset_value
    if drawn and reset_value.numel() == 0:
        # the reset without r takes no drawn thresholds
        reset_value = torch.zeros_like(neuron.beta)
    arrays = NoiseArrays(_array(noise.scale), _array(reset_value), drawn)
    parameters = Parameters(_array(neuron.beta), _array(neuron.threshold), neuron.hard)
    return parameters, arrays, (noise.draws or Draws(0)).counter()


@parallel()
def _moments(current: np.ndarray, lengths: np.ndarray, sums: np.ndarray) -> None:
    """Set Σ I and Σ I² of every recording, (2, batch, neuron)."""
    for_each(_lane_moments, current.shape[1], (current, lengths, sums))


@subroutine(cache=True)
def _lane_moments(b: int, current: np.ndarray, lengths: np.ndarray, sums: np.ndarray) -> None:
    total, square = sums[0, b], sums[1, b]
    for t in range(lengths[b]):
        row = current[t, b]
        for n in range(row.size):
            value = np.float64(row[n])
            total[n] += value
            square[n] += value * value


@parallel()
def _affine_backward(
    grad: np.ndarray, current: np.ndarray, lengths: np.ndarray, scale: np.ndarray, offset: np.ndarray,
    slope: np.ndarray,
) -> None:  # fmt: skip
    for_each(_lane_affine_backward, current.shape[1], (grad, current, lengths, scale, offset, slope))


@subroutine(cache=True)
def _lane_affine_backward(
    b: int, grad: np.ndarray, current: np.ndarray, lengths: np.ndarray, scale: np.ndarray, offset: np.ndarray,
    slope: np.ndarray,
) -> None:  # fmt: skip
    for t in range(len(current)):
        d, row = grad[t, b], current[t, b]
        if t < lengths[b]:
            for n in range(row.size):
                d[n] = scale[n] * d[n] + offset[n] + slope[n] * row[n]
        else:
            d[:] = 0


@parallel()
def _leaky_forward(current: np.ndarray, voltage: np.ndarray, beta: np.ndarray, membrane: np.ndarray) -> None:
    for_each(_lane_leaky_forward, current.shape[1], (current, voltage, beta, membrane))


@subroutine(cache=True)
def _lane_leaky_forward(
    b: int, current: np.ndarray, voltage: np.ndarray, beta: np.ndarray, membrane: np.ndarray
) -> None:
    v = voltage[b].copy()
    for t in range(len(current)):
        row, u = current[t, b], membrane[t, b]
        for n in range(v.size):
            v[n] = beta[n] * v[n] + row[n]
            u[n] = v[n]


@parallel()
def _leaky_backward(beta: np.ndarray, grad: np.ndarray, result: np.ndarray) -> None:
    for_each(_lane_leaky_backward, grad.shape[1], (beta, grad, result))


@subroutine(cache=True)
def _lane_leaky_backward(b: int, beta: np.ndarray, grad: np.ndarray, result: np.ndarray) -> None:
    d = np.zeros_like(grad[0, b])
    for t in range(len(grad) - 1, -1, -1):
        row, target = grad[t, b], result[t, b]
        for n in range(d.size):
            d[n] = row[n] + beta[n] * d[n]
            target[n] = d[n]
