"""Graphs of NIR that others wrote."""

from snnsim.export.nir.files import Graph
from snnsim.program import Program


def program(graph: Graph, *, dt: float | str | None) -> Program:
    """Return the Program of a graph; raises ValueError with all that a Program cannot say."""
    raise ValueError(f"import of nir: graphs of others are not read yet ({len(graph.nodes)} nodes, dt {dt})")
