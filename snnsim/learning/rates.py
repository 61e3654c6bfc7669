"""Bounds of spike rates: a penalty of neurons or layers that fire too little or too much, and silent neurons revived.

    r[j] = Σ_t,b s[t, b, j] / Σ_b valid[b]
    R    = Σ_layers 1/N Σ_j a max(0, low − r[j])² + b max(0, r[j] − high)²        each neuron has the bounds
    R    = Σ_layers a max(0, low − r̄)² + b max(0, r̄ − high)²                      the mean r̄ of each layer has them

The error ∂R/∂s[t, b, j] is one number for each neuron, and 0 behind the end of a recording. It is added to the errors
of the layer's spikes, so it takes the gradient paths of any rule. The penalty is added to the mean loss of a batch; the
loss that is reported does not have it.

A silent neuron gets a gradient from the penalty only where its surrogate reaches so far. `revive` works without one: a
neuron without a spike in a batch gets the gradient −revive on its shift in batch normalization, or on all its weights.

Shapes   spikes s (time, batch, neuron) · valid (batch,) · rates r (neuron,)
Units    rates in spikes per neuron and step
Names    N neurons of a layer · a, b strengths · spikes are those after dropout, which leaves their expected number
Source   penalties of rates: Zenke, Vogels 2021, Neural Computation 33:899; silent neurons revived: Nowotny, Turner,
         Knight 2025, arXiv 2212.01232, who add a constant to their input weights in every epoch
"""

from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from snnsim.learning.decisions import Decision
from snnsim.learning.losses import Batch, StepResult
from snnsim.learning.options import AnyRates, RateBounds
from snnsim.learning.rules import Rule, unwrapped
from snnsim.learning.tasks import Task
from snnsim.nn.batch_norm import valid_steps
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.layer_state import SequenceContext

Sum = Callable[[Tensor], Tensor]
"""Sum of a tensor over all processes."""


def bounded(rule: Rule, bounds: AnyRates, *, processes: int = 1, total: Sum | None = None) -> Rule:
    """Return a rule that adds the gradients of the penalty; None returns the rule.

    Args:
        rule: The rule, for complete recordings.
        bounds: The bounds.
        processes: Number of processes that share a batch, whose gradients are averaged.
        total: Sum over the processes.
    """
    if bounds is None:
        return rule

    def learn(network: nn.Module, batch: Batch, task: Task | Decision, generator: torch.Generator | None) -> StepResult:
        layers = unwrapped(network).layers
        observers = [_Observer(bounds, processes, total) for _ in layers]
        with ExitStack() as stack:
            for layer, observer in zip(layers, observers, strict=True):
                stack.enter_context(_observed(layer, observer))
            result = rule(network, batch, task, generator)
        if bounds.revive:
            for layer, observer in zip(layers, observers, strict=True):
                _revive(layer, observer.rates, bounds.revive)
        return result

    return learn


def penalty(rates: Tensor, bounds: RateBounds) -> Tensor:
    """Return the penalty of a layer.

    Args:
        rates: Spikes per neuron and step, (neuron,).
        bounds: The bounds.
    """
    rates = rates if bounds.of == "neuron" else rates.mean(0, keepdim=True)
    low = bounds.low_strength * (bounds.low - rates).clamp_min(0).square()
    return (low + bounds.high_strength * (rates - bounds.high).clamp_min(0).square()).mean()


class _Observer:
    """The spikes of a layer on their way to the next one; its call adds the error of the penalty to theirs."""

    def __init__(self, bounds: RateBounds, processes: int, total: Sum | None) -> None:
        self.bounds, self.processes, self.total = bounds, processes, total
        self.rates = torch.zeros(0)

    def __call__(self, spikes: Tensor, context: SequenceContext) -> Tensor:
        if context.chunk:
            raise ValueError(
                "bounds of rates need complete recordings, whose rates are known before the backward pass; leave out "
                "the rates, or the chunks of time"
            )
        flat, valid = spikes.detach().flatten(1, -2), context.valid
        counted = None if valid is None else valid_steps(valid, len(spikes)).to(spikes.dtype)
        if counted is None:
            sums, steps = flat.sum((0, 1)), flat.new_full((1,), len(flat) * flat.shape[1])
        else:
            sums, steps = torch.einsum("tbn,tb->n", flat, counted), counted.sum()[None]
        both = torch.cat([sums, steps])
        if self.total is not None:
            both = self.total(both)
        self.rates = both[:-1] / both[-1]
        rates = self.rates.requires_grad_()
        with torch.enable_grad():
            (error,) = torch.autograd.grad(penalty(rates, self.bounds), rates)
        self.rates = rates.detach()
        # gradients are averaged over the processes, whose penalty is one
        result: Tensor = _WithError.apply(spikes, error * self.processes / both[-1], counted)  # type: ignore[no-untyped-call]
        return result


class _WithError(torch.autograd.Function):
    """The spikes themselves, whose error is increased by one number for each neuron at the steps that count."""

    @staticmethod
    def forward(ctx: Any, spikes: Tensor, error: Tensor, counted: Tensor | None) -> Tensor:
        ctx.save_for_backward(error, counted)
        return spikes.view_as(spikes)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        error, counted = ctx.saved_tensors
        if counted is None:
            return grad + error, None, None
        return grad + error * counted.view(*counted.shape[:2], *[1] * (grad.ndim - 2)), None, None


@contextmanager
def _observed(layer: SpikingLayer, observer: _Observer) -> Any:
    layer.observer = observer
    try:
        yield
    finally:
        layer.observer = None


@torch.no_grad()
def _revive(layer: SpikingLayer, rates: Tensor, strength: float) -> None:
    """Add the gradient of silent neurons, or of the silent channels of a field."""
    norm, channels = layer.norm, layer.channels
    silent = (rates if channels is None else rates.view(-1, channels).sum(0)) == 0
    parameter: Tensor = layer.synapse.weight if norm is None or norm.bias is None else norm.bias
    if parameter.grad is not None:
        parameter.grad[silent] -= strength
