"""A Program: populations of neurons, and edges of weighted, delayed synapses between them; frozen, NumPy alone.

    I[t, j] = b[j] + Σ_synapses(i → j) w · s[t − d, i]       s = 0 before t = 0
    u[t, j] = β[j] v[t−1, j] + I[t, j]
    s[t, j] = Θ(u[t, j] − θ[j])                              Θ(0) = 1
    v[t, j] = u (1 − s)  (hard)   u − θ s  (soft)   u, and s = 0  (readout)
    noisy_hard, noisy_soft: s = Θ(u − θ + Δ ξ), ξ logistic, and after a spike r is added to v

Shapes   β, θ, b (neuron,) of a population · w, d, target (synapse,) of an edge, sorted by source, delay, target;
         source i owns synapses first[i]:first[i + 1]
Units    d in steps, 0 the same step · u, v, θ, b, w in units of the trained threshold; time_step_ms in ms
Names    β decay · θ threshold · b bias, added in every step: a folded batch norm's shift · u membrane · v voltage
         Δ width of the noise · r back
Order    populations are computed in their order within a step, so a synapse without delay leads to a later one;
         every other synapse has a delay of at least 1: recurrent, backward, and within a population
Fixed    with `fixed`, all these numbers are integers: FixedPoint says how they are added and multiplied
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from snnsim.program.arrays import frozen, order, require
from snnsim.program.fixed_point import FixedPoint
from snnsim.validation import integer, row, shown

INPUT = "input"
RULES = ("hard", "soft", "readout", "noisy_hard", "noisy_soft")
PARTS = ("decay", "threshold", "bias", "unit")
DECISIONS = ("summed_softmax", "mean_membrane", "max_membrane", "last_membrane")
LONGEST_DELAY = int(np.iinfo(np.uint16).max)
LARGEST = 1e30
"""Weights and biases are within ± this, so that no sum of them overflows, in float32 neither."""
MOST = 2**31 - 1
"""Channels, neurons of a population, and steps are counted in 32 bits."""
MOST_EXTRA_STEPS = 10**6


def parts(rule: str) -> tuple[str, ...]:
    """Return the names of the arrays that a population of this rule has, in their order."""
    return PARTS + (("width", "back") if rule.startswith("noisy") else ())


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one rule; decay, threshold and bias are given for each of them."""

    name: str
    rule: str
    decay: np.ndarray
    threshold: np.ndarray
    bias: np.ndarray
    unit: np.ndarray
    """What one unit of membrane is in the trained network: 1, unless quantised."""
    width: np.ndarray | None = None
    back: np.ndarray | None = None
    """Both for noisy rules alone."""

    def __post_init__(self) -> None:
        who = f"population {self.name!r}"
        known = isinstance(self.rule, str) and self.rule in RULES
        require(known, f"{who}: rule {shown(self.rule)} is unknown; the known ones are {', '.join(RULES)}")
        whole = np.issubdtype(np.asarray(self.decay).dtype, np.integer)
        given = [part is not None for part in (self.width, self.back)]
        require(given == [self.noisy] * 2, f"{who}: width and back are given if, and only if, the rule is a noisy one")
        for name in self.parts:
            kind = np.int64 if whole and name in PARTS[:3] else np.float64
            values = frozen(getattr(self, name), kind, f"{who}: {name}")
            require(
                len(values) == len(self.decay) > 0,
                f"{who}: {name} must have one value for each neuron, not the shape {values.shape}",
            )
            finite = bool(np.isfinite(values).all())
            require(finite, f"{who}: {name} must be finite; train with a smaller rate, or look at the network")
            object.__setattr__(self, name, values)
        for name in ("bias", "back") if self.noisy else ("bias",):
            require(_small(getattr(self, name)), f"{who}: {name} must be within ± {LARGEST:g}")
        require(bool((self.unit > 0).all()), f"{who}: unit must be positive")
        require(self.rule == "readout" or bool((self.threshold > 0).all()), f"{who}: threshold must be positive")

    @classmethod
    def of(cls, name: str, size: int, *, decay: Any, threshold: Any = 1.0, bias: Any = 0.0, rule: str = "hard") -> Self:
        """Return a population in which a single number stands for all neurons.

        Args:
            name: Its name, of its own in a Program.
            size: Number of neurons.
            decay: Share of the voltage kept over a step, from 0 to 1; a number, or one for each neuron (neuron,).
            threshold: In units of the membrane, above 0; likewise.
            bias: Added in every step; likewise.
            rule: One of RULES without noise.

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
        return cls(name, rule, **parts, unit=np.ones(size))

    @property
    def size(self) -> int:
        """Number of neurons."""
        return len(self.decay)

    @property
    def noisy(self) -> bool:
        """Whether the neurons fire by chance."""
        return len(parts(self.rule)) > len(PARTS)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the arrays."""
        return parts(self.rule)

    @property
    def fires(self) -> bool:
        """Whether the neurons have a threshold."""
        return self.rule != "readout"


