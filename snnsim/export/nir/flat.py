"""Graphs without graphs in them: what leads to an inner one leads to its Input, and its Output leads on."""

from collections.abc import Iterator

from snnsim.export.nir.files import Graph, Node

Edges = list[tuple[str, str]]
_MOST_EDGES = 2**18


def flat(graph: Graph, prefix: str = "") -> Graph:
    """Return the graph with the nodes of all inner graphs in it, named NAME.NODE."""
    nodes: dict[str, Node | Graph] = {}
    edges: Edges = []
    ends: dict[str, tuple[str, str]] = {}
    inside = 0
    for name, node in graph.nodes.items():
        full = prefix + name
        ends[full] = full, full
        if isinstance(node, Graph):
            inner = flat(node, full + ".")
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
    for passed in {end for pair in ends.values() for end in pair} - {prefix + name for name in graph.nodes}:
        edges = _past(passed, edges)
        del nodes[passed]
    return Graph(nodes, list(dict.fromkeys(edges)), graph.metadata)


def of_kind(graph: Graph, *kinds: str) -> Iterator[str]:
    """Yield the names of a graph's nodes of some kinds."""
    yield from (name for name, node in graph.nodes.items() if node.kind in kinds)


def _only(graph: Graph, name: str, kind: str) -> str:
    found = list(of_kind(graph, kind))
    if len(found) != 1:
        raise ValueError(f"import of nir: the inner graph {name!r} must have one {kind}, not {len(found)}")
    return found[0]


def _past(passed: str, edges: Edges) -> Edges:
    """Return the edges with those to and from a node joined."""
    before = {source: None for source, target in edges if target == passed}
    after = {target: None for source, target in edges if source == passed}
    if len(before) * len(after) > _MOST_EDGES:
        raise ValueError(f"import of nir: the node {passed!r} would join more than {_MOST_EDGES:,} edges")
    joined = [(source, target) for source in before for target in after]
    return list(dict.fromkeys([edge for edge in edges if passed not in edge] + joined))
