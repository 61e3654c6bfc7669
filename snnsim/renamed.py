"""Old names of modules, functions and classes. Each gives the object of today, with a DeprecationWarning.

The old names work for one release. The package itself uses none of them.
"""

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

MODULES = {
    "bench.comparing": "bench.compare",
    "bench.frame": "bench.baseline_network",
    "bench.fresh": "bench.isolated",
    "bench.peers": "bench.baselines",
    "bench.steps": "bench.train_step",
    "bench.turns": "bench.timing",
    "chance": "nn.dropout",
    "credit": "gradient_paths",
    "data.catalogue": "data.registry",
    "data.disturbed": "data.perturb",
    "data.events": "data.recordings",
    "data.hidden": "data.synthetic.embedded_pattern",
    "data.images": "data.synthetic.optical_digits",
    "data.made": "data.synthetic.files",
    "data.motifs": "data.synthetic.motifs",
    "data.patterns": "data.synthetic.moving_dots",
    "data.speech.batch": "data.speech.parallel_encoding",
    "data.speech.digits": "data.synthetic.spoken_digits",
    "data.speech.encode": "data.speech.audio_files",
    "data.speech.formant": "data.speech.synthesizer",
    "data.speech.membrane": "data.speech.basilar_membrane",
    "data.speech.voices": "data.speech.phonemes",
    "data.trains": "data.synthetic.point_processes",
    "experiment.evaluating": "experiment.evaluate_run",
    "experiment.parts": "experiment.build",
    "experiment.pictures": "experiment.plot_run",
    "experiment.runs": "experiment.train_run",
    "experiment.sources": "experiment.datasets",
    "export.bias_channel": "export.bias_channels",
    "export.bias_relays": "export.bias_channels",
    "export.c_golden": "export.c.golden",
    "export.c_layout": "export.c.layout",
    "export.clock": "export.bias_channels",
    "export.dequantize": "quantization.dequantize",
    "export.floats": "quantization.dequantize",
    "export.identifiers": "export.common",
    "export.loihi2": "export.loihi",
    "export.names": "export.common",
    "export.netx": "export.loihi",
    "export.nir.cells": "export.nir.neurons",
    "export.nir.files": "export.nir.hdf5",
    "export.nir.flat": "export.nir.graph",
    "export.nir.foreign": "export.nir.import_graph",
    "export.nir.order": "export.nir.graph",
    "export.nir.reading": "export.nir.read",
    "export.nir.scaling": "export.nir.neurons",
    "export.nir.writing": "export.nir.write",
    "export.plain": "export.arrays",
    "export.pynn.reading": "export.pynn.read",
    "export.pynn.writing": "export.pynn.write",
    "export.relays": "export.bias_channels",
    "export.sonata_foreign": "export.sonata.import_network",
    "export.sonata_reading": "export.sonata.read",
    "export.xylo_rules": "export.xylo.rules",
    "freezing": "nn.freezing",
    "kernels.blocked": "kernels.delay.overlap_save",
    "kernels.choice": "kernels.common.dispatch",
    "kernels.delayed": "kernels.delay.currents",
    "kernels.draws": "kernels.common.counter_rng",
    "kernels.elementary": "kernels.common.portable_math",
    "kernels.events": "kernels.simulate.clock_driven",
    "kernels.fourier": "kernels.delay.fft",
    "kernels.gates": "kernels.common.gates",
    "kernels.integer_delays": "kernels.delay.integer_delays",
    "kernels.memory": "kernels.common.buffers",
    "kernels.numba_gauss": "kernels.delay.gauss_window",
    "kernels.numba_integer_delays": "kernels.delay.cpu_integer_delays",
    "kernels.numba_noise": "kernels.neuron.cpu_noise",
    "kernels.numba_rows": "kernels.neuron.cpu_steps",
    "kernels.numba_spiking": "kernels.neuron.cpu",
    "kernels.packing": "kernels.delay.bitpack",
    "kernels.potentials": "kernels.plasticity.psp",
    "kernels.prefetch": "kernels.common.prefetch",
    "kernels.products": "kernels.delay.complex_gemm",
    "kernels.slopes": "kernels.neuron.surrogate_slopes",
    "kernels.spectra": "kernels.delay.windowed_fft",
    "kernels.spiking": "kernels.neuron.autograd",
    "kernels.spiking_types": "kernels.neuron.types",
    "kernels.tempotron": "kernels.plasticity.tempotron",
    "kernels.threads": "kernels.common.threads",
    "kernels.tile": "kernels.delay.gemm_microkernel",
    "kernels.touched": "kernels.simulate.event_driven",
    "kernels.triton_lanes": "kernels.neuron.gpu_kernels",
    "kernels.triton_spiking": "kernels.neuron.gpu",
    "layer": "nn.layer",
    "learning.anneal": "learning.sigma_schedule",
    "learning.plastic": "learning.stdp_layer",
    "learning.score": "learning.reinforce",
    "learning.straight_through": "learning.qat",
    "learning.streaming": "learning.chunked",
    "memory": "peak_memory",
    "network": "nn.network",
    "neurons": "nn",
    "neurons.decay": "nn.decay",
    "neurons.learned": "nn.parameters",
    "neurons.levy_baxter": "nn.levy_baxter",
    "neurons.lif": "nn.lif",
    "neurons.meta": "nn.meta",
    "neurons.passes": "nn.neuron_state",
    "neurons.readout": "nn.readout",
    "neurons.second_order": "nn.second_order",
    "normalisation": "nn.batch_norm",
    "program.facts": "program.summary",
    "program.fixed": "program.fixed_point",
    "program.rows": "program.arrays",
    "program.stored": "program.storage",
    "settings": "nn.settings",
    "simulation.compiled": "simulation.lowering",
    "synapses": "nn",
    "synapses.connections": "nn.connections",
    "synapses.connectivity": "nn.connectivity",
    "synapses.conv": "nn.conv",
    "synapses.delay": "nn.delayed_linear",
    "synapses.dense": "nn.linear",
    "synapses.fields": "nn.patches",
    "synapses.gauss": "nn.gauss_kernel",
    "synapses.windows": "nn.delay_windows",
    "training.folder": "training.run_folder",
    "training.interrupt": "training.signals",
    "training.loop": "training.trainer",
    "training.optimisers": "training.optimizers",
    "training.parallel": "training.distributed",
    "values": "schema",
    "verification.consumers_table": "verification.backends",
    "verification.differences": "verification.compare",
    "verification.made": "verification.networks",
}
"""Name of a module by its old name, both relative to `snnsim`."""


