"""The neurons of a layer over a whole sequence: normalization, neurons and dropout in one pass, with gradients.

    y[t] = γ (I[t] − mean) / √(variance + ε) + b      without normalization y = I; 0 behind a recording's end
    u[t] = β v[t−1] + y[t]        s[t] = Θ(u[t] − θ)        v[t] = u[t] (1 − s[t])  (hard)   or   u[t] − θ s[t]  (soft)
    result: s[t] · mask

With noise, the threshold is drawn in every step, see cpu_noise.py: s[t] ~ Bernoulli(sigmoid((u[t] − θ) / Δ)).

Gradients pass from step to step through v. Where `temporal` is False, v[t−1] is a constant: a step's current gets
du[t] = h[t] ds[t] alone, and β and θ get their gradients within a step.

Shapes   I, u, s (time, batch, neuron) · v, mask (batch, neuron) · β, θ, γ, b (neuron,) · lengths (batch,)
Names    u membrane before the reset · v voltage after it · mask factors of dropout · lengths steps of each recording
Differs  the backward pass saves I alone, one number per neuron and step; u and s are computed again
"""

from typing import Any, cast

import torch
from torch import Tensor

from snnsim.kernels.common import dispatch, gates
from snnsim.kernels.common.counter_rng import Draws, logistics
from snnsim.kernels.neuron.functions import (
    LeakyFunction,
    LIFFunction,
    Options,
    Reset,
    Statistics,
    Tensors,
    affine,
    passes,
)
from snnsim.kernels.neuron.types import Fired, Noise

__all__ = ["Fired", "Noise", "Reset", "Statistics", "affine", "leaky", "lif", "logistic", "moments"]


