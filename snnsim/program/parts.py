"""Populations of neurons, the parts of a Program that its edges connect.

Shapes   decay, threshold, bias, scale (neuron,)
Units    threshold, bias in units of the trained threshold
Source   model.py has the equations; models.py defines the neuron models, with the steps to add one
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from snnsim import renamed
from snnsim.program.arrays import frozen
from snnsim.program.models import (
    ARRAYS,
    LARGEST,
    MODELS,
    PARAMETERS,
    array_in_file,
    array_names,
    model_in_file,
    model_of_file,
)
from snnsim.validation import integer, known, require

__all__ = [
    "ARRAYS",
    "INPUT",
    "LARGEST",
    "MODELS",
    "MOST",
    "Population",
    "array_in_file",
    "array_names",
    "model_in_file",
    "model_of_file",
]

INPUT = "input"
"""Name of the input channels where an edge names its source."""
MOST = 2**31 - 1
"""The most channels, neurons of a population, and steps: they are counted in 32 bits."""


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one model; each array has one value for each neuron."""

    name: str
    model: str
    """One of MODELS."""
    decay: np.ndarray
    threshold: np.ndarray
    bias: np.ndarray
    scale: np.ndarray
    """Membrane of the trained network that one unit of this membrane stands for: 1, unless quantized."""
    width: np.ndarray | None = None
    """Scale of the logistic noise, of noisy models alone."""
    reset_value: np.ndarray | None = None
    """Added to the voltage after a spike, of noisy models alone."""
    gain: np.ndarray | None = None
    """Factor of the current, of models with an adaptation or a synaptic current."""
    second_decay: np.ndarray | None = None
    """Share of the second state variable that remains after a step, of models that have one."""
    coupling: np.ndarray | None = None
    """Coupling of the adaptation to the voltage."""
    jump: np.ndarray | None = None
    """Added to the adaptation, or to the rise of the threshold, at a spike."""
    initial: np.ndarray | None = None
    """Voltage before the first step, of models with an initial potential alone; all others start at 0."""

    def __post_init__(self) -> None:
        who = f"population {self.name!r}"
        known(self.model, MODELS, f"{who}: model")
        self._check_presence(who)
        integers = np.issubdtype(np.asarray(self.decay).dtype, np.integer)
        for name in self.array_names:
            dtype = np.int64 if integers and PARAMETERS[name].integer else np.float64
            values = frozen(getattr(self, name), dtype, f"{who}: {name}")
            require(
                len(values) == len(self.decay) > 0,
                f"{who}: {name} must have one value for each neuron, not the shape {values.shape}",
            )
            finite = bool(np.isfinite(values).all())
            require(finite, f"{who}: {name} must be finite; train with a smaller rate, or look at the network")
            object.__setattr__(self, name, values)
        for name in self.array_names:
            # nothing reads the threshold of a readout
            unread = name == "threshold" and not self.fires
            valid = unread or bool(PARAMETERS[name].valid(getattr(self, name)).all())
            require(valid, f"{who}: {name} must be {PARAMETERS[name].range}")

    def _check_presence(self, who: str) -> None:
        """Raise a ValueError unless the population has the arrays of its model and no others."""
        expected = [name for name in PARAMETERS if name in MODELS[self.model].parameters]
        present = [name for name in PARAMETERS if name not in ARRAYS and getattr(self, name) is not None]
        require(
            present == expected,
            f"{who}: the model {self.model!r} must have the arrays {', '.join((*ARRAYS, *expected))} and no others; "
            f"besides {', '.join(ARRAYS)}, got {', '.join(present) or 'none'}",
        )

    @classmethod
    def of(
        cls, name: str, size: int, *, decay: Any, threshold: Any = 1.0, bias: Any = 0.0, model: str = "lif_hard"
    ) -> Self:
        """Return a population in which a single number stands for all neurons.

        Args:
            name: Its name, unique in a Program.
            size: Number of neurons.
            decay: Share of the voltage that remains after a step, from 0 to 1; a number, or one per neuron (neuron,).
            threshold: In units of the membrane, above 0; a number, or one per neuron (neuron,).
            bias: Added in every step, in units of the membrane; a number, or one per neuron (neuron,).
            model: One of MODELS without noise.

        Raises:
            TypeError: If the size is no integer.
            ValueError: If a number is out of its range.
        """
        who = f"population {name!r}"
        size = integer(size, who=who, name="size", at_least=1, at_most=MOST)
        arrays = {}
        for parameter, value in {"decay": decay, "threshold": threshold, "bias": bias}.items():
            values = np.full(size, value) if isinstance(value, int | float | np.number) else value
            array = frozen(values, np.float64, f"{who}: {parameter}")
            arrays[parameter] = array.repeat(size) if len(array) == 1 else array
        return cls(name, model, **arrays, scale=np.ones(size))

    rule, unit, back = (
        renamed.property_(*names) for names in (("rule", "model"), ("unit", "scale"), ("back", "reset_value"))
    )

    def __repr__(self) -> str:
        return f"Population({self.name!r}, {self.size:,} neurons, model {self.model!r})"

    @property
    def size(self) -> int:
        """Number of neurons."""
        return len(self.decay)

    @property
    def noisy(self) -> bool:
        """Whether the neurons are stochastic."""
        return MODELS[self.model].noisy

    @property
    def array_names(self) -> tuple[str, ...]:
        """Names of the arrays, in their order in files."""
        return array_names(self.model)

    @property
    def fires(self) -> bool:
        """Whether the neurons have a threshold."""
        return MODELS[self.model].reset is not None
