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

from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common import gates
from snnsim.kernels.neuron.functions import AffineGradients, Reset, Statistics, affine, normalization_backward, passes
from snnsim.kernels.neuron.two_state_tensors import Fired, InputGradients, Inputs, OutputGradients
from snnsim.kernels.neuron.two_state_types import Coefficients

_MODULES = {"cpu": "cpu_two_state_passes", "cuda": "gpu_two_state"}
_FORMS = {"cpu": "numba", "cuda": "triton"}


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
    """Return spikes, membrane and the last state of neurons with two state variables.

    The passes are compiled, by Numba for the CPU and by Triton for a GPU.

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
    lengths = torch.full((batch,), len(current), device=current.device) if lengths is None else lengths
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
    check_unseen(neuron)
    if "mask" in present:
        gates.finite(present["mask"], who="neurons", name="mask")


def check_unseen(neuron: Coefficients[Tensor]) -> None:
    """Check the coefficients that may be NaN or infinite while the state after a sequence is finite.

    Args:
        neuron: The coefficients, of any shape.

    Raises:
        ValueError: If one of them is not finite.
    """
    for name in ("threshold", "sensitivity", "jump"):
        gates.finite(getattr(neuron, name), who="neurons", name=name)


def _check_each_neuron(current: Tensor, tensors: dict[str, Any]) -> None:
    shapes: dict[str, Any] = {name: (tensor, (current.shape[-1],)) for name, tensor in tensors.items()}
    gates.shaped(who="neurons", **shapes)
    _check_types(current, tensors)


def _check_types(current: Tensor, tensors: dict[str, Any]) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype != current.dtype or tensor.device != current.device:
            raise TypeError(
                f"neurons: {name} must be of the current's type {current.dtype} and on its device {current.device}, "
                f"not {tensor.dtype} on {tensor.device}"
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
        form = _passes(tensors.current)
        fired = form.two_state_forward(
            _inputs(tensors, scale, shift), neuron, hard=options.reset.hard, record=options.record
        )
        ctx.save_for_backward(scale, shift, *tensors._replace(gamma=None, bias=None), *neuron)
        ctx.options = options
        ctx.set_materialize_grads(False)
        return fired

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
        needed = Coefficients(*ctx.needs_input_grad[1 + len(_Tensors._fields) :])
        gradients = _passes(tensors.current).two_state_backward(
            _inputs(tensors, scale, shift), neuron, options.reset,
            OutputGradients(*(None if grad is None else grad.contiguous() for grad in grads)),
            temporal=options.temporal, learned=any(needed), normed=options.statistics is not None,
        )  # fmt: skip
        drive, grad_gamma, grad_bias = gradients.drive, None, None
        if options.statistics is not None:
            grads_behind, grad_bias = AffineGradients(drive, gradients.scale, gradients.shift), gradients.shift
            drive, grad_gamma = normalization_backward(
                passes(_FORMS[drive.device.type]), grads_behind, tensors.current, tensors.lengths, scale,
                options.statistics,
            )  # fmt: skip
        results = _Tensors(drive, gradients.v, gradients.w, grad_gamma, grad_bias, None, None)
        wanted = zip((*results, *gradients.coefficients), ctx.needs_input_grad[1:], strict=True)
        return None, *(grad if need else None for grad, need in wanted)


def _split(arguments: Any) -> tuple[_Tensors, Coefficients[Tensor]]:
    count = len(_Tensors._fields)
    return _Tensors(*arguments[:count]), Coefficients(*arguments[count:])


def _inputs(tensors: _Tensors, scale: Tensor, shift: Tensor) -> Inputs:
    return Inputs(tensors.current, scale, shift, tensors.lengths, tensors.v, tensors.w, tensors.mask)


class _Passes(Protocol):
    """The passes of one device; cpu_two_state_passes.py documents them."""

    def two_state_forward(self, inputs: Inputs, neuron: Coefficients[Tensor], *, hard: bool, record: bool) -> Fired: ...
    def two_state_backward(
        self, inputs: Inputs, neuron: Coefficients[Tensor], reset: Reset, grads: OutputGradients, *,
        temporal: bool, learned: bool, normed: bool,
    ) -> InputGradients: ...  # fmt: skip


def _passes(current: Tensor) -> _Passes:
    """Return the module with the passes for the device of these currents."""
    return cast(_Passes, import_module(f"snnsim.kernels.neuron.{_MODULES[current.device.type]}"))
