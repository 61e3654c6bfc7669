"""Arguments and results of the passes over neurons with two state variables, the same for the CPU and for a GPU.

Shapes   current, drive, u, s (time, batch, neuron) · v, w, mask (batch, neuron) · scale, shift, coefficients (neuron,)
         lengths (batch,)
Names    drive scale · current + shift within the lengths, 0 behind them · the others as in two_state.py
"""

from typing import NamedTuple

from torch import Tensor

from snnsim.kernels.neuron.two_state_types import Coefficients


class Inputs(NamedTuple):
    """The inputs of a pass."""

    current: Tensor
    scale: Tensor
    """Factor of the current, from the normalization."""
    shift: Tensor
    """Summand of the current, from the normalization."""
    lengths: Tensor
    """Steps of each recording, int64; later steps have no current."""
    v: Tensor
    """Before the first step."""
    w: Tensor
    mask: Tensor | None
    """Factors of the spikes, from dropout; None for 1."""


class Fired(NamedTuple):
    """The results of a pass."""

    spikes: Tensor
    """After dropout, (time, batch, neuron)."""
    membrane: Tensor | None
    """Before the reset, (time, batch, neuron); None if it was not recorded."""
    v: Tensor
    """After the last step, (batch, neuron)."""
    w: Tensor


class OutputGradients(NamedTuple):
    """The gradients of the results of a pass; None stands for 0."""

    spikes: Tensor | None
    membrane: Tensor | None
    v: Tensor | None
    w: Tensor | None


class InputGradients(NamedTuple):
    """The gradients of the inputs of a pass."""

    drive: Tensor
    v: Tensor
    w: Tensor
    scale: Tensor
    """0 unless it was asked for."""
    shift: Tensor
    coefficients: Coefficients[Tensor]
    """0 unless they were asked for."""
