"""The passes over neurons as functions of torch's autograd; autograd.py has their equations and checks their arguments.

Shapes   as in autograd.py
"""

from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common import dispatch
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron.types import Fired, InputGradients, Inputs, Neuron, Noise, OutputGradients
from snnsim.surrogate import Surrogate

_MODULES = {"numba": "cpu", "triton": "gpu"}


class Reset(NamedTuple):
    """The effect of a spike on the voltage, and on gradients."""

    hard: bool
    """Whether the voltage becomes 0; otherwise the threshold is subtracted."""
    detached: bool
    """Whether gradients skip the reset."""
    surrogate: Surrogate


class Statistics(NamedTuple):
    """Mean and variance of the currents, (neuron,) each."""

    mean: Tensor
    variance: Tensor
    epsilon: float
    own: bool
    """Whether they are computed from the currents of the same pass, so that gradients pass through them."""


class _Passes(Protocol):
    """The passes of one device; cpu.py documents them."""

    def moments(self, current: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]: ...
    def lif_forward(self, inputs: Inputs, neuron: Neuron, *, record: bool) -> Fired: ...
    def lif_backward(
        self, inputs: Inputs, neuron: Neuron, grads: OutputGradients, *, learned: bool, normed: bool
    ) -> InputGradients: ...
    def affine_backward(
        self, grad: Tensor, current: Tensor, lengths: Tensor, scale: Tensor, offset: Tensor, slope: Tensor
    ) -> Tensor: ...
    def leaky_forward(self, current: Tensor, voltage: Tensor, beta: Tensor) -> Tensor: ...
    def leaky_backward(self, beta: Tensor, grad: Tensor) -> Tensor: ...


def passes(form: str) -> _Passes:
    """Return the module with the passes of a form.

    Args:
        form: "numba" or "triton", as dispatch.of_neurons names them.
    """
    return cast(_Passes, import_module(f"snnsim.kernels.neuron.{_MODULES[form]}"))


def affine(
    like: Tensor, gamma: Tensor | None, bias: Tensor | None, statistics: Statistics | None
) -> tuple[Tensor, Tensor]:
    """Return scale and shift of a normalization, (neuron,) each; every form of the pass rounds scale · I + shift alike.

    Args:
        like: A tensor (neuron,) whose type the results have.
        gamma: γ, (neuron,); None without a normalization.
        bias: b, (neuron,); None without a normalization.
        statistics: The statistics of the normalization; None for a scale of 1 and a shift of 0.
    """
    if statistics is None or gamma is None or bias is None:
        return torch.ones_like(like), torch.zeros_like(like)
    scale = gamma * (statistics.variance + statistics.epsilon).rsqrt()
    return scale, bias - statistics.mean * scale


class Tensors(NamedTuple):
    """The tensors of a pass, or a number of each of them: its gradient, whether that is needed."""

    current: Any
    voltage: Any
    beta: Any
    threshold: Any
    gamma: Any = None
    bias: Any = None
    noise_scale: Any = None
    reset_value: Any = None
    lengths: Any = None
    mask: Any = None


class Options(NamedTuple):
    """Everything but tensors that gradients pass through."""

    reset: Reset
    statistics: Statistics | None
    temporal: bool
    record: bool
    noisy: bool
    draws: Draws | None

    def neuron(self, tensors: Tensors) -> Neuron:
        """Return the parameters of the neurons.

        Args:
            tensors: Tensors of the pass, among them decay, threshold, noise scale and reset value of the neurons.
        """
        noise = Noise(tensors.noise_scale, tensors.reset_value, self.draws) if self.noisy else None
        hard, detached, slope = self.reset
        return Neuron(
            tensors.beta, tensors.threshold, hard, detached, self.temporal, slope.name, slope.sharpness, noise
        )


class AffineGradients(NamedTuple):
    """The gradients behind a normalization: of the drive y, (time, batch, neuron), and of scale and shift (neuron,)."""

    drive: Tensor
    scale: Tensor
    shift: Tensor


