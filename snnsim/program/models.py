"""The neuron models of a Program and the parameters that their neurons have: two tables, from which the rest follows.

From MODELS and PARAMETERS derive the validation of a Population, its arrays and names in files and digests, the
version of a file, the codes of resets in simulation/lowering.py, and which models quantization refuses. model.py has
the equations of neurons with spikes. Models with graded messages m are for all populations of a Program, with β = 1:

    a = a[t−1] + Σ_synapses(i → j) w m[t − d, i],  u = a + b,  y = max(u, 0)
    delta         k = round(y / θ), ties to the even integer;  m = k − k[t−1]
    sigma_delta   e = y − z[t−1], m = e if |e| > θ, else 0;  z = z[t−1] + m
    sigma         sends nothing: a readout
    integers      a grows by 2^shift I; of sigma_delta, m = ⌊e / 2^shift⌋, and z grows by 2^shift m; shift: weight_shift

To add a model:

1. Enter it in MODELS, and each new parameter in PARAMETERS; add a field for the parameter, None by default, behind the
   last field of `Population` in parts.py, and the equation to the docstring of model.py. `Model.version` is then the
   next version of the file format, `VERSION` in storage.py.
2. Hand the parameter on in `Network` of simulation/lowering.py, and compute it in the kernels of kernels/simulate:
   clock_driven.py and event_driven.py, beside the plain loop that defines it, `graph` in kernels/reference.py. The
   event-driven kernel must know from which state on a silent step changes nothing.
3. A state variable beside the voltage is an array of `State` in simulation/state.py, allocated by `Simulator.run` and
   `Simulator.start`, counted in simulation/needs.py.
4. A model with integer arithmetic also has its parameters in `in_integers` of quantization/scales.py and in
   `dequantized` of quantization/quantize.py; any other model has `fixed_point=False`.
5. Build it from the layer in nn/freezing.py, and draw it in tests/graphs.py. Targets refuse it until their rules in
   export name it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LARGEST = 1e30
"""Weights, biases and reset values are within ± this number, so that no sum of them overflows, not even in float32."""


class Parameter(NamedTuple):
    """A number that each neuron of a population has: one array (neuron,)."""

    name_in_file: str
    valid: Callable[[np.ndarray], np.ndarray]
    """Whether each value is in its range."""
    range: str
    """The range in words, for messages: "threshold must be ..."."""
    integer: bool = False
    """Whether it is int64 in a Program in integers; other parameters are always float64."""


def bounded(values: np.ndarray) -> np.ndarray:
    """Return which values are within ± LARGEST; not by absolute values, as the smallest integer has none.

    Args:
        values: Numbers of any shape, in floats or integers.
    """
    inside: np.ndarray = (values >= -LARGEST) & (values <= LARGEST)
    return inside


def _positive(values: np.ndarray) -> np.ndarray:
    above: np.ndarray = values > 0
    return above


PARAMETERS = {
    # the range of a decay hangs on the arithmetic: checks.py has it
    "decay": Parameter("decay", np.isfinite, "finite", integer=True),
    "threshold": Parameter("threshold", _positive, "positive", integer=True),
    "bias": Parameter("bias", bounded, f"within ± {LARGEST:g}", integer=True),
    "scale": Parameter("unit", _positive, "positive"),
    "width": Parameter("width", lambda values: values >= 0, "0 or more"),
    "reset_value": Parameter("back", bounded, f"within ± {LARGEST:g}"),
    "gain": Parameter("gain", _positive, "positive", integer=True),
    # the range hangs on the arithmetic, as that of a decay
    "second_decay": Parameter("second_decay", np.isfinite, "finite", integer=True),
    "coupling": Parameter("coupling", bounded, f"within ± {LARGEST:g}", integer=True),
    "jump": Parameter("jump", bounded, f"within ± {LARGEST:g}", integer=True),
    "initial": Parameter("initial", bounded, f"within ± {LARGEST:g}"),
}
"""All parameters by the names of their fields in Population."""
ARRAYS = ("decay", "threshold", "bias", "scale")
"""Names of the parameters of every model, in their order in files."""


class Model(NamedTuple):
    """A neuron model; model.py has the equations."""

    name_in_file: str
    reset: str | None
    """The reset after a spike, "hard" or "soft", or the coding of graded messages; None where neurons do not fire."""
    parameters: tuple[str, ...] = ()
    """Names of its parameters besides ARRAYS, in their order in files."""
    version: int = 1
    """Version of the file format since which files hold the model."""
    fixed_point: bool = True
    """Whether simulators compute it in integers, too."""

    second: str | None = None
    """The second state variable, a key of SECOND; None for none."""
    graded: bool = False
    """Whether neurons add up graded messages and send changes, in place of spikes."""

    @property
    def noisy(self) -> bool:
        """Whether the neurons are stochastic."""
        return "width" in self.parameters


_ADAPTING = ("gain", "second_decay", "coupling", "jump")
MODELS = {
    "lif_hard": Model("hard", "hard"),
    "lif_soft": Model("soft", "soft"),
    "readout": Model("readout", None),
    "noisy_hard": Model("noisy_hard", "hard", ("width", "reset_value"), version=2, fixed_point=False),
    "noisy_soft": Model("noisy_soft", "soft", ("width", "reset_value"), version=2, fixed_point=False),
    "adlif_hard": Model("adlif_hard", "hard", _ADAPTING, version=3, second="adaptation"),
    "adlif_soft": Model("adlif_soft", "soft", _ADAPTING, version=3, second="adaptation"),
    "alif_hard": Model("alif_hard", "hard", ("second_decay", "jump"), version=3, second="threshold"),
    "alif_soft": Model("alif_soft", "soft", ("second_decay", "jump"), version=3, second="threshold"),
    "cuba_lif_hard": Model("cuba_lif_hard", "hard", ("gain", "second_decay"), version=3, second="current"),
    "cuba_lif_soft": Model("cuba_lif_soft", "soft", ("gain", "second_decay"), version=3, second="current"),
    "delta": Model("delta", "delta", version=7, graded=True),
    "sigma_delta": Model("sigma_delta", "sigma_delta", version=7, graded=True),
    "sigma": Model("sigma", None, version=7, graded=True),
    "lif_hard_initial": Model("hard_initial", "hard", ("initial",), version=7, fixed_point=False),
    "lif_soft_initial": Model("soft_initial", "soft", ("initial",), version=7, fixed_point=False),
}
"""The neuron models by name."""
SECOND: dict[str, dict[str, str | float]] = {
    "adaptation": {"feedback": -1.0, "gain": "gain", "rho": "second_decay", "coupling": "coupling", "jump": "jump"},
    "threshold": {"gain": 1.0, "sensitivity": 1.0, "rho": "second_decay", "jump": "jump"},
    "current": {"feedback": "second_decay", "gain": "gain", "intake": 1.0},
}
"""Coefficients of the one form of all models with two state variables, by their second variable: a number, or the name
of a parameter; 0 where none is named. model.py has the form."""


def array_names(model: str) -> tuple[str, ...]:
    """Return the names of the parameters of a population, in their order in files.

    Args:
        model: Name of a neuron model. An unknown name has the parameters ARRAYS alone.
    """
    return ARRAYS + (MODELS[model].parameters if model in MODELS else ())


def array_in_file(name: str) -> str:
    """Return the name that files have had for an array of a population or an edge since version 1.

    Args:
        name: Name of a field of Population or Edge. Files hold `indptr` as "first", for example.
    """
    return "first" if name == "indptr" else PARAMETERS[name].name_in_file if name in PARAMETERS else name


def model_in_file(model: str) -> str:
    """Return the name that files have had for a neuron model since version 1.

    Args:
        model: Key of MODELS; any other name is returned unchanged.
    """
    return MODELS[model].name_in_file if model in MODELS else model


def model_of_file(name: str) -> str:
    """Return the neuron model of a name in a file.

    Args:
        name: Name in the file; a name of no model is returned unchanged.
    """
    return {definition.name_in_file: model for model, definition in MODELS.items()}.get(name, name)
