"""Synapses: spikes in, currents out; plain, or with a learnable delay on every connection."""

from snnsim.synapses.delay import DelayedLinear
from snnsim.synapses.dense import SparseLinear

__all__ = ["DelayedLinear", "SparseLinear"]