def normalization_backward(
    form: _Passes, grads: AffineGradients, current: Tensor, lengths: Tensor, scale: Tensor, statistics: Statistics
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the current and of γ; that of b is the one of the shift.

    Args:
        form: The passes of the device.
        grads: The gradients behind the normalization; the first result replaces that of the drive.
        current: The currents, (time, batch, neuron).
        lengths: The lengths of the recordings, int64 (batch,).
        scale: The scale of the normalization, (neuron,).
        statistics: Its statistics.
    """
    rate = (statistics.variance + statistics.epsilon).rsqrt()
    grad_gamma = rate * (grads.scale - statistics.mean * grads.shift)
    slope, offset = torch.zeros_like(scale), torch.zeros_like(scale)
    if statistics.own:
        # the mean and the variance depend on every current
        count = lengths.clamp(max=len(current)).sum()
        slope = -scale * rate * grad_gamma / count
        offset = -scale * grads.shift / count - slope * statistics.mean
    return form.affine_backward(grads.drive, current, lengths, scale, offset, slope), grad_gamma


class LIFFunction(torch.autograd.Function):
    """Normalization, neurons and dropout of a sequence; see autograd.lif."""

    @staticmethod
    def forward(ctx: Any, options: Options, *arguments: Tensor | None) -> Fired:
        """Return the results of a pass.

        Args:
            ctx: Context of the backward pass.
            options: Everything but tensors: reset, normalization, gradient path, noise.
            *arguments: Tensors of the pass, in the order of `Tensors`.
        """
        tensors = Tensors(*arguments)
        tensors = tensors._replace(current=tensors.current.contiguous(), voltage=tensors.voltage.contiguous())
        scale, shift = affine(tensors.beta, tensors.gamma, tensors.bias, options.statistics)
        inputs = Inputs(tensors.current, scale, shift, tensors.lengths, tensors.voltage, tensors.mask)
        # that of the backward pass too, which may lie in or behind a `with plain()` block
        form = ctx.form = passes(dispatch.of_neurons(tensors.current))
        fired = form.lif_forward(inputs, options.neuron(tensors), record=options.record)
        ctx.save_for_backward(scale, shift, *tensors._replace(gamma=None, bias=None))
        ctx.options = options
        ctx.set_materialize_grads(False)
        return fired

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments of `forward`; None for those that need none.

        Args:
            ctx: Context of the backward pass.
            *grads: Gradients of spikes, membrane and last voltage; None stands for 0.
        """
        scale, shift, *saved = ctx.saved_tensors
        tensors, needed, options = Tensors(*saved), Tensors(*ctx.needs_input_grad[1:]), ctx.options
        current, lengths, statistics = tensors.current, tensors.lengths, options.statistics
        form = ctx.form
        outputs = OutputGradients(*(None if grad is None else grad.contiguous() for grad in grads))
        learned = needed.beta or needed.threshold or needed.noise_scale or needed.reset_value
        gradients = form.lif_backward(
            Inputs(current, scale, shift, lengths, tensors.voltage, tensors.mask), options.neuron(tensors), outputs,
            learned=learned, normed=statistics is not None,
        )  # fmt: skip
        grad_current, grad_gamma = gradients.drive, None
        if statistics is not None:
            grad_current, grad_gamma = normalization_backward(
                form, AffineGradients(*gradients[:3]), current, lengths, scale, statistics
            )
        results = Tensors(
            grad_current, gradients.voltage, gradients.beta, gradients.threshold, grad_gamma, gradients.shift,
            gradients.noise_scale, gradients.reset_value,
        )  # fmt: skip
        return None, *(grad if need else None for grad, need in zip(results, needed, strict=True))


class LeakyFunction(torch.autograd.Function):
    """Leaky integrators over a sequence; see autograd.leaky."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, voltage: Tensor, beta: Tensor, temporal: bool) -> Tensor:
        """Return the membrane.

        Args:
            ctx: The context of the backward pass.
            current: The currents, (time, batch, neuron).
            voltage: The voltage before the first step, (batch, neuron).
            beta: The decays, (neuron,).
            temporal: Whether gradients pass from step to step.
        """
        current, voltage = current.contiguous(), voltage.contiguous()
        ctx.form = passes(dispatch.of_neurons(current))
        membrane: Tensor = ctx.form.leaky_forward(current, voltage, beta)
        ctx.save_for_backward(membrane if ctx.needs_input_grad[2] else None, voltage, beta)
        ctx.temporal = temporal
        return membrane

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments of `forward`; None for those that need none.

        Args:
            ctx: Context of the backward pass.
            grad: Gradient of the membrane, (time, batch, neuron).
        """
        membrane, voltage, beta = ctx.saved_tensors
        grad_current, grad_beta = grad, None
        if ctx.temporal:
            grad_current = ctx.form.leaky_backward(beta, grad.contiguous())
        if ctx.needs_input_grad[2]:
            grad_beta = (grad_current * torch.cat([voltage[None], membrane[:-1]])).sum((0, 1))
        return grad_current, beta * grad_current[0] if ctx.temporal else None, grad_beta, None
