"""Arguments and results of the passes over neurons, the same for the CPU and for a GPU.

Shapes   β, θ, Δ, r, scale, shift (neuron,) · lengths (batch,) · current, drive (time, batch, neuron)
         voltage, mask (batch, neuron)
Names    β decay · θ threshold · Δ scale of the noise · r voltage after a reset
         drive y = scale · current + shift within the lengths, 0 behind them
"""

from typing import NamedTuple

from torch import Tensor

from snnsim.kernels.common.counter_rng import Draws


class Noise(NamedTuple):
    """The noise of a population; gradients pass straight through the draws, see cpu_noise.py."""

    scale: Tensor
    """Δ; without elements for neurons that are not stochastic."""
    reset_value: Tensor
    """r, added to the voltage after a reset; without elements for 0."""
    draws: Draws | None
    """The counter of the draws; without one, a neuron fires where its probability is at least one half."""


class Neuron(NamedTuple):
    """The parameters of a population: everything but its state."""

    beta: Tensor
    threshold: Tensor
    hard: bool
    """Whether a spike resets the voltage to 0; otherwise the threshold is subtracted."""
    detached: bool
    """Whether gradients skip the reset."""
    temporal: bool
    """Whether gradients pass from a step to the step before, through the voltage."""
    surrogate: str
    """A name in `snnsim.surrogate.NAMES`."""
    alpha: float
    noise: Noise | None = None


class Inputs(NamedTuple):
    """The inputs of a pass."""

    current: Tensor
    scale: Tensor
    """Factor of the current, from the normalization."""
    shift: Tensor
    """Summand of the current, from the normalization."""
    lengths: Tensor
    """Steps of each recording, int64; later steps have no current."""
    voltage: Tensor
    """Voltage before the first step."""
    mask: Tensor | None
    """Factors of the spikes, from dropout; None for 1."""


class Fired(NamedTuple):
    """The results of a pass."""

    spikes: Tensor
    """After dropout, (time, batch, neuron)."""
    membrane: Tensor | None
    """Before the reset, (time, batch, neuron); None if it was not recorded."""
    last: Tensor
    """Voltage after the last step, (batch, neuron)."""


class OutputGradients(NamedTuple):
    """The gradients of the results of a pass; None stands for 0."""

    spikes: Tensor | None
    membrane: Tensor | None
    last: Tensor | None


class InputGradients(NamedTuple):
    """The gradients of the inputs and the parameters of a pass."""

    drive: Tensor
    scale: Tensor
    shift: Tensor
    beta: Tensor
    threshold: Tensor
    voltage: Tensor
    noise_scale: Tensor | None = None
    reset_value: Tensor | None = None
