"""Batch normalization over time and batch, of the steps that count.

    y = γ (x − mean) / √(variance + ε) + b      mean and variance over all valid (time, batch) pairs

Shapes   x (time, batch, neuron) · valid (batch,), the number of steps that count for each recording
Source   Ioffe & Szegedy 2015; torch's BatchNorm1d does the arithmetic
Differs  steps behind a recording's end are padding: they neither enter the statistics nor get a current. Where fewer
         than two steps count, the running statistics normalize

Windows of a longer sequence are normalized with the running statistics, which move by every window as far as its share
of the steps that count allows, so that a sequence moves them by the momentum; gradients see them as constants:

    a = 1 − (1 − momentum)^share        m ← m + a (mean − m)        v ← (1 − a) (v + a (mean − m)²) + a variance
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim import validation
from snnsim.kernels.common import gates
from snnsim.kernels.neuron.autograd import Statistics, affine, moments
from snnsim.nn import settings


def valid_steps(valid: Tensor, steps: int) -> Tensor:
    """Return the mask (time, batch) of the steps that count."""
    return torch.arange(steps, device=valid.device)[:, None] < valid


class BatchNorm(nn.BatchNorm1d):
    """torch's BatchNorm1d for sequences (time, batch, neuron), blind to padding in training mode.

    `forward` is the plain form. A layer whose neurons are compiled asks for the `statistics` alone, and normalizes in
    the same pass as it fires.
    """

    def __init__(self, num_features: int, *args: Any, **how: Any) -> None:
        number = validation.integer(num_features, who="BatchNorm", name="num_features", at_least=1, at_most=2**31)
        super().__init__(number, *args, **how)
        self.eps = validation.real(self.eps, who="BatchNorm", name="eps", at_least=0)
        settings.carry(self, eps=self.eps)

    def forward(self, current: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the normalized currents; without `valid` every step counts."""
        self._check(current)
        if valid is not None:
            valid = gates.lengths(valid, who="BatchNorm", name="valid", batch=math.prod(current.shape[1:-1]))
        flat = current.reshape(-1, current.shape[-1])
        if not self.training and self.running_mean is not None:
            return self._by(self._running(), flat).view_as(current)
        if not self.training or valid is None or bool((valid >= len(current)).all()):
            return super().forward(flat).view_as(current)
        counted = valid_steps(valid, len(current)).flatten().nonzero().squeeze(1)
        some = flat.index_select(0, counted)
        normalized = super().forward(some) if len(some) > 1 else self._by(self.statistics(current, valid), some)
        return torch.zeros_like(flat).index_copy(0, counted, normalized.to(flat.dtype)).view_as(current)

    def statistics(self, current: Tensor, valid: Tensor) -> Statistics:
        """Return the mean and variance to normalize with; in training mode the running ones move."""
        self._check(current)
        count = valid.clamp(max=len(current)).sum().to(current.dtype)
        if not self.training or count < 2:
            return self._running()
        mean, variance = moments(current, valid)
        with torch.no_grad():
            self.num_batches_tracked += 1
            share = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance * count / (count - 1), share)
        return Statistics(mean, variance, self.eps, own=True)

    def window(self, current: Tensor, valid: Tensor, whole: Tensor) -> Statistics:
        """Return what normalizes a window of a longer sequence, of which `whole` steps count; running averages move."""
        self._check(current)
        count = valid.clamp(max=len(current)).sum().to(current.dtype)
        if self.training and count > 1:
            mean, variance = moments(current, valid)
            with torch.no_grad():
                share = 1 - (1 - (self.momentum or 0.1)) ** (count / whole)
                apart = mean - self.running_mean
                self.running_var.add_(share * apart.square()).lerp_(variance, share)
                self.running_mean.add_(share * apart)
        # they move on before the gradient asks for them
        return Statistics(self.running_mean.clone(), self.running_var.clone(), self.eps, own=False)

    def normalized(self, current: Tensor, valid: Tensor, statistics: Statistics) -> Tensor:
        """Return the currents normalized with known statistics, 0 where a step does not count."""
        flat = self._by(statistics, current.reshape(-1, current.shape[-1])).view_as(current)
        return flat * valid_steps(valid, len(current))[..., None]

    def _check(self, current: Tensor) -> None:
        if gates.current(current, who="BatchNorm").shape[-1] != self.num_features:
            raise ValueError(
                f"BatchNorm: the current must be (time, ..., {self.num_features}), not {tuple(current.shape)}"
            )

    def _running(self) -> Statistics:
        return Statistics(self.running_mean, self.running_var, self.eps, own=False)

    def _by(self, statistics: Statistics, flat: Tensor) -> Tensor:
        if self.affine and flat.dtype == self.weight.dtype and flat.dtype in (torch.float32, torch.float64):
            # as the compiled form rounds it, so that both fire at a threshold that is met exactly
            scale, shift = affine(flat, self.weight, self.bias, statistics)
            return flat * scale + shift
        return functional.batch_norm(
            flat, statistics.mean, statistics.variance, self.weight, self.bias, eps=statistics.epsilon
        )
