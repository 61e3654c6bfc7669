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
from snnsim.nn.protocols import Synapse


class SparseLinear(Synapse):
    """A linear map without delays, of which a random share of the connections is absent for good.

    Args:
        in_features: Number of sources.
        out_features: Number of targets.
        sparsity: Share of the connections that are absent, at least 0 and below 1.
        generator: Generator of the initial weights and of the absent connections.
    """

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

    @property
    def targets(self) -> int:
        """Number of target neurons."""
        return len(self.weight)

    def current(self, spikes: Tensor, *, before: int = 0, delayed: str = "exact") -> Tensor:  # noqa: ARG002
        """Return the currents of spikes.

        Args:
            spikes: Spikes (..., source).
            before: Not used: without delays there is no history.
            delayed: Not used.
        """
        spikes = gates.spikes(spikes, who="SparseLinear", like=self.weight, width=self.weight.shape[1])
        if self.training:
            return functional.linear(spikes, self.weight)
        weight = self.weight[..., None]
        # without delays, recordings may follow each other as one
        flat = spikes.reshape(math.prod(spikes.shape[:-1]), 1, spikes.shape[-1])
        current = integer_current(flat, weight, torch.zeros_like(weight, dtype=torch.int64), delays=1)
        return current.view(*spikes.shape[:-1], len(weight))

    def run(
        self, spikes: Tensor, history: Tensor | None = None, *, delayed: str = "exact"
    ) -> tuple[Tensor, Tensor | None]:
        """Return the currents of a sequence, and no history: without delays there is none.

        Args:
            spikes: Spikes (time, ..., source).
            history: None.
            delayed: Not used.
        """
        return self(spikes, delayed=delayed), history

    @torch.no_grad()
    def constrain(self) -> None:
        """Set absent connections to 0; called after each optimizer step."""
        if self.connected is not None:
            self.weight.mul_(self.connected)
