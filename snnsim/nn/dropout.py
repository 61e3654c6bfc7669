"""Randomness in a layer: dropout, and the random counters of stochastic neurons.

Dropout has one mask for a whole sequence, as a missing neuron is missing for good:

    result[t] = s[t] · mask        mask = 0 with probability p, else 1 / (1 − p)

Shapes   s (time, batch, ..., neuron) · mask (batch, ..., neuron)
"""

from typing import Any

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.kernels.common.counter_rng import SEEDS, Draws
from snnsim.nn.protocols import Neuron
from snnsim.renamed import OldName


class SequenceDropout(nn.Module):
    """Drop neurons with probability `p` for a whole sequence, and scale the others by 1 / (1 − p).

    Args:
        p: Probability, at least 0 and below 1.

    Raises:
        ValueError: If the probability is out of its range.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        p = validation.number(p, who="SequenceDropout", name="dropout")
        if not 0 <= p < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {p}")
        self.p = p

    def forward(self, spikes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the spikes after dropout.

        Args:
            spikes: Spikes (time, batch, ..., neuron).
            generator: Source of the mask, on the CPU for any device; None for torch's default one.
        """
        mask = self.mask(spikes, generator)
        return spikes if mask is None else spikes * mask

    # torch's compiler cannot draw for a dynamic shape
    @torch._disable_dynamo  # type: ignore[attr-defined]
    def mask(self, spikes: Tensor, generator: torch.Generator | None = None) -> Tensor | None:
        """Return the dropout mask of a sequence of spikes, (batch, ..., neuron); None without dropout.

        Args:
            spikes: Spikes (time, batch, ..., neuron), whose shape, type and device count.
            generator: Source of the mask, on the CPU for any device; None for torch's default one.
        """
        if not self.training or self.p == 0:
            return None
        active = torch.rand(spikes.shape[1:], generator=generator) >= self.p
        return active.to(spikes.device, spikes.dtype) / (1 - self.p)

    factors = OldName("mask")


# torch's compiler would compile anew for every seed
@torch._disable_dynamo  # type: ignore[attr-defined]
def neuron_draws(neuron: Neuron[Any], draws: Draws | None, generator: torch.Generator | None) -> Draws | None:
    """Return the random counter of a layer's neurons.

    Args:
        neuron: The neurons.
        draws: A random counter, which is returned, or None.
        generator: Generator of a counter for stochastic neurons in training mode; None for torch's own.
    """
    if draws is None and neuron.training and neuron.is_stochastic:
        return Draws.of(int(torch.randint(SEEDS - 1, (), generator=generator)))
    return draws


def is_stochastic(network: nn.Module) -> bool:
    """Return whether a network has stochastic neurons.

    Args:
        network: Module with neurons at any depth.
    """
    return any(isinstance(part, Neuron) and part.is_stochastic for part in network.modules())
