"""What chance does in a layer: dropout, what neurons draw, and what of their inputs reaches them.

Dropout has one mask for a whole sequence, as a missing neuron is missing for good:

    result[t] = s[t] · keep        keep = 0 with probability p, else 1 / (1 − p)

Shapes   s (time, batch, ..., neuron) · keep (batch, ..., neuron)
"""

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.kernels.common.counter_rng import SEEDS, Draws


class SequenceDropout(nn.Module):
    """Drop neurons with probability `p` for a whole sequence, and scale the others by 1 / (1 − p)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        p = validation.number(p, who="SequenceDropout", name="dropout")
        if not 0 <= p < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {p}")
        self.p = p

    def forward(self, spikes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the spikes of the neurons that are kept; `generator` lives on the CPU for any device."""
        keep = self.factors(spikes, generator)
        return spikes if keep is None else spikes * keep

    # torch's compiler cannot draw for a shape that it keeps open
    @torch._disable_dynamo
    def factors(self, spikes: Tensor, generator: torch.Generator | None = None) -> Tensor | None:
        """Return what all steps of a sequence are multiplied with, (batch, ..., neuron), or None for nothing."""
        if not self.training or self.p == 0:
            return None
        mask = torch.rand(spikes.shape[1:], generator=generator) >= self.p
        return mask.to(spikes.device, spikes.dtype) / (1 - self.p)


# a seed is a number, which torch's compiler cannot keep open
@torch._disable_dynamo
def drawn(neuron: nn.Module, draws: Draws | None, generator: torch.Generator | None) -> Draws | None:
    """Return what neurons draw: what they are given; else, in training mode, what the generator says; else nothing."""
    if draws is None and neuron.training and getattr(neuron, "noisy", False):
        return Draws.of(int(torch.randint(SEEDS - 1, (), generator=generator)))
    return draws


def is_noisy(network: nn.Module) -> bool:
    """Return whether there is anything to draw in a network."""
    return any(getattr(part, "noisy", False) for part in network.modules())


def released(neuron: nn.Module, spikes: Tensor, draws: Draws | None) -> Tensor:
    """Return what of a layer's input is released to neurons for which that is left to chance, else all of it."""
    return neuron.release(spikes, draws) if hasattr(neuron, "release") else spikes
