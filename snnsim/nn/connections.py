"""The connections of a synapse, for simulators and chips: single ones, or those of a kernel that a field shares.

    I[t, post] += weight · s[t − delay, pre]      one row for every weight that is not 0

A pooled neuron is the mean of pool² neurons. A convolution behind pooling is one over the neurons themselves, with
pool · pool entries of weight / pool² for each weight, and with the stride `pool`.

Shapes   pre, post, delay, weight (connection,) · channels, row, column, delay, weight (entry,)
Units    delay in steps, the integer delays of evaluation
"""

from typing import NamedTuple

import numpy as np
from torch import nn

from snnsim.nn.conv import Conv, DelayedConv
from snnsim.nn.delayed_linear import DelayedLinear
from snnsim.nn.linear import SparseLinear
from snnsim.nn.patches import Patches
from snnsim.program import ConvEdge, Edge, Geometry


class Connections(NamedTuple):
    """Single connections, in no order, and the number of neurons on each side."""

    pre: np.ndarray
    post: np.ndarray
    delay: np.ndarray
    weight: np.ndarray
    sources: int
    targets: int

    def edge(self, source: str, target: str, scale: np.ndarray) -> Edge:
        """Return the edge of the connections.

        Args:
            source: Name of the source.
            target: Name of the target.
            scale: Factor of the weights of each target (target,).
        """
        synapses = self.pre, self.post, self.delay, self.weight * scale[self.post]
        return Edge.of(source, target, synapses, sources=self.sources)


class Kernel(NamedTuple):
    """The entries of a kernel, in no order, and the fields that share it."""

    first: np.ndarray
    """Channel of the source."""
    channel: np.ndarray
    """Channel of the target."""
    row: np.ndarray
    column: np.ndarray
    delay: np.ndarray
    weight: np.ndarray
    geometry: Geometry

    @property
    def sources(self) -> int:
        """Number of source neurons."""
        return self.geometry.source.size

    @property
    def targets(self) -> int:
        """Number of target neurons."""
        return self.geometry.target.size

    def edge(self, source: str, target: str, scale: np.ndarray) -> Edge | ConvEdge:
        """Return the edge of the kernel; one of single synapses where the positions of a channel have other factors.

        Args:
            source: Name of the source.
            target: Name of the target.
            scale: Factor of the weights of each target (target,).
        """
        by_channel = scale.reshape(-1, self.geometry.target.channels)
        shared = bool((by_channel == by_channel[0]).all())
        weight = self.weight * by_channel[0][self.channel] if shared else self.weight
        entries = self.first, self.channel, self.row, self.column, self.delay, weight
        edge = ConvEdge.of(source, target, entries, geometry=self.geometry)
        if shared:
            return edge
        single = edge.unrolled()
        synapses = single.pre(), single.post, single.delay, single.weight * scale[single.post]
        return Edge.of(source, target, synapses, sources=self.sources)


def connections(synapse: nn.Module) -> Connections | Kernel | None:
    """Return the connections of a synapse of snnsim.nn, or None for any other module.

    Args:
        synapse: Synapse, such as a DelayedLinear or a Conv; rounded delays of evaluation count, in any mode.
    """
    if not isinstance(synapse, Conv | DelayedConv | DelayedLinear | SparseLinear):
        return None
    delayed = synapse.connections if isinstance(synapse, DelayedConv) else synapse
    # as (target, source, tap), a weight without delays having one tap
    weight = synapse.weight.detach().cpu().numpy()
    if not isinstance(delayed, DelayedLinear):
        weight = weight.reshape(len(weight), -1, 1)
    delay = np.zeros(weight.shape, np.int64)
    if isinstance(delayed, DelayedLinear):
        delay = delayed.integer_delay().cpu().numpy()
    if isinstance(synapse, Conv | DelayedConv):
        return _kernel(synapse.patches, weight, delay)
    # absent connections have a weight of 0
    post, pre, tap = np.nonzero(weight)
    return Connections(pre, post, delay[post, pre, tap], weight[post, pre, tap], weight.shape[1], len(weight))


def _kernel(patches: Patches, weight: np.ndarray, delay: np.ndarray) -> Kernel:
    """Return the entries of kernels (channel, element, tap), with one for each neuron of a pooled one."""
    pool, shape = patches.pool, (len(weight), patches.field.channels, *patches.kernel, -1)
    channel, first, row, column, tap = np.nonzero(weight.reshape(shape))
    present = channel, first, row, column, tap
    values = (weight / pool**2).reshape(shape)[present], delay.reshape(shape)[present]
    # (entry, row of a square, column of a square)
    down, across = np.ogrid[:pool, :pool]
    rows, columns = row[:, None, None] * pool + down, column[:, None, None] * pool + across
    each = (channel, first, rows, columns, *values)
    channel, first, rows, columns, weights, delays = (
        np.broadcast_to(part if part.ndim == 3 else part[:, None, None], (len(tap), pool, pool)).ravel()
        for part in each
    )
    padding = patches.padding[0] * pool, patches.padding[1] * pool
    stride = (pool * patches.stride,) * 2
    geometry = Geometry(patches.field, patches.into(len(weight)), stride, padding)
    return Kernel(first, channel, rows, columns, delays, weights, geometry)
