"""What reaches each neuron of a graph: all ways through linear nodes and Delays, as one matrix per source and delay.

    x[t] of a node  =  Σ_source,d  M[source, d] s_source[t − d]

A constant, such as a bias, is what a source gives that fires in every step from the first on: the clock.

Shapes   M (node's output, source neuron)
Units    d in steps
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from snnsim.export.nir.cells import Cells
from snnsim.export.nir.files import Graph, Node
from snnsim.export.nir.linear import matrix
from snnsim.program import INPUT
from snnsim.program.model import LONGEST_DELAY

CLOCK = "clock"
_ON_GRID = 1e-3
Terms = dict[tuple[str, int], Any]


@dataclass(frozen=True, eq=False)
class Signal:
    """What a node gives."""

    shape: tuple[int, ...]
    terms: Terms

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))


@dataclass(eq=False)
class Paths:
    """Follows the ways to a node; what cannot be followed is written down, and followed no further."""

    graph: Graph
    cells: dict[str, Cells]
    step: float
    late: set[tuple[str, str]]
    """Edges that take what the step before gave."""
    wrong: dict[str, str] = field(default_factory=dict)
    """What is wrong with a node, by its name."""
    _known: dict[str, Signal | None] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _sources: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for source, target in self.graph.edges:
            self._sources[target].append(source)

    def into(self, name: str) -> Signal | None:
        """Return the sum of all that leads to a node; None where nothing does, or something is wrong."""
        given = ((source, self._out_of(source)) for source in self._sources[name])
        signals = [_later(part, (source, name) in self.late) for source, part in given if part is not None]
        if not signals:
            return None
        if len({signal.size for signal in signals}) > 1:
            shapes = ", ".join(str(signal.shape) for signal in signals)
            self.wrong[name] = f"what leads to it must be of one shape, not {shapes}"
            return None
        terms: Terms = {}
        for signal in signals:
            for key, part in signal.terms.items():
                terms[key] = terms[key] + part if key in terms else part
        return Signal(signals[0].shape, terms)

    def _out_of(self, name: str) -> Signal | None:
        if name in self._open:
            self.wrong[name] = "it is in a loop without a neuron, in which no time goes by"
            return None
        if name not in self._known:
            self._open.add(name)
            self._known[name] = self._made(name)
            self._open.remove(name)
        return self._known[name]

    def _made(self, name: str) -> Signal | None:
        node = self.graph.nodes[name]
        if node.kind == "Input":
            return _whole(INPUT, tuple(int(size) for size in np.atleast_1d(node.numbers["shape"])))
        if name in self.cells:
            return _whole(name, self.cells[name].shape)
        given = None if name in self.wrong else self.into(name)
        if given is None:
            return None
        try:
            if node.kind == "Delay":
                return _delayed(np.asarray(node.numbers["delay"], np.float64), given, self.step)
            return _passed(node, given)
        except KeyError as error:
            self.wrong[name] = f"it has no {error}"
        except (TypeError, ValueError) as error:
            self.wrong[name] = str(error)
        return None


def _whole(source: str, shape: tuple[int, ...]) -> Signal:
    return Signal(shape, {(source, 0): sparse.csr_matrix(sparse.eye(int(np.prod(shape))))})


def _later(signal: Signal, late: bool) -> Signal:
    """Return what a node gives a step later, if it does; a constant is there in every step."""
    if not late:
        return signal
    terms = {(source, delay + (source != CLOCK)): part for (source, delay), part in signal.terms.items()}
    return Signal(signal.shape, terms)


def _passed(node: Node, given: Signal) -> Signal:
    made, bias, shape = matrix(node.kind, node.numbers, given.shape)
    terms = {key: made @ part for key, part in given.terms.items()}
    if bias is not None:
        constant = sparse.csr_matrix(bias[:, None])
        terms[CLOCK, 0] = terms[CLOCK, 0] + constant if (CLOCK, 0) in terms else constant
    return Signal(shape, terms)


def _delayed(delay: np.ndarray, given: Signal, step: float) -> Signal:
    steps = np.broadcast_to(delay.reshape(-1) if delay.ndim else delay, (given.size,)) / step
    on_grid = (np.rint(steps) >= 0) & (steps <= LONGEST_DELAY) & (np.abs(steps - np.rint(steps)) <= _ON_GRID)
    if not on_grid.all():
        raise ValueError(
            f"its delays must be whole multiples of dt ({step:g} s), from 0 to {LONGEST_DELAY} of them, not "
            f"{steps[~on_grid][0] * step:g} s; choose dt"
        )
    wait = np.rint(steps).astype(np.int64)
    terms: Terms = {}
    for (source, before), part in given.terms.items():
        for each in np.unique(wait):
            kept = sparse.csr_matrix(sparse.diags((wait == each).astype(np.float64))) @ part
            key = source, before + int(each)
            terms[key] = terms[key] + kept if key in terms else kept
    return Signal(given.shape, terms)
