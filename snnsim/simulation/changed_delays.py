"""Other delays of an edge of a Program, with its weights.

Shapes   delay (), (synapse,) in the order of the edge, or (target, source)
Units    delays in steps
"""

from dataclasses import replace
from typing import Any

import numpy as np

from snnsim.program import Edge, Program
from snnsim.program.edge import LONGEST_DELAY
from snnsim.validation import require, shown


def with_delays(program: Program, source: str, target: str, delay: Any) -> Program:
    """Return a Program in which an edge has other delays.

    Args:
        program: The Program.
        source: Name of the population, or INPUT, at which the edge starts.
        target: Name of the population at which it ends.
        delay: Delays in steps: one of all synapses, one of each in the order of the edge, or a matrix (target, source).

    Raises:
        TypeError: If a delay is no integer.
        ValueError: If there is no such edge, or a delay is out of its range.
    """
    who = "set_delays"
    edges = {(edge.source, edge.target): edge for edge in program.edges}
    names = ", ".join(f"{one!r} -> {other!r}" for one, other in edges)
    known = (source, target) in edges
    require(known, f"{who}: there is no edge {source!r} -> {target!r}; the edges are {names or 'none'}")
    parallel = len(edges) < len(program.edges)
    require(not parallel, f"{who}: at most one edge must lead from a population to another, and here are several")
    old = edges[source, target]
    if not isinstance(old, Edge):
        raise ValueError(
            f"{who}: {source!r} -> {target!r} must be single synapses, not a convolution; take Program.unrolled()"
        )
    values, pre = _per_synapse(np.asarray(delay), old, program.population(target).size), old.pre()
    least = program.least_delay(old)
    inside = not len(values) or bool(values.min() >= least and values.max() <= LONGEST_DELAY)
    require(
        inside, f"{who}: delays of {source!r} -> {target!r} must be from {least} to {LONGEST_DELAY}: {shown(delay)}"
    )
    new = Edge.of(source, target, (pre, old.post, values, old.weight), sources=len(old.indptr) - 1)
    return replace(program, edges=tuple(new if edge is old else edge for edge in program.edges))


def _per_synapse(delay: np.ndarray, edge: Edge, targets: int) -> np.ndarray:
    """Return the delay of each synapse, int64 (synapse,).

    Raises:
        TypeError: If the delays are no integers.
        ValueError: If they have another shape.
    """
    if delay.dtype.kind not in "iu":
        raise TypeError(f"set_delays: delays must be integers, not {delay.dtype}; round them first")
    count, shape = len(edge.weight), (targets, len(edge.indptr) - 1)
    require(
        delay.shape in ((), (count,), shape),
        f"set_delays: delays must be one number, {count} of the synapses, or a matrix {shape} (target, source), not of "
        f"shape {delay.shape}",
    )
    if delay.shape == shape:
        delay = delay[edge.post, edge.pre()]
    return np.broadcast_to(delay, (count,)).astype(np.int64)
