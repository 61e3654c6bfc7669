"""Checks that parameters are finite. A neuron whose current is NaN never fires, so the loss alone does not show it."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

ADVICE = "a smaller learning rate (--lr) or a flatter surrogate (network.neuron.surrogate_alpha) usually helps"


def total(network: nn.Module) -> Tensor:
    """Return the sum of all parameters and buffers of a network; it is finite only if all of them are finite.

    Args:
        network: Network, a module; integer buffers do not count.
    """
    return torch.stack([value.detach().sum(dtype=torch.float64) for value in _floats(network)]).sum()


def broken(state: Mapping[str, Any]) -> str | None:
    """Return the name of the first tensor with a value that is not finite, or None.

    Args:
        state: Values by name, such as the state of a module; values that are no tensors do not count.
    """
    for name, value in state.items():
        if isinstance(value, Tensor) and not bool(torch.isfinite(value).all()):
            return name
    return None


def _floats(network: nn.Module) -> list[Tensor]:
    return [value for value in (*network.parameters(), *network.buffers()) if value.is_floating_point()]


def check_validation(loss: float, epoch: int) -> None:
    """Check that the loss of the validation recordings is finite.

    Args:
        loss: The loss.
        epoch: Number of the epoch, from 1.

    Raises:
        ValueError: If it is not.
    """
    if not math.isfinite(loss):
        raise ValueError(
            f"the validation loss of epoch {epoch} is {loss}; {ADVICE}. The last checkpoint is from before"
        )
