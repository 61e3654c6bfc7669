"""What reaches each neuron of a graph: all ways through linear nodes and Delays, as one matrix per source and delay.

    x[t] of a node  =  Σ_source,d  M[source, d] s_source[t − d]

A constant, such as a bias, is what a source gives that fires in every step from the first on: the clock.

Shapes   M (node's output, source neuron)
Units    d in steps
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from snnsim.export.nir.cells import Cells
from snnsim.export.nir.files import Graph, Node
from snnsim.export.nir.linear import fits, matrix, product
from snnsim.program.parts import LONGEST_DELAY

# names that no node has, as names in HDF5 have no slash
CHANNELS, CLOCK = "/channels", "/clock"
_MOST_CHANNELS = 2**24
_MOST_TERMS = 2**15
_ON_GRID, _FARTHEST_OFF = 1e-3, 0.1
Terms = dict[tuple[str, int], Any]


@dataclass(frozen=True, eq=False)
class Signal:
    """What a node gives."""

    shape: tuple[int, ...]
    terms: Terms

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


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
            return _whole(CHANNELS, input_shape(node))
        if name in self.cells:
            return _whole(name, self.cells[name].shape)
        given = None if name in self.wrong else self.into(name)
        if given is None:
            return None
        try:
            if node.kind == "Delay":
                return _delayed(_numbers(node, "delay"), given, self.step)
            return _passed(node, given)
        except KeyError as error:
            self.wrong[name] = f"it has no {error}"
        except (TypeError, ValueError) as error:
            self.wrong[name] = str(error)
        return None


def input_shape(node: Node) -> tuple[int, ...]:
    """Return the shape of an Input; raises ValueError where it is none, or has too many channels."""
    found = np.atleast_1d(np.asarray(node.numbers["shape"]))
    whole = found.dtype.kind in "iuf" and found.ndim == 1 and len(found) and bool((np.rint(found) == found).all())
    shape = tuple(int(size) for size in found) if whole else ()
    if not shape or min(shape) < 1 or math.prod(shape) > _MOST_CHANNELS:
        raise ValueError(f"the shape of an Input must be 1 to {_MOST_CHANNELS:,} channels, not {found.tolist()[:8]}")
    return shape


def _whole(source: str, shape: tuple[int, ...]) -> Signal:
    return Signal(shape, {(source, 0): sparse.csr_matrix(sparse.eye(math.prod(shape)))})


def _numbers(node: Node, name: str) -> np.ndarray:
    found = node.numbers[name]
    if not isinstance(found, np.ndarray):
        raise TypeError(f"its {name} must be numbers, not {type(found).__name__}")
    return found


def _later(signal: Signal, late: bool) -> Signal:
    """Return what a node gives a step later, if it does; a constant is there in every step."""
    if not late:
        return signal
    terms = {(source, delay + (source != CLOCK)): part for (source, delay), part in signal.terms.items()}
    return Signal(signal.shape, terms)


def _passed(node: Node, given: Signal) -> Signal:
    made, bias, shape = matrix(node.kind, node.numbers, given.shape)
    terms = {key: product(made, part) for key, part in given.terms.items()}
    if bias is not None:
        constant = sparse.csr_matrix(bias[:, None])
        terms[CLOCK, 0] = terms[CLOCK, 0] + constant if (CLOCK, 0) in terms else constant
    return Signal(shape, terms)


def _delayed(delay: np.ndarray, given: Signal, step: float) -> Signal:
    # what a float of this precision can be away from a whole number of steps
    rounding = float(np.finfo(delay.dtype).eps) if delay.dtype.kind == "f" else 0.0
    delay = delay.astype(np.float64)
    with np.errstate(all="ignore"):
        steps = np.broadcast_to(delay.reshape(-1) if delay.ndim else delay, (given.size,)) / step
        off = np.minimum(_ON_GRID + np.abs(steps) * 2 * rounding, _FARTHEST_OFF)
        on_grid = (np.rint(steps) >= 0) & (np.rint(steps) <= LONGEST_DELAY) & (np.abs(steps - np.rint(steps)) <= off)
    if not on_grid.all():
        raise ValueError(
            f"its delays must be whole multiples of dt ({step:g} s), from 0 to {LONGEST_DELAY} of them, not "
            f"{steps[~on_grid][0] * step:g} s; choose dt"
        )
    wait = np.rint(steps).astype(np.int64)
    fits(len(given.terms) * len(np.unique(wait)), "ways of different delay", _MOST_TERMS)
    terms: Terms = {}
    for (source, before), part in given.terms.items():
        for each in np.unique(wait):
            kept = sparse.csr_matrix(sparse.diags((wait == each).astype(np.float64))) @ part
            key = source, before + int(each)
            terms[key] = terms[key] + kept if key in terms else kept
    return Signal(given.shape, terms)
