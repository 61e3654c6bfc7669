"""A layer's neurons over a whole sequence, with normalization before and dropout behind them, in one pass.

    y[t] = γ (I[t] − mean) / √(variance + ε) + b      without normalization y = I; 0 behind a recording's end
    u[t] = β v[t−1] + y[t]        s[t] = Θ(u[t] − θ)        v[t] = u[t] (1 − s[t])  (hard)   or   u[t] − θ s[t]  (soft)
    result: s[t] · keep

With noise, the threshold is drawn anew in every step, see cpu_noise.py: s[t] ~ Bernoulli(sigmoid((u[t] − θ) / Δ)).

Gradients pass from step to step through v, or, where `temporal` is False, not at all: then v[t−1] is a number like
any other, du[t] = h[t] ds[t] is all that reaches a step's current, and β and θ get what they do within a step.

Shapes   I, u, s (time, batch, neuron) · v, keep (batch, neuron) · β, θ, γ, b (neuron,) · valid (batch,)
Names    u membrane before the reset · v after it · keep: what dropout multiplies with · valid: steps that count
Memory   for the backward pass I alone is kept, one number per neuron and step; u and s are computed again
"""

from importlib import import_module
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common import dispatch, gates
from snnsim.kernels.common.counter_rng import Draws, logistics
from snnsim.kernels.neuron.types import Neuron, Noise
from snnsim.surrogate import Surrogate

_MODULES = {"numba": "cpu", "triton": "gpu"}


class Reset(NamedTuple):
    """What a spike does to the voltage, and how gradients pass."""

    hard: bool
    detached: bool
    surrogate: Surrogate


class Statistics(NamedTuple):
    """Mean and variance of the currents, and whether they are those of the very batch, so that gradients see them."""

    mean: Tensor
    variance: Tensor
    epsilon: float
    own: bool


class Fired(NamedTuple):
    """What comes out of a pass."""

    spikes: Tensor
    membrane: Tensor | None
    """Before the reset, if it was to be recorded."""
    last: Tensor
    """Voltage after the last step."""


def passes(form: str) -> ModuleType:
    """Return the module with the passes of a form."""
    return import_module(f"snnsim.kernels.neuron.{_MODULES[form]}")