class _Renamed(MetaPathFinder, Loader):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        return ModuleSpec(fullname, self) if package == "snnsim" and name in MODULES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        name = f"snnsim.{MODULES[spec.name.partition('.')[2]]}"
        warnings.warn(f"{spec.name} is now {name}; import that", DeprecationWarning, stacklevel=2)
        module = import_module(name)
        # the import system replaces the spec of the module; exec_module restores it
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own


def install() -> None:
    """Make the old names of modules importable."""
    sys.meta_path.insert(0, _Renamed())


def property_(old: str, new: str) -> property:
    """Return a property that reads an attribute by its old name.

    Args:
        old: The old name, for the warning.
        new: The name of today.
    """

    def read(self: Any) -> Any:
        warnings.warn(f"{type(self).__name__}.{old} is now {new}", DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    return property(read, doc=f"The old name of `{new}`.")


def attributes(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a `__getattr__` for a module with renamed functions and classes.

    Args:
        module: Name of the module, `__name__`.
        names: The name of today by the old name.

    Returns:
        The function, which raises AttributeError for a name that is neither old nor new.
    """

    def getattr_(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(f"{module}.{name} is now {module}.{names[name]}", DeprecationWarning, stacklevel=2)
        return getattr(import_module(module), names[name])

    return getattr_


class OldName:
    """An old name of an attribute or method, in the body of a class: reading it warns, and gives the one of today.

    Args:
        new: Name of the attribute or method of today, in the same class.
    """

    def __init__(self, new: str) -> None:
        self.new = new

    def __set_name__(self, owner: type, name: str) -> None:
        self.old = name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        kind = type(instance).__name__
        warnings.warn(f"{kind}.{self.old} is now {kind}.{self.new}", DeprecationWarning, stacklevel=2)
        return getattr(instance, self.new)


def keywords(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator under which a function still takes old names of keywords.

    Args:
        **names: The name of today by the old name.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **values: P.kwargs) -> R:
            for old in names.keys() & values.keys():
                message = f"{function.__qualname__}: the keyword {old} is now {names[old]}"
                warnings.warn(message, DeprecationWarning, stacklevel=2)
                values[names[old]] = values.pop(old)
            return function(*args, **values)

        return call

    return decorate


def fields(kind: type, **names: str) -> None:
    """Let a dataclass or a NamedTuple have old names of fields, in its constructor and as attributes.

    Args:
        kind: The class.
        **names: The name of today by the old name.
    """
    for old, new in names.items():
        attribute = OldName(new)
        attribute.__set_name__(kind, old)
        setattr(kind, old, attribute)
    constructor = "__new__" if issubclass(kind, tuple) else "__init__"
    setattr(kind, constructor, keywords(**names)(getattr(kind, constructor)))
