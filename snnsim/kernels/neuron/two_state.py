"""Neurons with two state variables over a whole sequence: normalization, neurons and dropout in one pass.

    i[t] = γ (I[t] − mean) / √(variance + ε) + b̂      without normalization i = I; 0 behind a recording's end
    y[t] = i[t] + f w[t−1]
    u[t] = β v[t−1] + e y[t]
    s[t] = Θ(u[t] − (θ + κ w[t−1]))
    v[t] = u[t] (1 − s[t])  (hard)   or   v[t] = u[t] − (θ + κ w[t−1]) s[t]  (soft)
    w[t] = ρ w[t−1] + a v[t] + b s[t] + c y[t]
    result: s[t] · mask

Adaptive and current-based neurons are this with coefficients of 0 and 1, whose products are exact. Gradients pass from
step to step through v and w. Where `temporal` is False, v[t−1] and w[t−1] are constants: the current gets
di[t] = e h[t] ds[t], and ρ, a, b and c, which act on later steps alone, get no gradient.

Shapes   I, u, s (time, batch, neuron) · v, w, mask (batch, neuron) · coefficients, γ, b̂ (neuron,) · lengths (batch,)
Names    u membrane before the reset · v voltage after it · w second variable · the others in two_state_types.py
Differs  the backward pass saves I alone, one number per neuron and step; u, w and s are computed again
"""

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common import gates
from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.threads import thread_count, torch_threads
from snnsim.kernels.neuron import cpu_two_state
from snnsim.kernels.neuron import two_state_types as types
from snnsim.kernels.neuron.functions import AffineGradients, Reset, Statistics, affine, normalization_backward, passes
from snnsim.kernels.neuron.surrogate_slopes import CODES
from snnsim.kernels.neuron.two_state_types import Coefficients


class Fired(NamedTuple):
    """The results of a pass."""

    spikes: Tensor
    """After dropout, (time, batch, neuron)."""
    membrane: Tensor | None
    """Before the reset, (time, batch, neuron); None if it was not recorded."""
    v: Tensor
    """After the last step, (batch, neuron)."""
    w: Tensor


class _Tensors(NamedTuple):
    """The tensors of a pass besides the coefficients, or whether the gradient of each is needed."""

    current: Any
    v: Any
    w: Any
    gamma: Any
    bias: Any
    lengths: Any
    mask: Any


class _Options(NamedTuple):
    """Everything but tensors that gradients pass through."""

    reset: Reset
    statistics: Statistics | None
    temporal: bool
    record: bool


@gates.eager
def two_state(
    current: Tensor,
    v: Tensor,
    w: Tensor,
    neuron: Coefficients[Tensor],
    *,
    reset: Reset,
    norm: tuple[Tensor, Tensor, Statistics] | None = None,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
    record: bool = False,
    temporal: bool = True,
) -> Fired:
    """Return spikes, membrane and the last state of neurons with two state variables, on the CPU.

    Args:
        current: The currents, (time, batch, neuron), float32 or float64.
        v: The voltage before the first step, (batch, neuron).
        w: The second variable before the first step, (batch, neuron).
        neuron: The coefficients, (neuron,) each.
        reset: The effect of a spike on the voltage.
        norm: γ, b̂ and statistics of a normalization, each (neuron,).
        lengths: The lengths of the recordings in steps, integers (batch,); by default all steps.
        mask: The factors of the spikes, from dropout, (batch, neuron).
        record: Whether the membrane of every step is returned.
        temporal: Whether gradients pass from step to step.

    Raises:
        TypeError: If tensors are of different types.
        ValueError: If the shapes do not match, a length is negative, or the state does not stay finite.
    """
    if gates.current(current, who="two_state").ndim != 3:
        raise ValueError(f"two_state: the current must be (time, batch, neuron), not {tuple(current.shape)}")
    batch = current.shape[1]
    lengths = torch.full((batch,), len(current)) if lengths is None else lengths
    lengths = gates.lengths(lengths, who="two_state", name="lengths", batch=batch)
    gamma, bias, statistics = norm or (None, None, None)
    _check(current, {"v": v, "w": w, "mask": mask}, neuron)
    if statistics is not None:
        each = {"gamma": gamma, "bias": bias, "mean": statistics.mean, "variance": statistics.variance}
        _check_each_neuron(current, each)
    if current.numel() == 0:
        return Fired(current, current if record else None, v, w)
    options = _Options(reset, statistics, temporal, record)
    tensors = _Tensors(current, v, w, gamma, bias, lengths, mask)
    fired = Fired(*cast(Any, TwoStateFunction.apply)(options, *tensors, *neuron))
    gates.ended(fired.v, who="neurons")
    gates.ended(fired.w, who="neurons")
    return fired


def _check(current: Tensor, states: dict[str, Tensor | None], neuron: Coefficients[Tensor]) -> None:
    """Raise unless states and mask are (batch, neuron), coefficients (neuron,), and all of the current's type."""
    shapes = {name: (tensor, tuple(current.shape[1:])) for name, tensor in states.items()}
    gates.shaped(who="neurons", optional=("mask",), **shapes)
    present = {name: tensor for name, tensor in states.items() if tensor is not None}
    _check_types(current, present)
    _check_each_neuron(current, neuron._asdict())
    # values of the others that are not finite show in the state after the sequence
    unseen = {"threshold": neuron.threshold, "sensitivity": neuron.sensitivity, "jump": neuron.jump}
    for name, tensor in (unseen | {name: present[name] for name in present if name == "mask"}).items():
        gates.finite(tensor, who="neurons", name=name)