# torch.compile calls it as it stands; the public decorator imports torch's compiler when a module is imported
@torch._disable_dynamo
def moments(current: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and (biased) variance of each neuron's current over the steps that count; without gradients.

    Args:
        current: The currents, (time, batch, neuron).
        valid: How many steps of each recording count, integers (batch,).

    Raises:
        ValueError: If the shapes do not match, or a number of steps is negative.
    """
    _check_current(current, "moments")
    valid = gates.lengths(valid, who="moments", name="valid", batch=current.shape[1])
    if current.numel() == 0 or not bool(valid.any()):
        raise ValueError("moments: there must be a step that counts, of a neuron or more")
    form, current = dispatch.of_neurons(current), current.detach()
    if form == "steps":
        some = current[torch.arange(len(current), device=current.device)[:, None] < valid]
        return some.mean(0), some.var(0, correction=0)
    return passes(form).moments(current.contiguous(), valid)


@torch._disable_dynamo
def fire(  # noqa: PLR0913
    current: Tensor,
    voltage: Tensor,
    beta: Tensor,
    threshold: Tensor,
    *,
    reset: Reset,
    norm: tuple[Tensor, Tensor, Statistics] | None = None,
    valid: Tensor | None = None,
    keep: Tensor | None = None,
    record: bool = False,
    temporal: bool = True,
    noise: Noise | None = None,
) -> Fired:
    """Return what neurons do.

    Args:
        current: The currents, (time, batch, neuron).
        voltage: The voltage before the first step, (batch, neuron).
        beta: The decay of every neuron, (neuron,).
        threshold: The threshold of every neuron, (neuron,).
        reset: What a spike does to the voltage.
        norm: γ, b and statistics of a normalization, each (neuron,).
        valid: How many steps of each recording count, integers (batch,); all of them if None.
        keep: What spikes are multiplied with, (batch, neuron).
        record: Whether the membrane of every step is wanted.
        temporal: Whether gradients pass from step to step.
        noise: What is random about the neurons.

    Raises:
        TypeError: If tensors are of different types.
        ValueError: If the shapes do not match, a number of steps is negative, or the voltage does not stay finite.
    """
    _check_current(current, "fire")
    batch = current.shape[1]
    if valid is None:
        valid = torch.full((batch,), len(current), device=current.device)
    valid = gates.lengths(valid, who="fire", name="valid", batch=batch)
    gamma, bias, statistics = norm or (None, None, None)
    _check_neurons(current, voltage, keep, beta=beta, threshold=threshold)
    if statistics is not None:
        moved = {"mean": statistics.mean, "variance": statistics.variance}
        _check_neurons(current, voltage, keep, gamma=gamma, bias=bias, **moved)
    if noise is not None:
        # without elements they stand for neurons that draw nothing, or come back to 0
        parts = {"width": noise.width, "back": noise.back}
        _check_neurons(current, voltage, keep, **{name: part for name, part in parts.items() if not _nothing(part)})
    if current.numel() == 0:
        return Fired(current, current if record else None, voltage)
    drawn = (None, None) if noise is None else (noise.width.contiguous(), noise.back.contiguous())
    how = reset, statistics, temporal, record, noise
    fired = Fired(*_Fire.apply(current, voltage, beta, threshold, gamma, bias, *drawn, valid, keep, how))
    gates.ended(fired.last, who="neurons")
    return fired


def _nothing(part: Tensor) -> bool:
    return isinstance(part, Tensor) and part.numel() == 0


def _check_current(current: Tensor, who: str) -> None:
    if gates.current(current, who=who).ndim != 3:
        raise ValueError(f"{who}: the current must be (time, batch, neuron), not {tuple(current.shape)}")


def _check_neurons(current: Tensor, voltage: Tensor, keep: Tensor | None, **each: Tensor | None) -> None:
    """Raise unless voltage and `keep` are (batch, neuron), the others (neuron,), and all of the current's type."""
    batch, neurons = current.shape[1:]
    shapes = {name: (part, (neurons,)) for name, part in each.items()}
    lanes = {"voltage": (voltage, (batch, neurons)), "keep": (keep, (batch, neurons))}
    gates.shaped(who="neurons", optional=("keep",), **lanes, **shapes)
    for name, (part, _) in (lanes | shapes).items():
        if part is not None and part.dtype != current.dtype:
            raise TypeError(f"neurons: {name} must be of the current's type {current.dtype}, not {part.dtype}")
        # the voltage after the sequence tells of all others
        if part is not None and name in ("keep", "threshold"):
            gates.finite(part, who="neurons", name=name)


@torch._disable_dynamo
def leak(current: Tensor, voltage: Tensor, beta: Tensor, *, temporal: bool = True) -> Tensor:
    """Return the membrane u[t] = β u[t−1] + I[t] of neurons that never fire.

    Args:
        current: The currents, (time, batch, neuron).
        voltage: The voltage before the first step, (batch, neuron).
        beta: The decay of every neuron, (neuron,).
        temporal: Whether gradients pass from step to step.

    Raises:
        TypeError: If tensors are of different types.
        ValueError: If the shapes do not match, or the voltage does not stay finite.
    """
    _check_current(current, "leak")
    _check_neurons(current, voltage, None, beta=beta)
    if current.numel() == 0:
        return current
    membrane: Tensor = _Leak.apply(current, voltage, beta, temporal)
    gates.ended(membrane[-1], who="neurons")
    return membrane


@torch._disable_dynamo
def logistic(draws: Draws, like: Tensor) -> Tensor:
    """Return ξ of every neuron (..., neuron) in the first step of the draws."""
    short = like.dtype not in (torch.float32, torch.float64)
    found = torch.empty(
        like.numel() // max(1, like.shape[-1]), like.shape[-1], dtype=torch.float32 if short else like.dtype
    )
    logistics(draws.place(), found.numpy())
    return found.to(like).view(like.shape)


class _Fire(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, voltage, beta, threshold, gamma, bias, width, back, valid, keep, how):  # noqa: PLR0913
        reset, statistics, temporal, record, noise = how
        current, voltage = current.contiguous(), voltage.contiguous()
        scale, shift = affine(beta, gamma, bias, statistics)
        noise = noise and noise._replace(width=width, back=back)
        neuron = _neuron(beta, threshold, reset, temporal, noise)
        made = passes(dispatch.of_neurons(current)).fire(current, scale, shift, valid, voltage, keep, neuron, record)
        ctx.save_for_backward(current, voltage, beta, threshold, scale, shift, valid, keep, width, back)
        ctx.reset, ctx.statistics, ctx.temporal = reset, statistics, temporal
        ctx.noise = noise and noise._replace(width=None, back=None)
        ctx.set_materialize_grads(False)
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads):
        current, voltage, beta, threshold, scale, shift, valid, keep, width, back = ctx.saved_tensors
        noise = ctx.noise and ctx.noise._replace(width=width, back=back)
        statistics, neuron = ctx.statistics, _neuron(beta, threshold, ctx.reset, ctx.temporal, noise)
        form = passes(dispatch.of_neurons(current))
        grads = (None if grad is None else grad.contiguous() for grad in grads)
        learned = any(ctx.needs_input_grad[n] for n in (2, 3, 6, 7))
        wanted = {"learned": learned, "normed": statistics is not None}
        back = form.fire_back(current, scale, shift, valid, voltage, keep, neuron, *grads, **wanted)
        grad_current, grad_gamma = back.grad_drive, None
        if statistics is not None:
            rate = (statistics.variance + statistics.epsilon).rsqrt()
            grad_gamma = rate * (back.grad_scale - statistics.mean * back.grad_shift)
            slope, offset = torch.zeros_like(scale), torch.zeros_like(scale)
            if statistics.own:
                # the mean and the variance move with every current
                count = valid.clamp(max=len(current)).sum()
                slope = -scale * rate * grad_gamma / count
                offset = -scale * back.grad_shift / count - slope * statistics.mean
            grad_current = form.affine_back(grad_current, current, valid, scale, offset, slope)
        found = (grad_current, back.grad_voltage, back.grad_beta, back.grad_threshold, grad_gamma, back.grad_shift)
        found = (*found, back.grad_width, back.grad_back)
        found = (grad if needed else None for grad, needed in zip(found, ctx.needs_input_grad, strict=False))
        return *found, None, None, None


