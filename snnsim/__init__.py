"""snnsim: spiking networks with learnable synaptic delays."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from snnsim import compiled_cache, renamed

if TYPE_CHECKING:
    from snnsim.analysis import lz76
    from snnsim.kernels.common.counter_rng import Draws
    from snnsim.learning.rules import bptt, sltt, sltt_k
    from snnsim.learning.stdp import STDP
    from snnsim.learning.tempotron import Tempotron
    from snnsim.nn import (
        ALIF,
        LIF,
        AdLIF,
        BatchNorm,
        Conv,
        CubaLIF,
        DelayedConv,
        DelayedLinear,
        LeakyReadout,
        LevyBaxter,
        MetaNeuron,
        SecondOrder,
        SiLIF,
        SparseLinear,
        SpikingLayer,
        SpikingNetwork,
    )
    from snnsim.nn.freezing import freeze
    from snnsim.nn.meta import Recovery
    from snnsim.program import Program
    from snnsim.quantization import Scheme, prune, quantize
    from snnsim.simulation import Events, Probe, Result, Simulator, simulate
    from snnsim.surrogate import Surrogate
    from snnsim.training.fit import fit

__version__ = "0.1.0"

_HOMES = {
    "analysis": ("lz76",),
    "kernels.common.counter_rng": ("Draws",),
    "learning.rules": ("bptt", "sltt", "sltt_k"),
    "learning.stdp": ("STDP",),
    "learning.tempotron": ("Tempotron",),
    "nn": (
        "ALIF", "LIF", "AdLIF", "BatchNorm", "Conv", "CubaLIF", "DelayedConv", "DelayedLinear", "LeakyReadout",
        "LevyBaxter", "MetaNeuron", "SecondOrder", "SiLIF", "SparseLinear", "SpikingLayer", "SpikingNetwork",
    ),
    "nn.freezing": ("freeze",),
    "nn.meta": ("Recovery",),
    "program": ("Program",),
    "quantization": ("Scheme", "prune", "quantize"),
    "simulation": ("Events", "Probe", "Result", "Simulator", "simulate"),
    "surrogate": ("Surrogate",),
    "training.fit": ("fit",),
}  # fmt: skip
"""Public names by the module that they are imported from when they are asked for."""
_MODULES = {name: module for module, names in _HOMES.items() for name in names}
_SUBMODULES = (
    "allocator", "analysis", "bench", "data", "export", "kernels", "learning", "nn", "plots", "program", "quantization",
    "simulation", "surrogate", "training", "verification",
)  # fmt: skip

__all__ = [
    "ALIF",
    "LIF",
    "STDP",
    "AdLIF",
    "BatchNorm",
    "Conv",
    "CubaLIF",
    "DelayedConv",
    "DelayedLinear",
    "Draws",
    "Events",
    "LeakyReadout",
    "LevyBaxter",
    "MetaNeuron",
    "Probe",
    "Program",
    "Recovery",
    "Result",
    "Scheme",
    "SecondOrder",
    "SiLIF",
    "Simulator",
    "SparseLinear",
    "SpikingLayer",
    "SpikingNetwork",
    "Surrogate",
    "Tempotron",
    "bptt",
    "fit",
    "freeze",
    "lz76",
    "prune",
    "quantize",
    "simulate",
    "sltt",
    "sltt_k",
]

# before anything imports Numba
compiled_cache.choose()
renamed.install()


def __getattr__(name: str) -> Any:
    # torch takes a second to import, and neither the command line's help nor the modules of data need it
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
