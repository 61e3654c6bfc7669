"""What a Program consists of: populations of neurons, and edges of synapses between them.

Shapes   decay, threshold, bias, scale (neuron,) of a population · post, delay, weight (synapse,) of an edge, sorted by
         source, delay, target; source i has the synapses indptr[i]:indptr[i + 1]
Units    delay in steps · threshold, bias, weight in units of the trained threshold; the equations are in model.py
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from snnsim import renamed
from snnsim.program.arrays import frozen, order
from snnsim.validation import integer, require, row, shown

INPUT = "input"
_NOISE = ("width", "reset_value")
MODELS: dict[str, tuple[str, ...]] = {
    "lif_hard": (), "lif_soft": (), "readout": (), "noisy_hard": _NOISE, "noisy_soft": _NOISE
}  # fmt: skip
"""Names of the arrays that a neuron model has besides ARRAYS, in their order; model.py has the equations."""
ARRAYS = ("decay", "threshold", "bias", "scale")
_MODELS_IN_FILES = {"lif_hard": "hard", "lif_soft": "soft"}
_ARRAYS_IN_FILES = {"scale": "unit", "reset_value": "back", "indptr": "first"}
LONGEST_DELAY = int(np.iinfo(np.uint16).max)
LARGEST = 1e30
"""Weights and biases are within ± this, so that no sum of them overflows, in float32 neither."""
MOST = 2**31 - 1
"""Channels, neurons of a population, and steps are counted in 32 bits."""


def array_names(model: str) -> tuple[str, ...]:
    """Return the names of the arrays of a population of this model, in their order."""
    return ARRAYS + MODELS.get(model, ())


def array_in_file(name: str) -> str:
    """Return the name that files have had for an array since version 1."""
    return _ARRAYS_IN_FILES.get(name, name)


def model_in_file(model: str) -> str:
    """Return the name that files have had for a neuron model since version 1."""
    return _MODELS_IN_FILES.get(model, model)


def model_of_file(name: str) -> str:
    """Return the neuron model that a file names."""
    return {name: model for model, name in _MODELS_IN_FILES.items()}.get(name, name)


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one model; decay, threshold and bias are given for each of them."""

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

    def __post_init__(self) -> None:
        who = f"population {self.name!r}"
        known = isinstance(self.model, str) and self.model in MODELS
        require(known, f"{who}: model {shown(self.model)} is unknown; the known ones are {', '.join(MODELS)}")
        whole = np.issubdtype(np.asarray(self.decay).dtype, np.integer)
        present = [array is not None for array in (self.width, self.reset_value)]
        require(
            present == [self.noisy] * 2,
            f"{who}: width and reset_value are given if, and only if, the model is a noisy one",
        )
        for name in self.array_names:
            kind = np.int64 if whole and name in ARRAYS[:3] else np.float64
            values = frozen(getattr(self, name), kind, f"{who}: {name}")
            require(
                len(values) == len(self.decay) > 0,
                f"{who}: {name} must have one value for each neuron, not the shape {values.shape}",
            )
            finite = bool(np.isfinite(values).all())
            require(finite, f"{who}: {name} must be finite; train with a smaller rate, or look at the network")
            object.__setattr__(self, name, values)
        for name in ("bias", "reset_value") if self.noisy else ("bias",):
            require(_small(getattr(self, name)), f"{who}: {name} must be within ± {LARGEST:g}")
        require(bool((self.scale > 0).all()), f"{who}: scale must be positive")
        require(self.model == "readout" or bool((self.threshold > 0).all()), f"{who}: threshold must be positive")

    @classmethod
    def of(
        cls, name: str, size: int, *, decay: Any, threshold: Any = 1.0, bias: Any = 0.0, model: str = "lif_hard"
    ) -> Self:
        """Return a population in which a single number stands for all neurons.

        Args:
            name: Its name, of its own in a Program.
            size: Number of neurons.
            decay: Share of the voltage kept over a step, from 0 to 1; a number, or one for each neuron (neuron,).
            threshold: In units of the membrane, above 0; likewise.
            bias: Added in every step; likewise.
            model: One of MODELS without noise.

        Raises:
            TypeError: If size is no integer.
            ValueError: If a number is out of its range.
        """
        who = f"population {name!r}"
        size = integer(size, who=who, name="size", at_least=1, at_most=MOST)
        given = {"decay": decay, "threshold": threshold, "bias": bias}
        parts = {
            part: np.full(size, value) if isinstance(value, int | float | np.number) else value
            for part, value in given.items()
        }
        for part, value in parts.items():
            there = frozen(value, np.float64, f"{who}: {part}")
            parts[part] = there.repeat(size) if len(there) == 1 else there
        return cls(name, model, **parts, scale=np.ones(size))

    rule, unit, back = (
        renamed.property_(*names) for names in (("rule", "model"), ("unit", "scale"), ("back", "reset_value"))
    )

    @property
    def size(self) -> int:
        """Number of neurons."""
        return len(self.decay)

    @property
    def noisy(self) -> bool:
        """Whether the neurons fire by chance."""
        return self.model.startswith("noisy")

    @property
    def array_names(self) -> tuple[str, ...]:
        """Names of the arrays."""
        return array_names(self.model)

    @property
    def fires(self) -> bool:
        """Whether the neurons have a threshold."""
        return self.model != "readout"


