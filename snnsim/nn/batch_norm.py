"""Batch normalization over time and batch, without padding.

    y = γ (x − mean) / √(variance + ε) + b      mean and variance over all valid (time, batch) pairs

Shapes   x (time, batch, neuron) · valid (batch,), the number of steps that count for each recording
Source   Ioffe & Szegedy 2015; torch's BatchNorm1d does the arithmetic
Differs  steps behind a recording's end are padding: they neither enter the statistics nor get a current. Where fewer
         than two steps count, the running statistics normalize

Chunks of a longer sequence are normalized with the running statistics. Each chunk updates these by its share of the
sequence's steps, so that the sequence updates them by the momentum. In gradients the statistics are constants:

    a = 1 − (1 − momentum)^share        m ← m + a (mean − m)        v ← (1 − a) (v + a (mean − m)²) + a variance
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim import validation
from snnsim.kernels.common import gates
from snnsim.kernels.neuron.autograd import Statistics, affine, moments
from snnsim.nn import settings, synchronized
from snnsim.renamed import OldName


def valid_steps(valid: Tensor, steps: int) -> Tensor:
    """Return the mask of the steps that count, bool (time, batch).

    Args:
        valid: Number of steps of each recording that count, (batch,); 0 or less for none.
        steps: Number of steps of the mask.
    """
    return torch.arange(steps, device=valid.device)[:, None] < valid


class BatchNorm(nn.BatchNorm1d):
    """torch's BatchNorm1d for sequences (time, batch, neuron), blind to padding in training mode.

    `forward` is the plain form. A layer with a compiled kernel asks for the `statistics` alone, and normalizes in the
    pass of the neurons.

    Args:
        num_features: Number of neurons, or of channels of a field.
        eps: ε.
        momentum: Weight of a batch in the running statistics; None for their plain mean over batches, which chunks do
            not have.
        affine: Whether γ and b are learned.
        track_running_stats: Whether there are running statistics.
        device: Device of parameters and buffers.
        dtype: Type of parameters and buffers.
    """

    def __init__(  # noqa: PLR0913
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        *,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        number = validation.integer(num_features, who="BatchNorm", name="num_features", at_least=1, at_most=2**31)
        super().__init__(number, eps, momentum, affine, track_running_stats, device, dtype)
        self.eps = validation.real(self.eps, who="BatchNorm", name="eps", at_least=0)
        self.synchronized = False
        """Whether the statistics of a batch in training are those of all processes that share it."""
        settings.carry(self, eps=self.eps)

    @property
    def supports_fused(self) -> bool:
        """Whether the pass of the neurons can normalize: there are γ, b and running statistics, of one process."""
        return self.affine and self.track_running_stats and not self._shares

    @property
    def _shares(self) -> bool:
        return self.synchronized and self.training and synchronized.active()

    def forward(self, current: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the normalized currents.

        Args:
            current: The currents, (time, ..., neuron).
            valid: Steps of each recording that count; None if every step counts.
        """
        self._check(current)
        if valid is not None:
            valid = gates.lengths(valid, who="BatchNorm", name="valid", batch=math.prod(current.shape[1:-1]))
        flat = current.reshape(-1, current.shape[-1])
        if not self.training and self.running_mean is not None:
            return self._by(self.running(), flat).view_as(current)
        if self._shares:
            return self._over_processes(current, valid)
        complete = valid is None or bool((valid >= len(current)).all())
        if not self.training or (complete and len(flat) > 1):
            return super().forward(flat).view_as(current)
        counted = torch.arange(len(flat), device=current.device)
        if valid is not None:
            counted = valid_steps(valid, len(current)).flatten().nonzero().squeeze(1)
        inside = flat.index_select(0, counted)
        by_running = len(inside) < 2 and self.running_mean is not None
        normalized = self._by(self.running(), inside) if by_running else super().forward(inside)
        return torch.zeros_like(flat).index_copy(0, counted, normalized.to(flat.dtype)).view_as(current)

    def _over_processes(self, current: Tensor, valid: Tensor | None) -> Tensor:
        """Return currents normalized with the statistics of all processes."""
        flat = current.reshape(-1, current.shape[-1])
        steps = current.shape[0] * math.prod(current.shape[1:-1])
        counted = torch.arange(steps, device=current.device)
        if valid is not None:
            counted = valid_steps(valid, len(current)).flatten().nonzero().squeeze(1)
        inside = flat.index_select(0, counted)
        mean, variance, count = synchronized.moments(inside)
        if self.running_mean is not None:
            with torch.no_grad():
                self._update(self.running(), mean, variance * count / (count - 1).clamp_min(1))
        normalized = (inside - mean) * (variance + self.eps).rsqrt()
        if self.affine:
            normalized = normalized * self.weight + self.bias
        return torch.zeros_like(flat).index_copy(0, counted, normalized.to(flat.dtype)).view_as(current)

    def statistics(self, current: Tensor, valid: Tensor, total: Tensor | None = None) -> Statistics:
        """Return the mean and variance to normalize with; in training mode the running ones are updated.

        Args:
            current: The currents, (time, batch, neuron).
            valid: Steps of each recording that count, (batch,).
            total: For a chunk of a longer sequence, number of steps of all recordings that count in the sequence: the
                running statistics normalize. None for a whole sequence: its own statistics normalize.

        Raises:
            ValueError: If a chunk updates running statistics that are plain means over batches.
        """
        self._check(current)
        count = valid.clamp(max=len(current)).sum().to(current.dtype)
        moving = self.training and bool(count > 1)
        running = self.running()
        if moving:
            mean, variance = moments(current, valid)
            with torch.no_grad():
                if total is None:
                    self._update(running, mean, variance * count / (count - 1))
                    return Statistics(mean, variance, self.eps, own=True)
                if self.momentum is None:
                    raise ValueError(
                        "BatchNorm: chunks of a sequence need a momentum, and momentum=None takes the mean over "
                        "batches; give a number, such as 0.1, or train on whole sequences"
                    )
                share = 1 - (1 - self.momentum) ** (count / total)
                difference = mean - running.mean
                running.variance.add_(share * difference.square()).lerp_(variance, share)
                running.mean.add_(share * difference)
        # later sequences and chunks may update them before the backward pass reads them
        return Statistics(running.mean.clone(), running.variance.clone(), self.eps, own=False)

    window = OldName("statistics")

    def normalized(self, current: Tensor, valid: Tensor, statistics: Statistics) -> Tensor:
        """Return the currents normalized with known statistics, 0 where a step does not count.

        Args:
            current: The currents, (time, batch, neuron).
            valid: Steps of each recording that count, (batch,).
            statistics: Mean and variance.
        """
        flat = self._by(statistics, current.reshape(-1, current.shape[-1])).view_as(current)
        return flat * valid_steps(valid, len(current))[..., None]

    def _check(self, current: Tensor) -> None:
        if gates.current(current, who="BatchNorm").shape[-1] != self.num_features:
            raise ValueError(
                f"BatchNorm: the current must be (time, ..., {self.num_features}), not {tuple(current.shape)}"
            )

    def _update(self, running: Statistics, mean: Tensor, variance: Tensor) -> None:
        count: Tensor = self.num_batches_tracked  # type: ignore[assignment]
        count += 1
        share = 1 / count if self.momentum is None else self.momentum
        running.mean.lerp_(mean, share)
        running.variance.lerp_(variance, share)

    def running(self) -> Statistics:
        """Return the running mean and variance.

        Raises:
            ValueError: If there are none.
        """
        if self.running_mean is None or self.running_var is None:
            raise ValueError(
                "BatchNorm: chunks and single steps need running statistics, but track_running_stats=False"
            )
        return Statistics(self.running_mean, self.running_var, self.eps, own=False)

    def _by(self, statistics: Statistics, flat: Tensor) -> Tensor:
        if self.affine and flat.dtype == self.weight.dtype and flat.dtype in (torch.float32, torch.float64):
            # rounded as in the compiled kernel, so that both fire at a threshold that is met exactly
            scale, shift = affine(flat, self.weight, self.bias, statistics)
            return flat * scale + shift
        return functional.batch_norm(
            flat, statistics.mean, statistics.variance, self.weight, self.bias, eps=statistics.epsilon
        )
