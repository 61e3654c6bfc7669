"""A layer with a recurrent connection over a whole sequence, compiled for the CPU, with gradients.

    I[t] = x[t] + mask · r[t]        s[t] = neuron(I[t])        r[t] = Σ_{d=1}^{D} kernel[d − 1] s[t − d]
    e[t] = ∂L/∂I[t]                  the gradient of s[t] also gets Σ_d kernel[d − 1]ᵀ mask · e[t + d]

The neurons are those with two state variables; LIF is one of them. connections.py has the connections.

The function has no gradient of the connection's parameters: gradient.py attaches it to the currents.

Shapes   x, I, s, e (time, batch, neuron) · mask, v, w (batch, neuron) · coefficients (neuron,)
Differs  the backward pass saves I alone, one number per neuron and step; u and w are computed again
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common import gates
from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.threads import torch_threads
from snnsim.kernels.neuron.functions import Reset
from snnsim.kernels.neuron.surrogate_slopes import CODES
from snnsim.kernels.neuron.two_state import check_unseen
from snnsim.kernels.neuron.two_state_types import Arrays, Coefficients, StepOptions, Trajectory
from snnsim.kernels.recurrent.connections import BackOptions, Connection
from snnsim.kernels.recurrent.cpu_loop_steps import retrace
from snnsim.kernels.recurrent.loop_types import BackArrays, LoopArrays, Looped


class _Choices(NamedTuple):
    """Everything but tensors that gradients pass through."""

    connection: Connection
    reset: Reset
    temporal: bool
    through: bool


def run(
    current: Tensor, v: Tensor, w: Tensor, neuron: Coefficients[Tensor], connection: Connection, *, reset: Reset,
    mask: Tensor | None, temporal: bool = True, through: bool = True,
) -> Looped:  # fmt: skip
    """Return the spikes of a layer with a recurrent connection, and its last state.

    Args:
        current: The currents without the recurrent ones, (time, batch, neuron), float32 or float64, on the CPU.
        v: The voltage before the first step, (batch, neuron).
        w: The second variable before the first step, (batch, neuron).
        neuron: The coefficients of the neurons, (neuron,) each.
        connection: The recurrent connection, in the type of the current.
        reset: The effect of a spike on the voltage.
        mask: Factors of the recurrent current, (batch, neuron), or None.
        temporal: Whether gradients pass from step to step through the state of the neurons.
        through: Whether gradients pass through the loop.

    Raises:
        ValueError: If a coefficient is not finite, or the state does not stay finite.
    """
    check_unseen(neuron)
    mask = torch.ones_like(v) if mask is None else mask
    choices = _Choices(connection, reset, temporal, through)
    looped = Looped(*_Loop.apply(choices, mask, current, v, w, *neuron))  # type: ignore[no-untyped-call]
    gates.ended(looped.v, who="neurons")
    gates.ended(looped.w, who="neurons")
    return looped


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, choices: _Choices, mask: Tensor, current: Tensor, v: Tensor, w: Tensor, *coefficients: Tensor
    ) -> tuple[Tensor, ...]:
        total, spikes = empty(current, *current.shape), empty(current, *current.shape)
        total.copy_(current.detach())
        last = v.detach().clone(), w.detach().clone()
        with torch_threads():
            arrays = LoopArrays(_rows(total), _flat(mask), _flat(last[0]), _flat(last[1]), _rows(spikes))
            choices.connection.forward(arrays, _arrays(coefficients), choices.reset.hard)
        ctx.save_for_backward(total, mask, v, w, *coefficients)
        ctx.choices = choices
        ctx.set_materialize_grads(False)
        return spikes, *last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        total, mask, v, w, *coefficients = ctx.saved_tensors
        choices, needed = ctx.choices, ctx.needs_input_grad
        learned, neuron = any(needed[5:]), _arrays(coefficients)
        grad, error = empty(total, *total.shape), empty(total, *total.shape)
        path = Trajectory(_rows(empty(total, *total.shape)), _rows(empty(total, *total.shape)))
        grad.zero_() if grads[0] is None else grad.copy_(grads[0])
        ends = ((v, grads[1]), (w, grads[2])) if choices.temporal else ((v, None), (w, None))
        dv, dw = (torch.zeros_like(part) if one is None else torch.zeros_like(part).copy_(one) for part, one in ends)
        du, sums = torch.zeros_like(v), np.zeros((len(coefficients), v.numel() if learned else 0))
        reset = choices.reset
        step = StepOptions(
            reset.hard, CODES[reset.surrogate.name], reset.surrogate.sharpness, reset.detached, choices.temporal
        )
        with torch_threads():
            retrace(_rows(total), neuron, reset.hard, _flat(v), _flat(w), path)
            arrays = BackArrays(
                _rows(total), *path, _flat(mask), _rows(grad), _rows(error), _flat(dv), _flat(dw), _flat(du)
            )  # fmt: skip
            choices.connection.backward(
                arrays, neuron, Coefficients(*sums), BackOptions(step, learned, choices.through)
            )
        if learned:
            # the first step decays the voltage before it
            sums[0] += _flat(du * v)
        totals = torch.from_numpy(sums.reshape(len(sums), -1, v.shape[-1]).sum(1)).to(v.dtype)
        each = (one if need else None for one, need in zip(totals, needed[5:], strict=True))
        return None, None, error, dv, dw, *each


def _arrays(coefficients: Any) -> Arrays:
    return Coefficients(*map(_flat, coefficients))


def _flat(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().reshape(-1).numpy()
    return array


def _rows(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().view(len(tensor), -1).numpy()
    return array