@dataclass(frozen=True, eq=False)
class Edge:
    """Synapses from one population, or the input, to another; build one with `Edge.of`."""

    source: str
    target: str
    first: np.ndarray
    """int64 (source neuron + 1,), where the synapses of each source start."""
    post: np.ndarray
    """int32 (synapse,), the neuron of the target population."""
    delay: np.ndarray
    """uint16 (synapse,), in steps."""
    weight: np.ndarray
    """float64 (synapse,), or int16 of a Program in integers."""

    def __post_init__(self) -> None:
        whole = np.issubdtype(np.asarray(self.weight).dtype, np.integer)
        kinds = {"first": np.int64, "post": np.int32, "delay": np.uint16, "weight": np.int16 if whole else np.float64}
        who = f"edge {self.source!r} -> {self.target!r}"
        for name, kind in kinds.items():
            object.__setattr__(self, name, frozen(getattr(self, name), kind, f"{who}: {name}"))
        count = len(self.weight)
        ordered = len(self.first) > 1 and self.first[0] == 0 and self.first[-1] == count
        require(
            ordered and bool((np.diff(self.first) >= 0).all()) and len(self.post) == len(self.delay) == count,
            f"{who}: first must ascend from 0 to the number of synapses ({count}), and post, delay and weight have "
            "one value for each of them",
        )
        require(bool(np.isfinite(self.weight).all()), f"{who}: weights must be finite")
        require(whole or _small(self.weight), f"{who}: weights must be within ± {LARGEST:g}")

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
        first = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=sources))])
        return cls(source, target, first, post[place], delay[place], weight[place])

    def pre(self) -> np.ndarray:
        """Return the source neuron of every synapse."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

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


@dataclass(frozen=True, eq=False)
class Program:
    """A network that is ready to run: a directed graph of populations, with what to decide from its readout."""

    channels: int
    """Number of input channels."""
    populations: tuple[Population, ...]
    """In the order in which a step computes them."""
    edges: tuple[Edge, ...]
    time_step_ms: float
    readout: str | None = None
    """Population whose membrane is the output."""
    decision: str | None = None
    """How the output becomes one score per class."""
    classes: tuple[str, ...] = ()
    extra_steps: int = 0
    """How long the network runs on after a recording has ended."""
    fixed: FixedPoint | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    """Where it came from, as JSON has it."""

    def __post_init__(self) -> None:
        from snnsim.program.checks import check

        for name in ("channels", "time_step_ms", "extra_steps"):
            value = getattr(self, name)
            # JSON has no numbers of NumPy
            object.__setattr__(self, name, value.item() if isinstance(value, np.generic) else value)
        for name, kind in (("populations", Population), ("edges", Edge), ("classes", object)):
            values = getattr(self, name)
            ok = isinstance(values, tuple | list) and all(isinstance(value, kind) for value in values)
            require(ok, f"Program: {name} must be a tuple of {kind.__name__}s, not {shown(values)}")
            object.__setattr__(self, name, tuple(values))
        object.__setattr__(self, "classes", tuple(map(str, self.classes)))
        check(self)

    @property
    def size(self) -> int:
        """Number of neurons."""
        return sum(population.size for population in self.populations)

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return sum(len(edge.weight) for edge in self.edges)

    def population(self, name: str) -> Population:
        """Return a population by its name."""
        for population in self.populations:
            if population.name == name:
                return population
        known = ", ".join(repr(population.name) for population in self.populations)
        raise ValueError(f"Program: population {shown(name)} is unknown; the known ones are {known}")

    def sources(self, name: str) -> int:
        """Return how many neurons or channels an edge from `name` starts at."""
        return self.channels if name == INPUT else self.population(name).size

    def longest_delay(self) -> int:
        """Return the longest delay of all synapses."""
        return max((edge.longest() for edge in self.edges), default=0)

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield every array under the name it has in a file."""
        for number, population in enumerate(self.populations):
            for name in population.parts:
                yield f"population{number}.{name}", getattr(population, name)
        for number, edge in enumerate(self.edges):
            for name in ("first", "post", "delay", "weight"):
                yield f"edge{number}.{name}", getattr(edge, name)

    def header(self) -> dict[str, Any]:
        """Return all that is not an array, as JSON has it."""
        return {
            "channels": self.channels,
            "populations": [[population.name, population.rule] for population in self.populations],
            "edges": [[edge.source, edge.target] for edge in self.edges],
            "time_step_ms": self.time_step_ms,
            "readout": self.readout,
            "decision": self.decision,
            "classes": list(self.classes),
            "extra_steps": self.extra_steps,
            "fixed": None if self.fixed is None else vars(self.fixed),
            "provenance": self.provenance,
        }

    def digest(self) -> str:
        """Return a name of what the Program computes; where it came from does not count."""
        found = hashlib.sha256(json.dumps(self.header() | {"provenance": {}}, sort_keys=True).encode())
        for name, array in self.arrays():
            found.update(f"{name} {array.dtype} {array.shape}".encode())
            found.update(array.data)
        return found.hexdigest()

    def came_from(self, **facts: Any) -> "Program":
        """Return the Program with facts added to its provenance."""
        return replace(self, provenance=self.provenance | facts)

    def save(self, path: Path) -> None:
        """Write the Program into one file."""
        from snnsim.program import storage

        storage.save(self, path)

    @staticmethod
    def load(path: Path) -> "Program":
        """Return the Program of a file."""
        from snnsim.program import storage

        return storage.load(path)
