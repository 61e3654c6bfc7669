"""Bundles of the passes over neurons with two state variables.

Shapes   a lane is a recording, a column a neuron of a lane: column = lane · neurons + neuron
Names    the letters are those of naive_two_state.py
"""

from typing import Generic, NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")


class Coefficients(NamedTuple, Generic[T]):
    """The numbers of the neurons, arrays or tensors (neuron,), or (column,) for the columns of a row."""

    beta: T
    threshold: T
    feedback: T
    """f."""
    gain: T
    """e."""
    sensitivity: T
    """κ."""
    rho: T
    coupling: T
    """a."""
    jump: T
    """b."""
    intake: T
    """c."""


Arrays = Coefficients[np.ndarray]


class StepOptions(NamedTuple):
    """The choices of a backward pass."""

    hard: bool
    surrogate: int
    """A code of surrogate_slopes.py."""
    alpha: float
    detached: bool
    temporal: bool


class InputArrays(NamedTuple):
    """The inputs of a pass."""

    current: np.ndarray
    """(time, column)."""
    scale: np.ndarray
    shift: np.ndarray
    lengths: np.ndarray
    """int64 (lane,)."""
    v: np.ndarray
    """Before the first step, (column,)."""
    w: np.ndarray
    mask: np.ndarray
    """(column,), or without elements for 1."""


class Outputs(NamedTuple):
    """The results of a pass."""

    spikes: np.ndarray
    membrane: np.ndarray
    """(time, column), or without elements if it is not recorded."""
    v: np.ndarray
    """After the last step, (column,)."""
    w: np.ndarray


class OutputGradients(NamedTuple):
    """The gradients of the results; arrays without elements stand for 0."""

    spikes: np.ndarray
    membrane: np.ndarray
    v: np.ndarray
    w: np.ndarray


class InputGradients(NamedTuple):
    """The gradients of the inputs, to be set."""

    drive: np.ndarray
    """(time, column)."""
    v: np.ndarray
    """(column,)."""
    w: np.ndarray
    affine: np.ndarray
    """Sums over time of the gradients of scale and shift, float64 (2, column)."""


class Trajectory(NamedTuple):
    """The steps of a block, computed again for the backward pass, (time, column of a block)."""

    u: np.ndarray
    w: np.ndarray
    """Before each step."""
