"""snnsim: spiking networks with learnable synaptic delays."""

from snnsim.network import SpikingLayer, SpikingNetwork
from snnsim.neurons import LIF, LeakyReadout
from snnsim.normalisation import BatchNorm
from snnsim.surrogate import Surrogate
from snnsim.synapses import DelayedLinear, SparseLinear

__version__ = "0.1.0"

__all__ = [
    "LIF",
    "BatchNorm",
    "DelayedLinear",
    "LeakyReadout",
    "SparseLinear",
    "SpikingLayer",
    "SpikingNetwork",
    "Surrogate",
]
