"""Connections without delays: torch's linear map, with an optional share of the connections left out.

    I[t, j] = Σ_i w[j, i] s[t, i]

Evaluation adds in the order of the sources, as a Program does (kernels/delay/integer_delays.py); in training, torch's
matrix product adds in another order.

Shapes   s (..., source) · I (..., target) · w (target, source)
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim.kernels.common import gates
from snnsim.kernels.delay.integer_delays import integer_current
from snnsim.nn import settings
from snnsim.nn.connectivity import check_features, kaiming_weights, random_connections


class SparseLinear(nn.Module):
    """A linear map of which a random share `sparsity` of the connections is absent for good."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_features("SparseLinear", in_features, out_features)
        shape = (out_features, in_features)
        self.weight = nn.Parameter(kaiming_weights(shape, fan_in=in_features, generator=generator))
        self.register_buffer("connected", random_connections(shape, sparsity=sparsity, generator=generator))
        settings.carry(self)
        self.constrain()

    def forward(self, spikes: Tensor, *, delayed: str = "exact") -> Tensor:  # noqa: ARG002
        """Return the currents of spikes (..., source); there are no delays, so `delayed` changes nothing."""
        spikes = gates.spikes(spikes, who="SparseLinear", like=self.weight, width=self.weight.shape[1])
        if self.training:
            return functional.linear(spikes, self.weight)
        weight = self.weight[..., None]
        # without delays, recordings may follow each other as one
        flat = spikes.reshape(math.prod(spikes.shape[:-1]), 1, spikes.shape[-1])
        current = integer_current(flat, weight, torch.zeros_like(weight, dtype=torch.int64), delays=1)
        return current.view(*spikes.shape[:-1], len(weight))

    def run(self, spikes: Tensor, history: None = None, *, delayed: str = "exact") -> tuple[Tensor, None]:
        """Return the currents of a sequence, and None for the history: nothing is remembered."""
        return self(spikes, delayed=delayed), history

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring the parameters back to what they may be; called after each step of an optimizer."""
        if self.connected is not None:
            self.weight *= self.connected
