"""Graphs of NIR: nodes and edges, graphs inside of graphs, and the order in which backends compute nodes.

Importers compute the nodes of a step one after the other. Where nodes form a loop, one of them takes the output of the
step before, so every loop costs a step. In the order below, only edges to the same or an earlier population cost it:

    delay in the file  =  d − 1  of such an edge,  d  of all others

Names    order: a population after all that lead to it, unless they are in a loop with it; those of a loop in the
         Program's order. The names of nodes begin with a population's place in it, since files list nodes by name
         links: edges without weight, so that every population can be reached from the input and reaches the output;
         backends would not compute it otherwise, or wait for it without end
Source   nirtorch 2.6, nir_interpreter.py (`_find_input_nodes`)
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from snnsim.program import INPUT

GraphEdge = tuple[str, str]
"""Names of source and target node."""
_MOST_EDGES = 2**18


@dataclass(frozen=True, eq=False)
class Node:
    """A primitive of NIR."""

    kind: str
    """Its type, such as LIF."""
    numbers: Mapping[str, Any]
    """Its parameters."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes, graphs among them, and edges."""

    nodes: Mapping[str, "Node | Graph"]
    edges: list[GraphEdge]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "NIRGraph"

    def count(self) -> int:
        """Return the number of nodes, with those of inner graphs."""
        return sum(1 + (node.count() if isinstance(node, Graph) else 0) for node in self.nodes.values())


@dataclass(frozen=True, eq=False)
class FlatGraph:
    """A graph without inner graphs."""

    nodes: Mapping[str, Node]
    edges: list[GraphEdge]
    metadata: Mapping[str, Any]

    def of_kind(self, *kinds: str) -> Iterator[str]:
        """Yield the names of all nodes of these kinds.

        Args:
            *kinds: Types of NIR, such as LIF.
        """
        yield from (name for name, node in self.nodes.items() if node.kind in kinds)


def flatten(graph: Graph, prefix: str = "") -> FlatGraph:
    """Return a graph with the nodes of all inner graphs in it, named NAME.NODE.

    An edge to an inner graph leads to the targets of its Input, and one from it starts at the sources of its Output.

    Args:
        graph: The graph.
        prefix: The beginning of the names of its nodes.

    Raises:
        ValueError: If an edge names no node, two nodes have one name, or an inner graph has not one Input and Output.
    """
    nodes: dict[str, Node] = {}
    edges: list[GraphEdge] = []
    ends: dict[str, GraphEdge] = {}
    inside = 0
    for name, node in graph.nodes.items():
        full = prefix + name
        ends[full] = full, full
        if isinstance(node, Graph):
            inner = flatten(node, full + ".")
            ends[full] = _only(inner, full, "Input"), _only(inner, full, "Output")
            inside += len(inner.nodes)
            nodes |= inner.nodes
            edges += inner.edges
        else:
            nodes[full] = node
    if len(ends) + inside != len({*ends, *nodes}):
        raise ValueError("import of nir: nodes of inner graphs, NAME.NODE, must not have the name of another node")
    for source, target in graph.edges:
        for name in (source, target):
            if prefix + name not in ends:
                raise ValueError(
                    f"import of nir: the edge {source!r} -> {target!r} names {name!r}, and the nodes "
                    f"{'of ' + repr(prefix[:-1]) if prefix else 'there'} are {', '.join(graph.nodes)}"
                )
        edges.append((ends[prefix + source][1], ends[prefix + target][0]))
    own = {prefix + name for name in graph.nodes}
    removed = [name for name in dict.fromkeys(end for pair in ends.values() for end in pair) if name not in own]
    for name in removed:
        del nodes[name]
    return FlatGraph(nodes, _without(removed, edges), graph.metadata)


def _only(graph: FlatGraph, name: str, kind: str) -> str:
    names = list(graph.of_kind(kind))
    if len(names) != 1:
        raise ValueError(f"import of nir: the inner graph {name!r} must have one {kind}, not {len(names)}")
    return names[0]


def _without(removed: Iterable[str], edges: Iterable[GraphEdge]) -> list[GraphEdge]:
    """Return edges in which the sources of each removed node lead to its targets, each edge once.

    Neighbors are kept as dicts, so removing all nodes costs as much as there are edges, and the order of edges is that
    in which they came about.

    Raises:
        ValueError: If a removed node leads to itself, or would join too many edges.
    """
    result: dict[GraphEdge, None] = {}
    sources: dict[str, dict[str, None]] = {}
    targets: dict[str, dict[str, None]] = {}

    def add(new: Iterable[GraphEdge]) -> None:
        for source, target in new:
            result.setdefault((source, target))
            sources.setdefault(target, {}).setdefault(source)
            targets.setdefault(source, {}).setdefault(target)

    add(edges)
    for name in removed:
        before, after = sources.pop(name, {}), targets.pop(name, {})
        if name in before:
            raise ValueError(f"import of nir: the node {name!r} leads to itself, a loop in which no time goes by")
        if len(before) * len(after) > _MOST_EDGES:
            raise ValueError(f"import of nir: the node {name!r} would join more than {_MOST_EDGES:,} edges")
        for source in before:
            del result[source, name], targets[source][name]
        for target in after:
            del result[name, target], sources[target][name]
        add(itertools.product(before, after))
    return list(result)


