"""Batch normalisation over time and batch, of the steps that count.

    y = γ (x − mean) / √(variance + ε) + b      mean and variance over all valid (time, batch) pairs

Shapes   x (time, batch, neuron) · valid (batch,), the number of steps that count for each recording
Source   Ioffe & Szegedy 2015; torch's BatchNorm1d does the arithmetic
Differs  steps behind a recording's end are padding: they neither enter the statistics nor get a current
"""

import torch
from torch import Tensor, nn


def valid_steps(valid: Tensor, steps: int) -> Tensor:
    """Return the mask (time, batch) of the steps that count."""
    return torch.arange(steps, device=valid.device)[:, None] < valid


class BatchNorm(nn.BatchNorm1d):
    """torch's BatchNorm1d for sequences (time, batch, neuron), blind to padding in training mode."""

    def forward(self, current: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the normalised currents; without `valid` every step counts."""
        flat = current.reshape(-1, current.shape[-1])
        if not self.training or valid is None or bool((valid >= len(current)).all()):
            return super().forward(flat).view_as(current)
        counted = valid_steps(valid, len(current)).flatten().nonzero().squeeze(1)
        normalised = super().forward(flat.index_select(0, counted))
        return torch.zeros_like(flat).index_copy(0, counted, normalised.to(flat.dtype)).view_as(current)