def _check_each_neuron(current: Tensor, tensors: dict[str, Any]) -> None:
    shapes: dict[str, Any] = {name: (tensor, (current.shape[-1],)) for name, tensor in tensors.items()}
    gates.shaped(who="neurons", **shapes)
    _check_types(current, tensors)


def _check_types(current: Tensor, tensors: dict[str, Any]) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype != current.dtype or tensor.device.type != "cpu":
            raise TypeError(
                f"neurons: {name} must be of the current's type {current.dtype} and on the CPU, not {tensor.dtype} on "
                f"{tensor.device}"
            )


class TwoStateFunction(torch.autograd.Function):
    """Normalization, neurons and dropout of a sequence; see `two_state`."""

    @staticmethod
    def forward(ctx: Any, options: _Options, *arguments: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return spikes, membrane (None if it is not recorded), last voltage and last second variable.

        Args:
            ctx: Context of the backward pass.
            options: Everything but tensors: reset, normalization, gradient path.
            *arguments: Tensors of the pass, in the order of `_Tensors`, then the coefficients.
        """
        tensors, neuron = _split(arguments)
        tensors = tensors._replace(current=tensors.current.contiguous())
        scale, shift = affine(neuron.beta, tensors.gamma, tensors.bias, options.statistics)
        current = tensors.current
        spikes, last = (
            empty(current, *current.shape),
            [torch.empty(current.shape[1:], dtype=current.dtype) for _ in "vw"],
        )
        membrane = empty(current, *current.shape) if options.record else None
        outputs = types.Outputs(_rows(spikes, current), _rows(membrane, current), *(_flat(part) for part in last))
        with torch_threads():
            inputs = _input_arrays(tensors, scale, shift)
            cpu_two_state.forward(inputs, _arrays(neuron), options.reset.hard, outputs)
        ctx.save_for_backward(scale, shift, *tensors._replace(gamma=None, bias=None), *neuron)
        ctx.options = options
        ctx.set_materialize_grads(False)
        return spikes, membrane, *last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments of `forward`; None for those that need none.

        Args:
            ctx: Context of the backward pass.
            *grads: Gradients of the results of `forward`; None stands for 0.
        """
        scale, shift, *saved = ctx.saved_tensors
        (tensors, neuron), options = _split(saved), ctx.options
        current, (hard, detached, surrogate) = tensors.current, options.reset
        needed = Coefficients(*ctx.needs_input_grad[1 + len(_Tensors._fields) :])
        drive, dv, dw = empty(current, *current.shape), torch.empty_like(tensors.v), torch.empty_like(tensors.w)
        columns = tensors.v.numel()
        affine_sums = np.zeros((2, columns if options.statistics is not None else 0))
        learned = any(needed)
        sums = Coefficients(*np.zeros((len(needed), columns if learned else 0)))
        spikes, membrane, *last = (None if grad is None else grad.contiguous() for grad in grads)
        ends = (_flat(torch.zeros_like(tensors.v) if grad is None else grad) for grad in last)
        with torch_threads():
            cpu_two_state.backward(
                _input_arrays(tensors, scale, shift), _arrays(neuron),
                types.StepOptions(hard, CODES[surrogate.name], surrogate.sharpness, detached, options.temporal),
                learned, thread_count(), types.OutputGradients(_rows(spikes, current), _rows(membrane, current), *ends),
                types.InputGradients(_rows(drive, current), _flat(dv), _flat(dw), affine_sums),
                sums,
            )  # fmt: skip
        grad_gamma = grad_bias = None
        if options.statistics is not None:
            grad_scale, grad_bias = (_over_recordings(one, tensors.v) for one in affine_sums)
            grads_behind = AffineGradients(drive, grad_scale, grad_bias)
            drive, grad_gamma = normalization_backward(
                passes("numba"), grads_behind, current, tensors.lengths, scale, options.statistics
            )
        results = _Tensors(drive, dv, dw, grad_gamma, grad_bias, None, None)
        coefficients = (
            _over_recordings(one, tensors.v) if need else None for one, need in zip(sums, needed, strict=True)
        )
        wanted = zip(results, ctx.needs_input_grad[1:], strict=False)
        return None, *(grad if need else None for grad, need in wanted), *coefficients


def _split(arguments: Any) -> tuple[_Tensors, Coefficients[Tensor]]:
    count = len(_Tensors._fields)
    return _Tensors(*arguments[:count]), Coefficients(*arguments[count:])


def _over_recordings(sums: np.ndarray, like: Tensor) -> Tensor:
    """Return sums of columns (column,) added over recordings in their order, (neuron,)."""
    return torch.from_numpy(sums.reshape(like.shape).sum(0)).to(like.dtype)


def _input_arrays(tensors: _Tensors, scale: Tensor, shift: Tensor) -> types.InputArrays:
    current = tensors.current
    mask = current.new_empty(0) if tensors.mask is None else tensors.mask
    each = map(_flat, (scale, shift, tensors.lengths, tensors.v, tensors.w, mask))
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
