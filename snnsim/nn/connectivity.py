"""Initial weights and absent connections, as all synapses draw them."""

import math

import torch
from torch import Tensor

from snnsim.validation import integer, number


def kaiming_weights(shape: tuple[int, ...], *, fan_in: int, generator: torch.Generator | None) -> Tensor:
    """Return weights drawn uniformly from ± √(6 / fan_in) (He et al. 2015, for rectifiers).

    Args:
        shape: Shape of the result, such as (target, source, tap).
        fan_in: Number of weights of a target; the more there are, the smaller they are.
        generator: Source of the random numbers; None for torch's default one.
    """
    bound = math.sqrt(6.0 / max(1, fan_in))
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def random_connections(shape: tuple[int, ...], *, sparsity: float, generator: torch.Generator | None) -> Tensor | None:
    """Return a mask of the connections that exist, or None if all of them do.

    Args:
        shape: Shape of the weights.
        sparsity: Share of the connections that are absent, at least 0 and below 1.
        generator: Generator of the absent connections.

    Raises:
        ValueError: If the share is out of its range.
    """
    if not 0 <= number(sparsity, who="synapse", name="sparsity") < 1:
        raise ValueError(
            f"sparsity must be at least 0 and below 1, not {sparsity}; it is the share of connections left out"
        )
    if sparsity == 0:
        return None
    return torch.rand(shape, generator=generator) >= sparsity


def check_features(who: str, in_features: int, out_features: int) -> None:
    """Check that both numbers of neurons are positive integers.

    Args:
        who: Name of the class that was called, for the message.
        in_features: Number of sources.
        out_features: Number of targets.

    Raises:
        ValueError: If one of them is below 1.
    """
    for name, count in (("in_features", in_features), ("out_features", out_features)):
        integer(count, who=who, name=name, at_most=2**31)
    if in_features < 1 or out_features < 1:
        raise ValueError(f"{who}: a layer needs at least one neuron on each side, not {in_features} -> {out_features}")
