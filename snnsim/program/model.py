"""A Program: populations of neurons, and edges of weighted, delayed synapses between them, as read-only arrays.

    I[t, j] = b[j] + Σ_synapses(i → j) w · s[t − d, i]       s = 0 before t = 0
    u[t, j] = β[j] v[t−1, j] + I[t, j]
    s[t, j] = Θ(u[t, j] − θ[j])                              Θ(0) = 1
    v[t, j] = u (1 − s)  (lif_hard)   u − θ s  (lif_soft)   u, and s = 0  (readout)
    v[−1, j] = 0, or v₀[j] of the models with an initial potential (lif_hard_initial, lif_soft_initial)
    s[t, j] = Θ(u − θ + Δ ξ), ξ logistic, and after a spike r is added to v  (noisy_hard, noisy_soft)

    models with a second state variable w; s, and v after a reset of the same name, are as above
    u = β v + e (I − w)     w ← ρ w + a v + b s                (adlif_hard, adlif_soft) with the new v
    u = β v + I             w ← ρ w + b s, θ + w in place of θ  (alif_hard, alif_soft)
    u = β v + e w           w ← ρ w + I before u               (cuba_lif_hard, cuba_lif_soft)

    delta, sigma_delta, sigma: graded messages in place of spikes      models.py has the equations
Shapes   β, θ, b (neuron,) of a population · w, d, target (synapse,) of an edge, sorted by source, delay, target;
         source i has the synapses indptr[i]:indptr[i + 1]
Units    d in steps, 0 the same step · u, v, θ, b, w in units of the trained threshold; time_step_ms in ms
Names    β decay · θ threshold · b bias, added in every step: a folded batch norm's shift · u membrane · v voltage
         Δ width of the noise · r reset_value · w adaptation, rise of the threshold, or synaptic current
         ρ second_decay · e gain · a coupling · b jump

A step computes the populations in their order, so a synapse without delay leads to a later population. Every other
synapse has a delay of at least 1: recurrent, backward, and within a population. With `fixed`, all these numbers are
integers, and FixedPoint has their arithmetic.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.program.checks import check
from snnsim.program.conv_edge import ConvEdge
from snnsim.program.edge import Edge
from snnsim.program.fixed_point import FixedPoint
from snnsim.program.parts import INPUT, MODELS, Population, array_in_file, model_in_file
from snnsim.program.readouts import Readout
from snnsim.validation import require, shown


@dataclass(frozen=True, eq=False)
class Program:
    """A network that is ready to run: a directed graph of populations, with the decision of its readout."""

    channels: int
    """Number of input channels."""
    populations: tuple[Population, ...]
    """In the order in which a step computes them."""
    edges: tuple[Edge | ConvEdge, ...]
    """Single synapses, or convolutions that share a kernel."""
    time_step_ms: float
    readout: str | None = None
    """Population whose membrane is the output; the first one of several."""
    decision: str | None = None
    """One of DECISIONS, from the output to one score per class."""
    classes: tuple[str, ...] = ()
    extra_steps: int = 0
    """Steps that the network runs after the end of a recording."""
    fixed: FixedPoint | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    """Facts of the Program's origin, of the types of JSON."""
    further_readouts: tuple[Readout, ...] = ()
    """The readouts behind the first one, of a network with several."""
    task: str = "class"
    """One of TASKS, of the first readout: classes or numbers, of recordings or steps."""

    def __post_init__(self) -> None:
        for name in ("channels", "time_step_ms", "extra_steps"):
            value = getattr(self, name)
            # JSON writes no numbers of NumPy
            object.__setattr__(self, name, value.item() if isinstance(value, np.generic) else value)
        kinds: dict[str, tuple[str, Any]] = {
            "populations": ("Populations", Population),
            "edges": ("Edges", Edge | ConvEdge),
            "classes": ("objects", object),
        }
        for name, (noun, kind) in kinds.items():
            values = getattr(self, name)
            valid = isinstance(values, tuple | list) and all(isinstance(value, kind) for value in values)
            require(valid, f"Program: {name} must be a tuple of {noun}, not {shown(values)}")
            object.__setattr__(self, name, tuple(values))
        object.__setattr__(self, "classes", tuple(map(str, self.classes)))
        listed = isinstance(self.further_readouts, tuple | list)
        require(listed, f"Program: further_readouts must be a tuple of Readouts, not {shown(self.further_readouts)}")
        object.__setattr__(self, "further_readouts", tuple(map(Readout.of, self.further_readouts)))
        check(self)

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """All readouts, with their decisions and classes."""
        first = () if self.readout is None else (Readout(self.readout, self.decision, self.classes, self.task),)
        return first + self.further_readouts

    @property
    def size(self) -> int:
        """Number of neurons."""
        return sum(population.size for population in self.populations)

    @property
    def graded(self) -> bool:
        """Whether neurons send graded messages in place of spikes."""
        return any(MODELS[population.model].graded for population in self.populations)

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return sum(edge.synapses for edge in self.edges)

    @property
    def convolutions(self) -> tuple[ConvEdge, ...]:
        """The edges that share a kernel."""
        return tuple(edge for edge in self.edges if isinstance(edge, ConvEdge))

    @property
    def single_edges(self) -> tuple[Edge, ...]:
        """The edges of a Program without convolutions.

        Raises:
            ValueError: If an edge is a convolution.
        """
        single = tuple(edge for edge in self.edges if isinstance(edge, Edge))
        if len(single) < len(self.edges):
            raise ValueError(
                f"Program: all edges must have single synapses, and {self.convolutions[0]} shares a kernel; "
                "Program.unrolled() has single synapses in its place"
            )
        return single

    def unrolled(self) -> "Program":
        """Return the Program with the single synapses of its convolutions, or itself if it has none.

        Its runs are the same, bit for bit.

        Raises:
            MemoryError: If the synapses would need more memory than is available.
        """
        return replace(self, edges=tuple(edge.unrolled() for edge in self.edges)) if self.convolutions else self

    def __repr__(self) -> str:
        names = [f"{each.name!r} ({each.size:,} {each.model})" for each in self.populations]
        return (
            f"Program({self.channels:,} channels, {self.synapses:,} synapses, step {self.time_step_ms:g} ms, "
            f"populations {', '.join(names)})"
        )

    def population(self, name: str) -> Population:
        """Return a population by its name.

        Args:
            name: Name of one of `populations`; INPUT is none of them.

        Raises:
            ValueError: If there is no population of this name.
        """
        for population in self.populations:
            if population.name == name:
                return population
        known = ", ".join(repr(population.name) for population in self.populations)
        raise ValueError(f"Program: population {shown(name)} is unknown; the known ones are {known}")

    def sources(self, name: str) -> int:
        """Return the number of neurons or channels at which an edge may start.

        Args:
            name: Name of a population, or INPUT for the channels.
        """
        return self.channels if name == INPUT else self.population(name).size

    def least_delay(self, edge: Edge | ConvEdge) -> int:
        """Return the shortest delay that an edge may have, in steps.

        Args:
            edge: An edge between populations of the Program. The delay is 0 if the target is computed after the source,
                else 1.
        """
        # a step computes the populations in their order, so a spike reaches only later ones in its own step
        names = [INPUT, *(population.name for population in self.populations)]
        return 0 if names.index(edge.source) < names.index(edge.target) else 1

    def longest_delay(self) -> int:
        """Return the longest delay of all synapses, in steps."""
        return max((edge.longest() for edge in self.edges), default=0)

    def fan_in_weight(
        self,
        population: str,
        function: Callable[[np.ndarray], np.ndarray] = np.abs,
        *,
        source: str | None = None,
    ) -> np.ndarray:
        """Return the sum of the weights of all synapses of each neuron, by default of their absolute values.

        Args:
            population: Name of the target population.
            function: Applied to the weights (synapse,) of an edge, as float64, before the sum.
            source: Name of the population, or INPUT, from which alone synapses count; None for all sources.

        Returns:
            float64 (neuron,). Sums of integer weights are exact.
        """
        total = np.zeros(self.population(population).size)
        for edge in self.edges:
            if edge.target == population and source in (None, edge.source):
                values = function(edge.weight.astype(np.float64))
                own = edge.fan_in(values) if isinstance(edge, ConvEdge) else np.bincount(edge.post, values, len(total))
                total += own
        return total

    def same_as(self, other: "Program") -> bool:
        """Return whether another Program has the same header, provenance included, and the same arrays and types.

        Args:
            other: The Program to compare with.
        """
        mine, theirs = dict(self.arrays()), dict(other.arrays())
        return (
            self.header() == other.header()
            and list(mine) == list(theirs)
            and all(mine[name].dtype == theirs[name].dtype for name in mine)
            and all(np.array_equal(mine[name], theirs[name]) for name in mine)
        )

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the name in files and the values of every array."""
        for number, population in enumerate(self.populations):
            for name in population.array_names:
                yield f"population{number}.{array_in_file(name)}", getattr(population, name)
        for number, edge in enumerate(self.edges):
            for name in edge.array_names:
                yield f"edge{number}.{array_in_file(name)}", getattr(edge, name)

    def header(self) -> dict[str, Any]:
        """Return all that is not an array, in the types of JSON."""
        # files and digests of a single readout are those of Programs before there were several
        further = [readout.table() for readout in self.further_readouts]
        more: dict[str, Any] = {} if self.task == "class" else {"task": self.task}
        convolutions = [
            {"edge": number, **edge.geometry.table()}
            for number, edge in enumerate(self.edges)
            if isinstance(edge, ConvEdge)
        ]
        more |= {"convolutions": convolutions} if convolutions else {}
        return (
            more
            | ({"further_readouts": further} if further else {})
            | {
                "channels": self.channels,
                "populations": [[population.name, model_in_file(population.model)] for population in self.populations],
                "edges": [[edge.source, edge.target] for edge in self.edges],
                "time_step_ms": self.time_step_ms,
                "readout": self.readout,
                "decision": self.decision,
                "classes": list(self.classes),
                "extra_steps": self.extra_steps,
                "fixed": None if self.fixed is None else vars(self.fixed),
                "provenance": self.provenance,
            }
        )

    def digest(self) -> str:
        """Return the SHA-256 of the header and all arrays, in hexadecimal; the provenance does not count."""
        digest = hashlib.sha256(json.dumps(self.header() | {"provenance": {}}, sort_keys=True).encode())
        for name, array in self.arrays():
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(array.data)
        return digest.hexdigest()

    def came_from(self, **facts: Any) -> "Program":
        """Return the Program with facts added to its provenance.

        Args:
            facts: Values of the types of JSON, by name; a value of a known name is replaced.
        """
        return replace(self, provenance=self.provenance | facts)

    def save(self, path: Path) -> None:
        """Write the Program into one file, as `storage.save` does.

        Args:
            path: The file, such as program.npz; missing folders above it are made.
        """
        from snnsim.program import storage

        storage.save(self, path)

    @staticmethod
    def load(path: Path) -> "Program":
        """Return the Program of a file, or raise as `storage.load` does.

        Args:
            path: A file that `save` wrote.
        """
        from snnsim.program import storage

        return storage.load(path)