@dataclass(frozen=True, eq=False)
class Edge:
    """Synapses from one population, or the input, to another; build one with `Edge.of`."""

    source: str
    target: str
    indptr: np.ndarray
    """int64 (source neuron + 1,), where the synapses of each source start."""
    post: np.ndarray
    """int32 (synapse,), the neuron of the target population."""
    delay: np.ndarray
    """uint16 (synapse,), in steps."""
    weight: np.ndarray
    """float64 (synapse,), or int16 of a Program in integers."""

    def __post_init__(self) -> None:
        whole = np.issubdtype(np.asarray(self.weight).dtype, np.integer)
        kinds = {"indptr": np.int64, "post": np.int32, "delay": np.uint16, "weight": np.int16 if whole else np.float64}
        who = f"edge {self.source!r} -> {self.target!r}"
        for name, kind in kinds.items():
            object.__setattr__(self, name, frozen(getattr(self, name), kind, f"{who}: {name}"))
        count = len(self.weight)
        ordered = len(self.indptr) > 1 and self.indptr[0] == 0 and self.indptr[-1] == count
        require(
            ordered and bool((np.diff(self.indptr) >= 0).all()) and len(self.post) == len(self.delay) == count,
            f"{who}: indptr must ascend from 0 to the number of synapses ({count}), and post, delay and weight have "
            "one value for each of them",
        )
        require(bool(np.isfinite(self.weight).all()), f"{who}: weights must be finite")
        require(whole or _small(self.weight), f"{who}: weights must be within ± {LARGEST:g}")

    first = renamed.property_("first", "indptr")

    @classmethod
    def of(cls, source: str, target: str, synapses: "Synapses", *, sources: int) -> Self:
        """Return an edge of synapses in any order.

        Args:
            source: Name of the population, or INPUT, at which the synapses start.
            target: Name of the population at which they end.
            synapses: Source neuron, target neuron, delay in steps and weight of every synapse, four rows of one length.
            sources: How many neurons or channels the source has.

        Raises:
            TypeError: If sources is no integer.
            ValueError: If a row is of other numbers, or a number is out of its range.
        """
        who = f"edge {source!r} -> {target!r}"
        sources = integer(sources, who=who, name="sources", at_least=1, at_most=MOST)
        given = synapses if isinstance(synapses, tuple | list) and len(synapses) == 4 else None
        require(given is not None, f"{who}: synapses must be four rows, not {shown(synapses)}")
        pre, post = (_whole(part, f"{who}: sources and targets must be whole numbers") for part in synapses[:2])
        delay = _whole(synapses[2], f"{who}: delays must be whole steps from 0 to {LONGEST_DELAY}")
        weight = np.asarray(synapses[3])
        require(weight.shape == pre.shape == post.shape == delay.shape, f"{who}: the four lists must be equally long")
        if len(pre):
            require(
                pre.min() >= 0 and pre.max().item() < sources,
                f"{who}: sources must be from 0 to {sources - 1}, not {pre.min()} to {pre.max()}",
            )
            require(
                delay.min() >= 0 and delay.max() <= LONGEST_DELAY,
                f"{who}: delays must be whole steps from 0 to {LONGEST_DELAY}, not {delay.min()} to {delay.max()}",
            )
            require(post.min() >= 0, f"{who}: target neurons are counted from 0, not from {post.min()}")
        place = order(pre, delay, post)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=sources))])
        return cls(source, target, indptr, post[place], delay[place], weight[place])

    def pre(self) -> np.ndarray:
        """Return the source neuron of every synapse."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    def longest(self) -> int:
        """Return the longest delay."""
        return int(self.delay.max(initial=0))


def _whole(values: Any, must: str) -> np.ndarray:
    try:
        return row(values, np.int64, "they")
    except ValueError as error:
        raise ValueError(f"{must}; {error}") from None


def _small(values: np.ndarray) -> bool:
    return bool((values >= -LARGEST).all() and (values <= LARGEST).all())


Synapses = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Source neuron, target neuron, delay and weight of every synapse."""
