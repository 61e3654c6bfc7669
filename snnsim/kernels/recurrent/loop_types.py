"""Bundles of the compiled loops over steps.

Numba's parallel loops take no tuples within tuples, so the coefficients of the neurons are an argument of their own.

Shapes   a lane is a recording, a column a neuron of a lane: column = lane · neurons + neuron
"""

from typing import NamedTuple

import numpy as np
from torch import Tensor


class LoopArrays(NamedTuple):
    """The arrays of a forward pass."""

    total: np.ndarray
    """The currents, to which the recurrent ones are added, (time, column)."""
    mask: np.ndarray
    """Factors of the recurrent current, (column,)."""
    v: np.ndarray
    """(column,), which changes from the state before the first step to that after the last one."""
    w: np.ndarray
    spikes: np.ndarray
    """To be set, (time, column)."""


class Looped(NamedTuple):
    """The results of a loop."""

    spikes: Tensor
    """(time, batch, neuron)."""
    v: Tensor
    """After the last step, (batch, neuron)."""
    w: Tensor


class BackArrays(NamedTuple):
    """The arrays of a backward pass."""

    total: np.ndarray
    """The currents with the recurrent ones, (time, column)."""
    u: np.ndarray
    """Membranes, (time, column)."""
    w: np.ndarray
    """The second variable before each step, (time, column)."""
    mask: np.ndarray
    spikes: np.ndarray
    """Gradient of the spikes without the paths through the loop, (time, column)."""
    error: np.ndarray
    """Gradient of the currents, to be set, (time, column)."""
    dv: np.ndarray
    """(column,), which changes from the gradient of the last state to that of the first one."""
    dw: np.ndarray
    du: np.ndarray
    """Gradient of the membrane of the step after, which changes to that of the first step, (column,)."""


class Delivery(NamedTuple):
    """The way from spikes to currents by a filter of every channel and a product, or from errors to spikes."""

    window: np.ndarray
    """(tap, delay, channel), channels with a margin; index 0 is a delay of one step."""
    weight: np.ndarray
    """The matrices in panels, (tap, panel · terms · lane), terms and lanes with a margin."""
    rows: np.ndarray
    """The matrices, (tap, term, column), for events."""
    filters_first: bool
    """Whether the filter comes before the product."""
    lanes: int
    """Number of lanes that are computed together."""