@dataclass(frozen=True)
class Plan:
    """The nodes and their names for the populations and edges of a Program."""

    order: tuple[str, ...]
    """Populations in the order in which backends compute them."""
    loops: frozenset[int]
    """Numbers of the edges that cost a step."""
    links: tuple[GraphEdge, ...]
    """Edges without weight, by source and target."""
    final: str
    """The population that leads to the output."""
    edges: tuple[GraphEdge, ...]

    def neurons(self, name: str) -> str:
        """Return the name of a population's node.

        Args:
            name: Name of a population, or INPUT.
        """
        if name == INPUT:
            return "input"
        return f"{self._place(name)}_n_{re.sub('[^0-9A-Za-z]+', '_', name)}"

    def prefix(self, edge: int) -> str:
        """Return the prefix of the names of an edge's nodes: before the target's, or behind the source's in a loop.

        Args:
            edge: Index of the edge in `edges`.
        """
        source, target = self.edges[edge]
        start = f"{self._place(source)}_r" if edge in self.loops else f"{self._place(target)}_e"
        return f"{start}{edge:0{len(str(len(self.edges)))}}"

    def link(self, number: int) -> str:
        """Return the name of the node of an edge without weight.

        Args:
            number: Index of the edge in `links`.
        """
        return f"{self._place(self.links[number][1])}_e_link{number}"

    def bias_edge(self, target: str) -> int | None:
        """Return the index of the first edge that reaches a population within a step, and so carries its bias, if any.

        Args:
            target: Name of the population.
        """
        return next(
            (
                number
                for number, edge in enumerate(self.edges)
                if edge[1] == target and edge[0] and number not in self.loops
            ),
            None,
        )

    def _place(self, name: str) -> str:
        return f"p{self.order.index(name):0{len(str(len(self.order)))}}"


def plan_nodes(names: Sequence[str], edges: Sequence[GraphEdge], readout: str | None) -> Plan:
    """Return the plan of a Program.

    Args:
        names: Names of the populations, in the Program's order.
        edges: Source and target of each edge; the source is "" where an edge has no synapses.
        readout: Name of the readout, if there is one.
    """
    final = readout or names[-1]
    ahead = tuple((name, final) for name in names if name != final and all(name != source for source, _ in edges))
    reach = _reach(names, [*edges, *ahead])
    ancestors = {name: int((reach[:, n] & ~reach[n]).sum()) for n, name in enumerate(names)}
    order = tuple(sorted(names, key=lambda name: (ancestors[name], names.index(name))))
    loops = frozenset(n for n, (source, target) in enumerate(edges) if _closes_loop(source, target, names, reach))
    prompt = {target for n, (source, target) in enumerate(edges) if source and n not in loops}
    behind = tuple((INPUT, name) for name in names if name not in prompt)
    return Plan(order, loops, behind + ahead, final, tuple(edges))


def computation_order(names: Sequence[str], edges: Sequence[GraphEdge]) -> tuple[list[str], set[GraphEdge]]:
    """Return nodes as backends compute them in a step, and the edges that take the output of the step before.

    A node waits until all its sources are computed. If it has several inputs, it does not wait for nodes that it leads
    to itself; if it would wait for such nodes alone without end, it does not wait for them either.

    Args:
        names: Names of the nodes.
        edges: Edges between them.
    """
    loop = _loops(names, edges)
    sources: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        sources[target].append(source)
    # a dict keeps the order in which nodes are computed
    order: dict[str, None] = {}
    late: set[GraphEdge] = set()
    waiting, patient = list(names), True
    while waiting:
        postponed = []
        for name in waiting:
            missing = [source for source in sources[name] if source not in order]
            own = all(loop[source] == loop[name] for source in missing)
            excused = own and (len(sources[name]) > 1 or not patient)
            if missing and not excused:
                postponed.append(name)
                continue
            order[name] = None
            late |= {(source, name) for source in missing}
            patient = True
        patient = len(postponed) < len(waiting)
        waiting = postponed
    return list(order), late


def _loops(names: Sequence[str], edges: Sequence[GraphEdge]) -> dict[str, int]:
    """Return the number of the strongly connected component of each node: nodes of one are in a loop together."""
    index = {name: number for number, name in enumerate(names)}
    ends = np.array([(index[source], index[target]) for source, target in edges], np.int64).reshape(-1, 2).T
    matrix = sparse.coo_matrix((np.ones(ends.shape[1], bool), ends), shape=(len(names), len(names)))
    _, component = sparse.csgraph.connected_components(matrix, directed=True, connection="strong")
    return dict(zip(names, component.tolist(), strict=True))


def _reach(names: Sequence[str], edges: Sequence[GraphEdge]) -> np.ndarray:
    """Return which name leads to which (source, target), over any number of edges: Warshall, on rows of bits."""
    index = {name: number for number, name in enumerate(names)}
    reach = np.zeros((len(names), len(names)), bool)
    for source, target in edges:
        if source in index:
            reach[index[source], index[target]] = True
    packed = np.packbits(reach, axis=1)
    for middle in range(len(names)):
        leads = packed[:, middle // 8] & (128 >> middle % 8) != 0
        packed[leads] |= packed[middle]
    return np.unpackbits(packed, axis=1, count=len(names)).astype(bool)


def _closes_loop(source: str, target: str, names: Sequence[str], reach: np.ndarray) -> bool:
    if source not in names:
        return False
    one, other = names.index(source), names.index(target)
    return one >= other and bool(reach[other, one] or one == other)
