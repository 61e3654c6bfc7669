"""Mean and variance over all processes that share a batch, with gradients: batch normalization in parallel training.

    n = Σ_p n_p      mean = Σ_p Σ_i x[p, i] / n      variance = Σ_p Σ_i (x[p, i] − mean)² / n

Every sum over the processes p has the sum of the processes' errors as its error.

Shapes   x (step, neuron), the steps of all recordings of this process that count
Source   as torch's SyncBatchNorm, which needs a GPU
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed


class Moments(NamedTuple):
    """Moments over all processes."""

    mean: Tensor
    variance: Tensor
    """The biased variance."""
    number: Tensor
    """Number of values, ()."""


def active() -> bool:
    """Return whether several processes train together."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def moments(values: Tensor) -> Moments:
    """Return the moments of values over all processes.

    Args:
        values: The values of this process, (step, neuron).
    """
    count = _total(values.new_full((1,), float(len(values))))[0]
    mean = _total(values.sum(0)) / count
    return Moments(mean, _total((values - mean).square().sum(0)) / count, count)


def _total(values: Tensor) -> Tensor:
    result: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return result


class _Sum(torch.autograd.Function):
    """The sum of a tensor over the processes."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ARG004
        total = grad.clone()
        distributed.all_reduce(total)
        return total
