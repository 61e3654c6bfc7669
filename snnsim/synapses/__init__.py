"""Synapses: spikes in, currents out; plain or convolutional, or with a learnable delay on every connection."""

from snnsim.synapses.conv import Conv, DelayedConv
from snnsim.synapses.delay import DelayedLinear
from snnsim.synapses.dense import SparseLinear

__all__ = ["Conv", "DelayedConv", "DelayedLinear", "SparseLinear"]