def _neuron(beta: Tensor, threshold: Tensor, reset: Reset, temporal: bool, noise: Noise | None) -> Neuron:
    slope = reset.surrogate
    return Neuron(beta, threshold, reset.hard, reset.detached, temporal, slope.name, slope.sharpness, noise)


def affine(
    like: Tensor, gamma: Tensor | None, bias: Tensor | None, statistics: Statistics | None
) -> tuple[Tensor, Tensor]:
    """Return scale and shift of a normalization, each (neuron,); every form rounds scale · I + shift alike."""
    if statistics is None:
        return torch.ones_like(like), torch.zeros_like(like)
    scale = gamma * (statistics.variance + statistics.epsilon).rsqrt()
    return scale, bias - statistics.mean * scale


class _Leak(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, voltage, beta, temporal):
        current, voltage = current.contiguous(), voltage.contiguous()
        membrane = passes(dispatch.of_neurons(current)).leak(current, voltage, beta)
        ctx.save_for_backward(membrane if ctx.needs_input_grad[2] else None, voltage, beta)
        ctx.temporal = temporal
        return membrane

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        membrane, voltage, beta = ctx.saved_tensors
        found = passes(dispatch.of_neurons(grad)).leak_back(beta, grad.contiguous()) if ctx.temporal else grad
        grad_beta = None
        if ctx.needs_input_grad[2]:
            grad_beta = (found * torch.cat([voltage[None], membrane[:-1]])).sum((0, 1))
        return found, beta * found[0] if ctx.temporal else None, grad_beta, None
