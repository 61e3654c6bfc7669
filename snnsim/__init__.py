"""snnsim: spiking networks with learnable synaptic delays."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from snnsim import compiled_cache

if TYPE_CHECKING:
    from snnsim.analysis import lz76
    from snnsim.freezing import freeze
    from snnsim.kernels.draws import Draws
    from snnsim.layer import SpikingLayer
    from snnsim.network import SpikingNetwork
    from snnsim.neurons import LIF, LeakyReadout, LevyBaxter, MetaNeuron, SecondOrder
    from snnsim.normalisation import BatchNorm
    from snnsim.program import Program
    from snnsim.quantization import prune, quantize
    from snnsim.simulation import Events, simulate
    from snnsim.surrogate import Surrogate
    from snnsim.synapses import Conv, DelayedConv, DelayedLinear, SparseLinear

__version__ = "0.1.0"

__all__ = [
    "LIF",
    "BatchNorm",
    "Conv",
    "DelayedConv",
    "DelayedLinear",
    "Draws",
    "Events",
    "LeakyReadout",
    "LevyBaxter",
    "MetaNeuron",
    "Program",
    "SecondOrder",
    "SparseLinear",
    "SpikingLayer",
    "SpikingNetwork",
    "Surrogate",
    "freeze",
    "lz76",
    "prune",
    "quantize",
    "simulate",
]

_ROOMS = {
    "LIF": "neurons",
    "Draws": "kernels.draws",
    "LeakyReadout": "neurons",
    "LevyBaxter": "neurons",
    "MetaNeuron": "neurons",
    "SecondOrder": "neurons",
    "BatchNorm": "normalisation",
    "Conv": "synapses",
    "DelayedConv": "synapses",
    "DelayedLinear": "synapses",
    "SparseLinear": "synapses",
    "SpikingLayer": "layer",
    "SpikingNetwork": "network",
    "Surrogate": "surrogate",
    "Program": "program",
    "Events": "simulation",
    "freeze": "freezing",
    "lz76": "analysis",
    "prune": "quantization",
    "quantize": "quantization",
    "simulate": "simulation",
}

# before anything imports Numba
compiled_cache.choose()


def __getattr__(name: str) -> Any:
    # torch takes a second to import, and neither the command line's help nor the data rooms need it
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
