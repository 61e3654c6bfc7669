"""Randomness in a layer: dropout, and the random counters of stochastic neurons.

Dropout has one mask for a whole sequence, as a missing neuron is missing for good, or a new one in every step:

    result[t] = s[t] · mask             mask = 0 with probability p, else 1 / (1 − p)
    result[t] = s[t] · mask[t]          the numbers of mask[t] are those of a counter, for any chunks of the sequence

Shapes   s (time, batch, ..., neuron) · mask (batch, ..., neuron)
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.kernels.common.counter_rng import SEEDS, Draws
from snnsim.kernels.common.step_masks import below
from snnsim.nn.protocols import Neuron
from snnsim.renamed import OldName


class SequenceDropout(nn.Module):
    """Drop neurons with probability `p` for a whole sequence or a step, and scale the others by 1 / (1 − p).

    Args:
        p: Probability, at least 0 and below 1.
        per_step: Whether every step has a mask of its own.

    Raises:
        ValueError: If the probability is out of its range.
    """

    def __init__(self, p: float, *, per_step: bool = False) -> None:
        super().__init__()
        p = validation.number(p, who="SequenceDropout", name="dropout")
        if not 0 <= p < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {p}")
        self.p = p
        self.per_step = per_step

    def forward(self, spikes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the spikes after dropout.

        Args:
            spikes: Spikes (time, batch, ..., neuron).
            generator: Source of the mask, on the CPU for any device; None for torch's default one.
        """
        if self.per_step:
            return self.of_steps(spikes, self.counter(generator))
        mask = self.mask(spikes, generator)
        return spikes if mask is None else spikes * mask

    # torch's compiler would compile anew for every seed
    @torch._disable_dynamo  # type: ignore[attr-defined]
    def counter(self, generator: torch.Generator | None) -> Draws | None:
        """Return the random counter of a sequence with masks of steps; None without such masks.

        Args:
            generator: Source of the counter's seed; None for torch's default one.
        """
        if not self.per_step or not self.training or self.p == 0:
            return None
        return Draws.of(int(torch.randint(SEEDS - 1, (), generator=generator)))

    @torch._disable_dynamo  # type: ignore[attr-defined]
    def of_steps(self, spikes: Tensor, counter: Draws | None) -> Tensor:
        """Return the spikes after dropout with a new mask in every step.

        Args:
            spikes: Spikes of a sequence or a chunk of one, (time, batch, ..., neuron).
            counter: Random counter of the first of these steps; None returns the spikes.
        """
        if counter is None:
            return spikes
        dropped = torch.from_numpy(below(counter, self.p, len(spikes), math.prod(spikes.shape[1:-1]), spikes.shape[-1]))
        return spikes.masked_fill(dropped.view(spikes.shape).to(spikes.device), 0) * (1 / (1 - self.p))

    # torch's compiler cannot draw for a dynamic shape
    @torch._disable_dynamo  # type: ignore[attr-defined]
    def mask(self, spikes: Tensor, generator: torch.Generator | None = None) -> Tensor | None:
        """Return the dropout mask of a sequence of spikes, (batch, ..., neuron); None without one.

        Args:
            spikes: Spikes (time, batch, ..., neuron), whose shape, type and device count.
            generator: Source of the mask, on the CPU for any device; None for torch's default one.
        """
        if not self.training or self.p == 0 or self.per_step:
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
