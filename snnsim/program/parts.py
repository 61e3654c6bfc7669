"""Populations of neurons and edges of synapses between them, the parts of a Program.

Shapes   decay, threshold, bias, scale (neuron,) of a population · post, delay, weight (synapse,) of an edge, sorted by
         source, delay, target; source i has the synapses indptr[i]:indptr[i + 1]
Units    delay in steps · threshold, bias, weight in units of the trained threshold
Source   model.py has the equations; models.py defines the neuron models, with the steps to add one
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from snnsim import renamed
from snnsim.program.arrays import frozen, order
from snnsim.program.models import (
    ARRAYS,
    LARGEST,
    MODELS,
    PARAMETERS,
    array_in_file,
    array_names,
    bounded,
    model_in_file,
    model_of_file,
)
from snnsim.validation import integer, known, require, row, shown

__all__ = [
    "ARRAYS",
    "EDGE_ARRAYS",
    "INPUT",
    "LARGEST",
    "LONGEST_DELAY",
    "MODELS",
    "MOST",
    "Edge",
    "Population",
    "Synapses",
    "array_in_file",
    "array_names",
    "model_in_file",
    "model_of_file",
]

EDGE_ARRAYS = ("indptr", "post", "delay", "weight")
"""Names of the arrays of an edge, in their order in files."""
INPUT = "input"
"""Name of the input channels where an edge names its source."""
LONGEST_DELAY = int(np.iinfo(np.uint16).max)
"""The longest delay that an edge holds, in steps."""
MOST = 2**31 - 1
"""The most channels, neurons of a population, and steps: they are counted in 32 bits."""

Synapses = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Source neuron, target neuron, delay and weight of every synapse."""


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


@dataclass(frozen=True, eq=False)
class Edge:
    """Synapses from one population, or the input, to another; `Edge.of` builds one from synapses in any order."""

    source: str
    target: str
    indptr: np.ndarray
    """int64 (source neuron + 1,), the first synapse of each source."""
    post: np.ndarray
    """int32 (synapse,), the neuron of the target population."""
    delay: np.ndarray
    """uint16 (synapse,), in steps."""
    weight: np.ndarray
    """float64 (synapse,), or int16 of a Program in integers."""

    def __post_init__(self) -> None:
        integers = np.issubdtype(np.asarray(self.weight).dtype, np.integer)
        dtypes = {
            "indptr": np.int64,
            "post": np.int32,
            "delay": np.uint16,
            "weight": np.int16 if integers else np.float64,
        }
        who = f"edge {self.source!r} -> {self.target!r}"
        for name, dtype in dtypes.items():
            object.__setattr__(self, name, frozen(getattr(self, name), dtype, f"{who}: {name}"))
        count = len(self.weight)
        complete = len(self.indptr) > 1 and self.indptr[0] == 0 and self.indptr[-1] == count
        require(
            complete and bool((np.diff(self.indptr) >= 0).all()) and len(self.post) == len(self.delay) == count,
            f"{who}: indptr must ascend from 0 to the number of synapses ({count}), and post, delay and weight have "
            "one value for each of them",
        )
        require(bool(np.isfinite(self.weight).all()), f"{who}: weights must be finite")
        require(integers or bool(bounded(self.weight).all()), f"{who}: weights must be within ± {LARGEST:g}")

    first = renamed.property_("first", "indptr")
    array_names = EDGE_ARRAYS
    """Names of the arrays, in their order in files."""

    @classmethod
    def of(cls, source: str, target: str, synapses: Synapses, *, sources: int) -> Self:
        """Return an edge of synapses in any order.

        Args:
            source: Name of the population, or INPUT, at which the synapses start.
            target: Name of the population at which they end.
            synapses: Source neuron, target neuron, delay in steps and weight of every synapse, four rows of one length.
            sources: Number of neurons or channels of the source.

        Raises:
            TypeError: If `sources` is no integer.
            ValueError: If a row has numbers of another kind, or a number is out of its range.
        """
        who = f"edge {source!r} -> {target!r}"
        sources = integer(sources, who=who, name="sources", at_least=1, at_most=MOST)
        complete = isinstance(synapses, tuple | list) and len(synapses) == 4
        require(complete, f"{who}: synapses must be four rows, not {shown(synapses)}")
        pre, post = (_integers(ends, f"{who}: sources and targets must be integers") for ends in synapses[:2])
        delay = _integers(synapses[2], f"{who}: delays must be integers from 0 to {LONGEST_DELAY}")
        weight = np.asarray(synapses[3])
        require(weight.shape == pre.shape == post.shape == delay.shape, f"{who}: the four rows must be equally long")
        if len(pre):
            require(
                pre.min() >= 0 and pre.max().item() < sources,
                f"{who}: sources must be from 0 to {sources - 1}, not {pre.min()} to {pre.max()}",
            )
            require(
                delay.min() >= 0 and delay.max() <= LONGEST_DELAY,
                f"{who}: delays must be integers from 0 to {LONGEST_DELAY}, not {delay.min()} to {delay.max()}",
            )
            require(post.min() >= 0, f"{who}: target neurons are counted from 0, not from {post.min()}")
        position = order(pre, delay, post)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=sources))])
        return cls(source, target, indptr, post[position], delay[position], weight[position])

    def __repr__(self) -> str:
        delays = f", delays {int(self.delay.min())} to {int(self.delay.max())}" if len(self.delay) else ""
        return f"Edge({self.source!r} -> {self.target!r}, {len(self.delay):,} synapses{delays})"

    def pre(self) -> np.ndarray:
        """Return the source neuron of every synapse."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    def longest(self) -> int:
        """Return the longest delay, in steps; 0 without synapses."""
        return int(self.delay.max(initial=0))

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return len(self.weight)

    def fan_out(self) -> np.ndarray:
        """Return the number of synapses of each neuron of the source, int64 (neuron,)."""
        return np.diff(self.indptr)

    def of_targets(self, values: np.ndarray) -> np.ndarray:
        """Return the value of the target of each synapse (synapse,).

        Args:
            values: A value of each neuron of the target (neuron,).
        """
        result: np.ndarray = values[self.post]
        return result

    def unrolled(self) -> "Edge":
        """Return the edge itself, which has single synapses."""
        return self

    def selected(self, mask: np.ndarray) -> "Edge":
        """Return the edge with some of its synapses.

        Args:
            mask: Whether a synapse remains (synapse,).
        """
        count = np.concatenate([[0], np.cumsum(mask)])
        rows = (values[mask] for values in (self.post, self.delay, self.weight))
        return Edge(self.source, self.target, count[self.indptr], *rows)

    def with_delays(self, delay: np.ndarray) -> "Edge":
        """Return the edge with other delays.

        Args:
            delay: The delay of each synapse, in steps (synapse,).
        """
        synapses = self.pre(), self.post, delay, self.weight
        return Edge.of(self.source, self.target, synapses, sources=len(self.indptr) - 1)


def _integers(values: Any, condition: str) -> np.ndarray:
    try:
        return row(values, np.int64, "values")
    except ValueError as error:
        raise ValueError(f"{condition}; {error}") from None
