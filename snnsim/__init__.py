"""snnsim: spiking networks with learnable synaptic delays."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from snnsim import compiled_cache, renamed

if TYPE_CHECKING:
    # for type checkers alone; a test compares these imports with _NAMES
    from snnsim.analysis import lz76 as lz76
    from snnsim.interoperability import from_snntorch as from_snntorch
    from snnsim.interoperability import from_spikingjelly as from_spikingjelly
    from snnsim.kernels.common.counter_rng import Draws as Draws
    from snnsim.learning.rules import bptt as bptt
    from snnsim.learning.rules import sltt as sltt
    from snnsim.learning.rules import sltt_k as sltt_k
    from snnsim.learning.stdp import STDP as STDP
    from snnsim.learning.tasks import Heads as Heads
    from snnsim.learning.tasks import RecordingClass as RecordingClass
    from snnsim.learning.tasks import RecordingRegression as RecordingRegression
    from snnsim.learning.tasks import StepClass as StepClass
    from snnsim.learning.tasks import StepRegression as StepRegression
    from snnsim.learning.tempotron import Tempotron as Tempotron
    from snnsim.nn import ALIF as ALIF
    from snnsim.nn import LIF as LIF
    from snnsim.nn import AdLIF as AdLIF
    from snnsim.nn import BatchNorm as BatchNorm
    from snnsim.nn import Conv as Conv
    from snnsim.nn import CubaLIF as CubaLIF
    from snnsim.nn import DelayedConv as DelayedConv
    from snnsim.nn import DelayedLinear as DelayedLinear
    from snnsim.nn import LeakyReadout as LeakyReadout
    from snnsim.nn import LevyBaxter as LevyBaxter
    from snnsim.nn import MetaNeuron as MetaNeuron
    from snnsim.nn import SecondOrder as SecondOrder
    from snnsim.nn import SiLIF as SiLIF
    from snnsim.nn import SparseLinear as SparseLinear
    from snnsim.nn import SpikingLayer as SpikingLayer
    from snnsim.nn import SpikingNetwork as SpikingNetwork
    from snnsim.nn.freezing import freeze as freeze
    from snnsim.nn.meta import Recovery as Recovery
    from snnsim.program import Program as Program
    from snnsim.quantization import Scheme as Scheme
    from snnsim.quantization import prune as prune
    from snnsim.quantization.quantize import quantize as quantize
    from snnsim.simulation import Events as Events
    from snnsim.simulation import Probe as Probe
    from snnsim.simulation import Result as Result
    from snnsim.simulation import Simulator as Simulator
    from snnsim.simulation import simulate as simulate
    from snnsim.surrogate import Surrogate as Surrogate
    from snnsim.training.fit import fit as fit

__version__ = "0.1.0"

_NAMES = {
    "analysis": ("lz76",),
    "interoperability": ("from_snntorch", "from_spikingjelly"),
    "kernels.common.counter_rng": ("Draws",),
    "learning.rules": ("bptt", "sltt", "sltt_k"),
    "learning.stdp": ("STDP",),
    "learning.tasks": ("Heads", "RecordingClass", "RecordingRegression", "StepClass", "StepRegression"),
    "learning.tempotron": ("Tempotron",),
    "nn": (
        "ALIF", "LIF", "AdLIF", "BatchNorm", "Conv", "CubaLIF", "DelayedConv", "DelayedLinear", "LeakyReadout",
        "LevyBaxter", "MetaNeuron", "SecondOrder", "SiLIF", "SparseLinear", "SpikingLayer", "SpikingNetwork",
    ),
    "nn.freezing": ("freeze",),
    "nn.meta": ("Recovery",),
    "program": ("Program",),
    "quantization": ("Scheme", "prune"),
    "quantization.quantize": ("quantize",),
    "simulation": ("Events", "Probe", "Result", "Simulator", "simulate"),
    "surrogate": ("Surrogate",),
    "training.fit": ("fit",),
}  # fmt: skip
"""Public names by the module that defines them; the module is imported at the first access."""
_MODULES = {name: module for module, names in _NAMES.items() for name in names}
_SUBMODULES = (
    "allocator", "analysis", "bench", "data", "export", "interoperability", "kernels", "learning", "nn", "plots",
    "program", "quantization", "simulation", "surrogate", "testing", "training", "verification",
)  # fmt: skip
"""Modules that are attributes of the package after `import snnsim`."""

__all__ = sorted(_MODULES)

# before anything imports Numba
compiled_cache.choose()
renamed.install()


def __getattr__(name: str) -> Any:
    # torch takes a second to import, and help and data need no torch
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
