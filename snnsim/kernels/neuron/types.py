"""What the raw passes over neurons take and return, whichever compiler they were written for.

Shapes   β, θ, Δ, r, scale, shift (neuron,) · valid (batch,) · grad_drive (time, batch, neuron)
         grad_voltage (batch, neuron)
Names    β decay · θ threshold · Δ width of the noise · r where the voltage begins after a spike
         drive y = scale · current + shift, at the steps that count
"""

from typing import NamedTuple

from torch import Tensor

from snnsim.kernels.common.counter_rng import Draws


class Noise(NamedTuple):
    """What is random about a population; the gradient passes straight through the draws, see cpu_noise.py."""

    width: Tensor
    back: Tensor
    """Added to the voltage after a reset."""
    draws: Draws | None
    """None fires where it is at least as likely as not."""


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
    noise: Noise | None = None


class Back(NamedTuple):
    """Gradients of everything that went into `fire`."""

    grad_drive: Tensor
    grad_scale: Tensor
    grad_shift: Tensor
    grad_beta: Tensor
    grad_threshold: Tensor
    grad_voltage: Tensor
    grad_width: Tensor | None = None
    grad_back: Tensor | None = None
