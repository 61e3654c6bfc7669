"""Edges of single synapses between populations, the parts of a Program; conv_edge.py has those that share a kernel.

Shapes   post, delay, weight (synapse,), sorted by source, delay, target; source i has the synapses
         indptr[i]:indptr[i + 1]
Units    delay in steps · weight in units of the trained threshold
Source   model.py has the equations
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from snnsim import renamed
from snnsim.program.arrays import frozen, order
from snnsim.program.models import LARGEST, bounded
from snnsim.program.parts import MOST
from snnsim.validation import integer, require, row, shown

EDGE_ARRAYS = ("indptr", "post", "delay", "weight")
"""Names of the arrays of an edge, in their order in files."""
LONGEST_DELAY = int(np.iinfo(np.uint16).max)
"""The longest delay that an edge holds, in steps."""

Synapses = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Source neuron, target neuron, delay and weight of every synapse."""


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
