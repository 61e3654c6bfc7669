"""The single connections of a synapse, for simulators and chips: convolutions are unrolled.

    I[t, post] += weight · s[t − delay, pre]      one row for every weight that is not 0

A pooled neuron is the mean of pool² neurons, so each of these has its own connection, of the weight divided by pool².

Shapes   pre, post, delay, weight (connection,) · delay in steps, the integer delays of evaluation
"""

from typing import NamedTuple

import numpy as np
from torch import nn

from snnsim.nn.conv import Conv, DelayedConv
from snnsim.nn.delayed_linear import DelayedLinear
from snnsim.nn.linear import SparseLinear


class Connections(NamedTuple):
    """Single connections, in no order, and the number of neurons on each side."""

    pre: np.ndarray
    post: np.ndarray
    delay: np.ndarray
    weight: np.ndarray
    sources: int
    targets: int


def connections(synapse: nn.Module) -> Connections | None:
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
        return _unrolled(synapse, weight, delay)
    # absent connections have a weight of 0
    post, pre, tap = np.nonzero(weight)
    return Connections(pre, post, delay[post, pre, tap], weight[post, pre, tap], weight.shape[1], len(weight))


def _unrolled(synapse: Conv | DelayedConv, weight: np.ndarray, delay: np.ndarray) -> Connections:
    """Return the connections of kernels (channel, element, tap) at every pixel."""
    members = synapse.patches.members().numpy()
    pixel, element, member = np.nonzero(members >= 0)
    pre, channels = members[pixel, element, member], len(weight)
    # (tap, channel, member of an element of a patch)
    values, steps = (part.transpose(2, 0, 1)[..., element] for part in (weight / synapse.patches.pool**2, delay))
    tap, channel, row = np.nonzero(values)
    post = pixel[row] * channels + channel
    sources, targets = synapse.patches.field.size, synapse.into.size
    return Connections(pre[row], post, steps[tap, channel, row], values[tap, channel, row], sources, targets)
