"""Small inputs: currents in eighths, so that no spike hangs on a rounding, and random spikes."""

import torch
from torch import Tensor

STEPS, BATCH, NEURONS = 14, 3, 5


def generator(seed: int = 0) -> torch.Generator:
    """Return a generator on the CPU.

    Args:
        seed: Seed of its random numbers.
    """
    return torch.Generator().manual_seed(seed)


def eighths(*shape: int, low: int = -8, high: int = 20, seed: int = 0) -> Tensor:
    """Return random multiples of 1/8, float64.

    Args:
        *shape: Shape of the tensor.
        low: The smallest number of eighths.
        high: The end of the range of eighths, which no number reaches.
        seed: Seed of the numbers.
    """
    return torch.randint(low, high, shape, generator=generator(seed)).double() / 8


def random_spikes(*shape: int, seed: int = 0) -> Tensor:
    """Return random spikes with a probability of 0.3, float64 zeros and ones.

    Args:
        *shape: Shape of the tensor.
        seed: Seed of the spikes.
    """
    return (torch.rand(shape, generator=generator(seed)) < 0.3).double()
