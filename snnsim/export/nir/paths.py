"""Inputs of each neuron of a graph: all paths through linear nodes and Delays, as a matrix per source and delay.

    x[t] of a node  =  Σ_source,d  M[source, d] s_source[t − d]

A constant, such as a bias, is the output of a source that fires in every step from the first on: CONSTANT.

Shapes   M (node's output, source neuron)
Units    d in steps
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from snnsim.export.nir.graph import FlatGraph, GraphEdge, Node
from snnsim.export.nir.linear import check_size, matrix, product
from snnsim.export.nir.neurons import Neurons
from snnsim.program.edge import LONGEST_DELAY

# names that no node has, as names in HDF5 have no slash
CHANNELS, CONSTANT = "/channels", "/clock"
_MOST_CHANNELS = 2**24
_MOST_TERMS = 2**15
_ON_GRID, _FARTHEST_OFF = 1e-3, 0.1
"""A Delay may be off a whole number of steps by the first, and by its precision up to the second."""

Terms = dict[tuple[str, int], Any]
"""Matrices by source and delay."""


@dataclass(frozen=True, eq=False)
class Signal:
    """The output of a node, as a function of the spikes of its sources."""

    shape: tuple[int, ...]
    terms: Terms

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(eq=False)
class Paths:
    """Follows the paths to a node; a node that no Program has a counterpart of is noted, and followed no further."""

    graph: FlatGraph
    neurons: dict[str, Neurons]
    step: float
    """Seconds of a step."""
    late: set[GraphEdge]
    """Edges that take the output of the step before."""
    errors: dict[str, str] = field(default_factory=dict)
    """The error of a node, by its name."""
    _outputs: dict[str, Signal | None] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _sources: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for source, target in self.graph.edges:
            self._sources[target].append(source)

    def into(self, name: str) -> Signal | None:
        """Return the sum of the outputs of all sources of a node.

        Args:
            name: Name of the node.

        Returns:
            The sum; None where there are no sources, or `errors` has an error of a node on a path.
        """
        outputs = ((source, self._output(source)) for source in self._sources[name])
        signals = [
            _later(output) if (source, name) in self.late else output
            for source, output in outputs
            if output is not None
        ]
        if not signals:
            return None
        if len({signal.size for signal in signals}) > 1:
            shapes = ", ".join(str(signal.shape) for signal in signals)
            self.errors[name] = f"its inputs must be of one shape, not {shapes}"
            return None
        terms: Terms = {}
        for signal in signals:
            for key, term in signal.terms.items():
                terms[key] = terms[key] + term if key in terms else term
        return Signal(signals[0].shape, terms)

    def _output(self, name: str) -> Signal | None:
        if name in self._open:
            self.errors[name] = "it is in a loop without a neuron, in which no time goes by"
            return None
        if name not in self._outputs:
            self._open.add(name)
            self._outputs[name] = self._computed_output(name)
            self._open.remove(name)
        return self._outputs[name]

    def _computed_output(self, name: str) -> Signal | None:
        node = self.graph.nodes[name]
        if node.kind == "Input":
            return _spikes_of(CHANNELS, input_shape(node))
        if name in self.neurons:
            return _spikes_of(name, self.neurons[name].shape)
        signal = None if name in self.errors else self.into(name)
        if signal is None:
            return None
        try:
            if node.kind == "Delay":
                return _delayed(_numbers(node, "delay"), signal, self.step)
            return _transformed(node, signal)
        except KeyError as error:
            self.errors[name] = f"it has no {error}"
        except (TypeError, ValueError) as error:
            self.errors[name] = str(error)
        return None


def input_shape(node: Node) -> tuple[int, ...]:
    """Return the shape of an Input.

    Args:
        node: The node of the kind Input, from a file that is not yet trusted.

    Raises:
        ValueError: If it is no shape, or has too many channels.
    """
    sizes = np.atleast_1d(np.asarray(node.numbers["shape"]))
    integers = sizes.dtype.kind in "iuf" and sizes.ndim == 1 and len(sizes) and bool((np.rint(sizes) == sizes).all())
    shape = tuple(int(size) for size in sizes) if integers else ()
    if not shape or min(shape) < 1 or math.prod(shape) > _MOST_CHANNELS:
        raise ValueError(f"the shape of an Input must be 1 to {_MOST_CHANNELS:,} channels, not {sizes.tolist()[:8]}")
    return shape


def _spikes_of(source: str, shape: tuple[int, ...]) -> Signal:
    return Signal(shape, {(source, 0): sparse.csr_matrix(sparse.eye(math.prod(shape)))})


def _numbers(node: Node, name: str) -> np.ndarray:
    value = node.numbers[name]
    if not isinstance(value, np.ndarray):
        raise TypeError(f"its {name} must be numbers, not {type(value).__name__}")
    return value


def _later(signal: Signal) -> Signal:
    """Return a signal a step later; a constant is the same in every step."""
    terms = {(source, delay + (source != CONSTANT)): term for (source, delay), term in signal.terms.items()}
    return Signal(signal.shape, terms)


def _transformed(node: Node, signal: Signal) -> Signal:
    """Return the output of a linear node for an input."""
    weights, bias, shape = matrix(node.kind, node.numbers, signal.shape)
    terms = {key: product(weights, term) for key, term in signal.terms.items()}
    if bias is not None:
        constant = sparse.csr_matrix(bias[:, None])
        terms[CONSTANT, 0] = terms[CONSTANT, 0] + constant if (CONSTANT, 0) in terms else constant
    return Signal(shape, terms)


def _delayed(delay: np.ndarray, signal: Signal, step: float) -> Signal:
    """Return the output of a Delay for an input: a term for each source and sum of delays."""
    steps = _delay_steps(delay, signal.size, step)
    check_size(len(signal.terms) * len(np.unique(steps)), "paths of different delay", _MOST_TERMS)
    terms: Terms = {}
    for (source, before), term in signal.terms.items():
        for each in np.unique(steps):
            # the rows of this delay
            rows = sparse.csr_matrix(sparse.diags((steps == each).astype(np.float64))) @ term
            key = source, before + int(each)
            terms[key] = terms[key] + rows if key in terms else rows
    return Signal(signal.shape, terms)


def _delay_steps(delay: np.ndarray, size: int, step: float) -> np.ndarray:
    """Return delays in steps, int64 (value,).

    A file's floats have a precision, and so have the metadata's dt, so a delay may be a little off a whole number.

    Raises:
        ValueError: If a delay is off the grid of steps, or out of its range.
    """
    precision = float(np.finfo(delay.dtype).eps) if delay.dtype.kind == "f" else 0.0
    delay = delay.astype(np.float64)
    with np.errstate(all="ignore"):
        steps = np.broadcast_to(delay.reshape(-1) if delay.ndim else delay, (size,)) / step
        off = np.minimum(_ON_GRID + np.abs(steps) * 2 * precision, _FARTHEST_OFF)
        on_grid = (np.rint(steps) >= 0) & (np.rint(steps) <= LONGEST_DELAY) & (np.abs(steps - np.rint(steps)) <= off)
    if not on_grid.all():
        raise ValueError(
            f"its delays must be whole multiples of dt ({step:g} s), from 0 to {LONGEST_DELAY} of them, not "
            f"{steps[~on_grid][0] * step:g} s; choose dt"
        )
    return np.rint(steps).astype(np.int64)
