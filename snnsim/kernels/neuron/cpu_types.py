"""Bundles of arrays for the compiled passes over neurons on the CPU.

Shapes   a lane is a recording, a column a neuron of a lane: column = lane · neurons + neuron
"""

from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.counter_rng import Counter


class InputArrays(NamedTuple):
    """The inputs of a pass."""

    current: np.ndarray
    """(time, column)."""
    scale: np.ndarray
    """(neuron,)."""
    shift: np.ndarray
    """(neuron,)."""
    lengths: np.ndarray
    """int64 (lane,)."""
    voltage: np.ndarray
    """(column,), before the first step."""
    mask: np.ndarray
    """(column,), or without elements for 1."""


class Parameters(NamedTuple):
    """The parameters of neurons."""

    beta: np.ndarray
    """(neuron,), or (column,) for the columns of a block."""
    threshold: np.ndarray
    hard: bool


class NoiseArrays(NamedTuple):
    """The noise of neurons."""

    scale: np.ndarray
    """(neuron,), or (column,) for the columns of a block; without elements for neurons without noise."""
    reset_value: np.ndarray
    """Likewise; without elements for 0, unless thresholds are drawn."""
    drawn: bool
    """Whether thresholds are drawn."""


class Outputs(NamedTuple):
    """The results of a pass."""

    spikes: np.ndarray
    """(time, column)."""
    membrane: np.ndarray
    """(time, column), or without elements if it is not recorded."""
    last: np.ndarray
    """(column,)."""


class OutputGradientArrays(NamedTuple):
    """The gradients of the results; arrays without elements stand for 0."""

    spikes: np.ndarray
    membrane: np.ndarray
    last: np.ndarray


class InputGradientArrays(NamedTuple):
    """The gradients of the inputs and the parameters."""

    drive: np.ndarray
    """Gradient of y, (time, column)."""
    voltage: np.ndarray
    """Gradient of the voltage before the first step, (column,)."""
    sums: "Sums"
    """Gradients of the parameters, which are added to."""


class Options(NamedTuple):
    """The choices of a backward pass."""

    surrogate: int
    """A code of surrogate_slopes.py."""
    alpha: float
    detached: bool
    temporal: bool
    learned: bool
    """Whether the gradients of β, θ, Δ and r are computed."""
    normed: bool
    """Whether the gradients of scale and shift are computed."""


class Sums(NamedTuple):
    """The gradients of the parameters of every column, summed over time; float64 (column,) each."""

    scale: np.ndarray
    shift: np.ndarray
    beta: np.ndarray
    threshold: np.ndarray
    noise_scale: np.ndarray
    reset_value: np.ndarray


class Block(NamedTuple):
    """A block of lanes that are computed together."""

    first: int
    """Its first lane."""
    lengths: np.ndarray
    """int64 (lane of the block,)."""
    columns: slice
    counter: Counter
    """The counter of the random numbers of the whole batch."""


class Trajectory(NamedTuple):
    """The steps of a block, computed again for the backward pass."""

    membrane: np.ndarray
    """u (time, column of a block), of which a smaller block uses the first columns."""
    level: np.ndarray
    """Likewise the noisy threshold; one row stands for all steps where nothing is drawn."""


class StepArrays(NamedTuple):
    """One step of a block in the backward pass, (column of the block,) each."""

    slope: np.ndarray
    """h, of the surrogate or of the probability, at u − θ."""
    membrane: np.ndarray
    level: np.ndarray
    grad_voltage: np.ndarray
    """Gradient of the voltage after the step."""
    grad_spikes: np.ndarray
    """Gradient of the spikes after dropout."""
    factor: np.ndarray
    """Factors of the spikes, from dropout."""