@gates.eager
def moments(current: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and (biased) variance of each neuron's current within the lengths; without gradients.

    Args:
        current: The currents, (time, batch, neuron).
        lengths: The lengths of the recordings in steps, integers (batch,).

    Raises:
        TypeError: If the current is no tensor of floating numbers, or the lengths are no integers.
        ValueError: If the shapes do not match, a length is negative, or no step is within the lengths.
    """
    _check_current(current, "moments")
    lengths = gates.lengths(lengths, who="moments", name="lengths", batch=current.shape[1])
    if current.numel() == 0 or not bool(lengths.any()):
        raise ValueError("moments: there must be a step that counts, of a neuron or more")
    form, current = dispatch.of_neurons(current), current.detach()
    if form == "steps":
        inside = current[torch.arange(len(current), device=current.device)[:, None] < lengths]
        return inside.mean(0), inside.var(0, correction=0)
    return passes(form).moments(current.contiguous(), lengths)


@gates.eager
def lif(  # noqa: PLR0913
    current: Tensor,
    voltage: Tensor,
    beta: Tensor,
    threshold: Tensor,
    *,
    reset: Reset,
    norm: tuple[Tensor, Tensor, Statistics] | None = None,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
    record: bool = False,
    temporal: bool = True,
    noise: Noise | None = None,
) -> Fired:
    """Return the spikes, the membrane and the last voltage of leaky integrate-and-fire neurons.

    Args:
        current: The currents, (time, batch, neuron).
        voltage: The voltage before the first step, (batch, neuron).
        beta: The decay of every neuron, (neuron,).
        threshold: The threshold of every neuron, (neuron,).
        reset: The effect of a spike on the voltage.
        norm: γ, b and statistics of a normalization, each (neuron,).
        lengths: The lengths of the recordings in steps, integers (batch,); by default all steps.
        mask: The factors of the spikes, from dropout, (batch, neuron).
        record: Whether the membrane of every step is returned.
        temporal: Whether gradients pass from step to step.
        noise: The noise of stochastic neurons.

    Raises:
        TypeError: If tensors are of different types.
        ValueError: If the shapes do not match, a length is negative, or the voltage does not stay finite.
    """
    _check_current(current, "lif")
    batch = current.shape[1]
    if lengths is None:
        lengths = torch.full((batch,), len(current), device=current.device)
    lengths = gates.lengths(lengths, who="lif", name="lengths", batch=batch)
    gamma, bias, statistics = norm or (None, None, None)
    _check_neurons(current, voltage, mask, beta=beta, threshold=threshold)
    if statistics is not None:
        moved = {"mean": statistics.mean, "variance": statistics.variance}
        _check_neurons(current, voltage, mask, gamma=gamma, bias=bias, **moved)
    noise_scale = reset_value = None
    if noise is not None:
        # without elements they stand for neurons without noise, or for a reset value of 0
        numbers = {"noise scale": noise.scale, "reset value": noise.reset_value}
        _check_neurons(current, voltage, mask, **{name: one for name, one in numbers.items() if not _is_empty(one)})
        noise_scale, reset_value = noise.scale.contiguous(), noise.reset_value.contiguous()
    if current.numel() == 0:
        return Fired(current, current if record else None, voltage)
    tensors = Tensors(current, voltage, beta, threshold, gamma, bias, noise_scale, reset_value, lengths, mask)
    options = Options(reset, statistics, temporal, record, noise is not None, None if noise is None else noise.draws)
    fired = Fired(*cast(Any, LIFFunction.apply)(options, *tensors))
    gates.ended(fired.last, who="neurons")
    return fired


def _is_empty(tensor: Tensor) -> bool:
    return isinstance(tensor, Tensor) and tensor.numel() == 0


def _check_current(current: Tensor, who: str) -> None:
    if gates.current(current, who=who).ndim != 3:
        raise ValueError(f"{who}: the current must be (time, batch, neuron), not {tuple(current.shape)}")


def _check_neurons(current: Tensor, voltage: Tensor, mask: Tensor | None, **each: Tensor | None) -> None:
    """Check that voltage and mask are (batch, neuron), the others (neuron,), and all of the current's type.

    Raises:
        TypeError: If a tensor has another type.
    """
    batch, neurons = current.shape[1:]
    shapes: dict[str, tuple[Tensor | None, tuple[int, ...]]] = {name: (one, (neurons,)) for name, one in each.items()}
    shapes = {"voltage": (voltage, (batch, neurons)), "mask": (mask, (batch, neurons))} | shapes
    gates.shaped(who="neurons", optional=("mask",), **shapes)
    for name, (tensor, _) in shapes.items():
        if tensor is not None and tensor.dtype != current.dtype:
            raise TypeError(f"neurons: {name} must be of the current's type {current.dtype}, not {tensor.dtype}")
        # other values that are not finite show in the voltage after the sequence
        if tensor is not None and name in ("mask", "threshold", "noise scale", "reset value"):
            gates.finite(tensor, who="neurons", name=name)


@gates.eager
def leaky(current: Tensor, voltage: Tensor, beta: Tensor, *, temporal: bool = True) -> Tensor:
    """Return the membrane u[t] = β u[t−1] + I[t] of leaky integrators, which never fire.

    Args:
        current: The currents, (time, batch, neuron).
        voltage: The voltage before the first step, (batch, neuron).
        beta: The decay of every neuron, (neuron,).
        temporal: Whether gradients pass from step to step.

    Raises:
        TypeError: If tensors are of different types.
        ValueError: If the shapes do not match, or the voltage does not stay finite.
    """
    _check_current(current, "leaky")
    _check_neurons(current, voltage, None, beta=beta)
    if current.numel() == 0:
        return current
    membrane: Tensor = cast(Any, LeakyFunction.apply)(current, voltage, beta, temporal)
    gates.ended(membrane[-1], who="neurons")
    return membrane


@gates.eager
def logistic(draws: Draws, like: Tensor) -> Tensor:
    """Return ξ of every neuron (..., neuron) in the first step of the draws.

    Args:
        draws: Random counter of the sequence.
        like: Tensor (..., neuron) whose shape, type and device the result has.
    """
    short = like.dtype not in (torch.float32, torch.float64)
    width = like.shape[-1]
    xi = torch.empty(like.numel() // max(1, width), width, dtype=torch.float32 if short else like.dtype)
    logistics(draws.counter(), xi.numpy())
    return xi.to(like).view(like.shape)
