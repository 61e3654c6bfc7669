"""What the raw passes over neurons take and return, whichever compiler they were written for.

Shapes   β, θ, scale, shift (neuron,) · valid (batch,) · grad_drive (time, batch, neuron) · grad_voltage (batch, neuron)
Names    β decay · θ threshold · drive y = scale · current + shift, at the steps that count
"""

from typing import NamedTuple

from torch import Tensor


class Neuron(NamedTuple):
    """What a population of neurons is: all but its state."""

    beta: Tensor
    threshold: Tensor
    hard: bool
    """Whether a spike resets the voltage to 0, or takes the threshold off."""
    detached: bool
    """Whether gradients skip the reset."""
    temporal: bool
    """Whether gradients pass from a step to the one before, through the voltage."""
    surrogate: str
    """A name in `snnsim.surrogate.NAMES`."""
    alpha: float


class Back(NamedTuple):
    """Gradients of everything that went into `fire`."""

    grad_drive: Tensor
    grad_scale: Tensor
    grad_shift: Tensor
    grad_beta: Tensor
    grad_threshold: Tensor
    grad_voltage: Tensor
