"""The recurrent rate network with gradients: compiled loops on the CPU, one step after the other elsewhere.

Equations in kernels/rate/naive.py. The gradient of the weights is one product behind the backward loop:

    ∂L/∂w[j, i] = Σ_t Σ_b q[t, b, j] h[t−1, b, i]

Shapes   x, h (time, batch, unit) · w (target, source) · a (unit,)
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from snnsim.kernels.common import dispatch, gates
from snnsim.kernels.rate import cpu
from snnsim.kernels.rate.blas import blas_threads

WHO = "rate network"


class Diverged(ValueError):
    """The states of a network have grown without end, or its input was not finite."""


class Shape(NamedTuple):
    """The nonlinearity and the place of the leak."""

    slope: float
    """Slope below 0."""
    inside: bool
    """Whether the leak is inside of the nonlinearity."""


def run(external: Tensor, initial: Tensor, weight: Tensor, leak: Tensor, shape: Shape) -> Tensor:
    """Return the states of every step, (time, batch, unit).

    Args:
        external: Currents from outside of the network, (time, batch, unit).
        initial: States before the first step, (batch, unit).
        weight: Recurrent weights, (target, source).
        leak: Reciprocal time constants a, (unit,).
        shape: Nonlinearity and place of the leak.

    Raises:
        TypeError: If a tensor is of another type.
        ValueError: If a shape does not match.
        Diverged: If the last states are not finite.
    """
    external = gates.current(external, who=WHO)
    if external.ndim != 3 or len(external) == 0:
        raise ValueError(
            f"{WHO}: currents must be (time, batch, unit) of one step or more, not {tuple(external.shape)}"
        )
    batch, units = external.shape[1:]
    gates.shaped(who=WHO, initial=(initial, (batch, units)), weight=(weight, (units, units)), leak=(leak, (units,)))
    for name, value in (("initial", initial), ("weight", weight), ("leak", leak)):
        if value.dtype != external.dtype:
            raise TypeError(f"{WHO}: {name} must be of the currents' type {external.dtype}, not {value.dtype}")
    if dispatch.of_neurons(external) != "numba":
        states = by_steps(external, initial, weight, leak, shape)
    else:
        states = _Loop.apply(external, initial, weight, leak, shape)  # type: ignore[no-untyped-call]
    # a state that was once NaN or infinite never becomes finite again
    if not bool(states[-1].detach().isfinite().all()):
        raise Diverged(
            f"{WHO}: states must be finite, but NaN or infinity is among the last ones; look for NaN or infinity in "
            "the input, weights and time constants, and for weights that are so large that states grow without end"
        )
    return states


def by_steps(external: Tensor, initial: Tensor, weight: Tensor, leak: Tensor, shape: Shape) -> Tensor:
    """Return the states of every step by a loop in torch.

    Args:
        external: Currents from outside of the network, (time, batch, unit).
        initial: States before the first step, (batch, unit).
        weight: Recurrent weights, (target, source).
        leak: Reciprocal time constants a, (unit,).
        shape: Nonlinearity and place of the leak.
    """
    state, states, remaining = initial, [], 1 - leak
    for outer in external.unbind():
        current = functional.linear(state, weight) + outer
        if shape.inside:
            state = functional.leaky_relu(remaining * state + leak * current, shape.slope)
        else:
            state = remaining * state + leak * functional.leaky_relu(current, shape.slope)
        states.append(state)
    return torch.stack(states)


class _Loop(torch.autograd.Function):
    """The compiled loops."""

    @staticmethod
    def forward(ctx: Any, external: Tensor, initial: Tensor, weight: Tensor, leak: Tensor, shape: Shape) -> Tensor:
        steps, batch, units = external.shape
        states, current = external.new_empty(steps + 1, batch, units), external.new_empty(steps, batch, units)
        states[0] = initial
        lanes = leak.expand(batch, units).flatten()
        with blas_threads():
            activity = cpu.Activity(_array(current), _array(states))
            cpu.forward(_array(external), _array(weight.T), _array(lanes), _of(shape, leak), activity)
        ctx.shape = shape
        ctx.save_for_backward(weight, lanes, current, states)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, errors: Tensor) -> tuple[Tensor | None, ...]:
        weight, lanes, current, states = ctx.saved_tensors
        q, of_leak, error = torch.empty_like(current), torch.zeros_like(lanes), torch.zeros_like(states[0])
        with blas_threads():
            results = cpu.Errors(_array(error), _array(errors), _array(q), _array(of_leak))
            activity = cpu.Activity(_array(current), _array(states))
            cpu.backward(_array(weight), _array(lanes), _of(ctx.shape, lanes), activity, results)
        of_weight = q.flatten(0, 1).T @ states[:-1].flatten(0, 1) if ctx.needs_input_grad[2] else None
        return q, error, of_weight, of_leak.view_as(error).sum(0), None


def _array(tensor: Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().contiguous().numpy())


def _of(shape: Shape, like: Tensor) -> cpu.Nonlinearity:
    """Return the shape for compiled loops, the slope in the type of the numbers."""
    dtype = np.float32 if like.dtype == torch.float32 else np.float64
    return cpu.Nonlinearity(np.full(1, shape.slope, dtype), shape.inside)
