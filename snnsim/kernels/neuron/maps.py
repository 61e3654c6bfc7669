"""Neurons of feature maps over few steps: one decay, one threshold and one start for all, in one pass with gradients.

    u[t] = β v[t−1] + I[t]        s[t] = Θ(u[t] − θ)        v[t] = u (1 − s)  (hard)   or   u − θ s  (soft)
    y[t] = a s[t]                 v[−1] = start             gradients skip the reset, and the start

autograd.lif computes neurons with numbers of their own, recordings of different lengths and a state to go on from. This
pass has none of them, so it reads a sequence once, in the order of memory: a map may have its channels first or last.

Shapes   I, y (time, ...), of any axes · β, θ (1,)
Names    a amplitude, the value of a spike for the next layer
Differs  the backward pass saves I alone; u is computed again
"""

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common import gates
from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.threads import thread_count, torch_threads
from snnsim.kernels.neuron import cpu_maps
from snnsim.kernels.neuron.cpu_maps import BLOCK, Choices
from snnsim.kernels.neuron.functions import Reset
from snnsim.kernels.neuron.surrogate_slopes import CODES

_LEAST = 8
"""Blocks for each thread, from which a thread is worth its start."""


class MapOptions(NamedTuple):
    """The numbers and choices of a pass that have no gradient."""

    reset: Reset
    start: float = 0.0
    """Voltage before the first step."""
    amplitude: float = 1.0
    relative: bool = False
    """Whether surrogate slopes are taken at u / θ − 1 in place of u − θ."""
    temporal: bool = True
    """Whether gradients pass from step to step."""


@gates.eager
def fire(current: Tensor, beta: Tensor, threshold: Tensor, options: MapOptions) -> Tensor:
    """Return the spikes times the amplitude, in the shape of the currents.

    Args:
        current: The currents (time, ...), float32 or float64 on the CPU; dense from the second axis on.
        beta: Decay, (1,).
        threshold: Threshold, (1,).
        options: Reset, start, amplitude and gradient path.

    Raises:
        TypeError: If the tensors are of different types, or none that compiled code computes.
        ValueError: If the reset is in the graph, a shape does not match, or the voltage does not stay finite.
    """
    gates.current(current, who="neurons")
    gates.shaped(who="neurons", beta=(beta, (1,)), threshold=(threshold, (1,)))
    if current.dtype not in (torch.float32, torch.float64) or current.device.type != "cpu":
        raise TypeError(
            f"neurons: the current must be float32 or float64 on the CPU, not {current.dtype} on {current.device}"
        )
    for name, tensor in (("beta", beta), ("threshold", threshold)):
        if tensor.dtype != current.dtype:
            raise TypeError(f"neurons: {name} must be of the current's type {current.dtype}, not {tensor.dtype}")
        gates.finite(tensor, who="neurons", name=name)
    if not options.reset.detached:
        raise ValueError("neurons: gradients must skip the reset (detach_reset=True); autograd.lif has the others")
    if current.numel() == 0:
        return current
    rows = current.flatten(1)
    spikes: Tensor = cast(Any, _MapFunction.apply)(rows, beta, threshold, options)
    return spikes.view(current.shape)


class _MapFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, current: Tensor, beta: Tensor, threshold: Tensor, options: MapOptions) -> Tensor:
        current = current.contiguous()
        spikes = empty(current, *current.shape)
        arrays, numbers = (_array(current), _array(spikes)), _numbers(beta, threshold, options)
        bad = np.zeros(-(-current.shape[1] // BLOCK))
        with torch_threads():
            cpu_maps.forward(arrays[0], numbers, options.reset.hard, arrays[1], bad, _threads(len(bad)))
        if not np.isfinite(bad).all():
            gates.ended(torch.tensor(float("nan")), who="neurons")
        ctx.save_for_backward(current, beta, threshold)
        ctx.options = options
        return spikes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        current, beta, threshold = ctx.saved_tensors
        options, needed = ctx.options, ctx.needs_input_grad
        surrogate = options.reset.surrogate
        choices = Choices(
            options.reset.hard, options.temporal, options.relative, needed[1] or needed[2], CODES[surrogate.name]
        )
        drive, sums = empty(current, *current.shape), np.zeros((-(-current.shape[1] // BLOCK), 2))
        arrays, numbers = (
            [_array(one) for one in (current, grad.contiguous(), drive)],
            _numbers(beta, threshold, options),
        )
        with torch_threads():
            cpu_maps.backward(arrays[0], arrays[1], numbers, choices, arrays[2], sums, _threads(len(sums)))
        total = torch.from_numpy(sums.sum(0)).to(current.dtype)
        return drive, total[:1] if needed[1] else None, total[1:] if needed[2] else None, None


def _array(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().numpy()
    return array


def _numbers(beta: Tensor, threshold: Tensor, options: MapOptions) -> np.ndarray:
    values = beta, threshold, options.start, options.amplitude, options.reset.surrogate.sharpness
    numbers: np.ndarray = np.array([float(value) for value in values], _array(beta).dtype)
    return numbers


def _threads(blocks: int) -> int:
    """Return the number of threads for so many blocks."""
    return max(1, min(thread_count(), blocks // _LEAST))
