"""From our delays to those of machines on which every synapse takes a step.

Within a step, our populations are computed in order, so a spike can reach a later population in its own step. Machines
compute all neurons at once: a spike arrives a step later at the earliest. So each population runs late by a constant,

    d' = d + o(target) − o(source) − c  ≥ least          t = t' − o

with the smallest such o, and then every synapse that fits has its spikes in their places.

Names    d delay, d' delay to write · o lateness, 0 of the input · c latency that a synapse of the machine has anyway ·
         least the machine's shortest delay · t our step, t' the machine's
Units    steps
Source   shortest paths with a difference constraint for each edge (Bellman-Ford)
Differs  a loop through k populations takes at least k steps there; a shorter one is refused; a bias
         counts as a synapse without delay, so a population that has one is late, and must not have it before its time
"""

from dataclasses import dataclass

import numpy as np

from snnsim.program import INPUT, Edge, Program


@dataclass(frozen=True, eq=False)
class Connections:
    """The synapses of an edge, one row each, with the delays of a machine."""

    source: str
    target: str
    pre: np.ndarray
    """int64 (synapse,), source neuron."""
    post: np.ndarray
    """int64 (synapse,), target neuron."""
    weight: np.ndarray
    """(synapse,), float64, or int64 of a Program in integers."""
    delay: np.ndarray
    """int64 (synapse,), in steps of the machine."""


@dataclass(frozen=True, eq=False)
class Retimed:
    """What a writer needs besides the populations: connections, and how late each population runs."""

    program: Program
    connections: tuple[Connections, ...]
    lateness: dict[str, int]
    """Steps by which the spikes of a population come later than ours; 0 of the input."""


def retimed(program: Program, *, latency: int, least: int) -> Retimed:
    """Return a Program's connections for a machine whose synapses take `latency` steps and its delays `least` or more.

    Raises ValueError where a loop is shorter than the machine can make it.
    """
    late = lateness(program, shortest=latency + least)
    connections = tuple(_moved(edge, late[edge.target] - late[edge.source] - latency) for edge in program.edges)
    return Retimed(program, connections, late)


def lateness(program: Program, *, shortest: int) -> dict[str, int]:
    """Return the least lateness of the input and of each population that makes every synapse take `shortest` steps."""
    late = {INPUT: 0} | {part.name: shortest if part.bias.any() else 0 for part in program.populations}
    edges = [edge for edge in program.edges if len(edge.delay)]
    for _ in late:
        short = [edge for edge in edges if late[edge.target] < _needed(edge, late, shortest)]
        for edge in short:
            late[edge.target] = max(late[edge.target], _needed(edge, late, shortest))
        if not short:
            return late
    names = ", ".join(f"{edge.source!r} -> {edge.target!r}" for edge in short)
    raise ValueError(
        f"export: a loop of k populations must take at least {shortest} k steps on this target, and one through "
        f"{names} is shorter; train with longer delays in it"
    )


def _needed(edge: Edge, late: dict[str, int], shortest: int) -> int:
    return late[edge.source] + shortest - int(edge.delay.min())


def _moved(edge: Edge, steps: int) -> Connections:
    whole = np.issubdtype(edge.weight.dtype, np.integer)
    weight = edge.weight.astype(np.int64 if whole else np.float64)
    return Connections(
        edge.source, edge.target, edge.pre(), edge.post.astype(np.int64), weight, edge.delay.astype(np.int64) + steps
    )
