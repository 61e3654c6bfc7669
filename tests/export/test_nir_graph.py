"""Graphs of NIR with graphs inside of them."""

import numpy as np
import pytest

from snnsim.export.nir import import_graph
from snnsim.export.nir.graph import Graph, Node, flatten

DT = 1e-3
NUMBERS = {"tau": 2 * DT, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}


def test_ends_of_inner_graphs_are_removed_in_the_order_of_edges():
    end = {"in": Node("Input", {}), "a": Node("Scale", {}), "b": Node("Scale", {}), "out": Node("Output", {})}
    inner = Graph(end, [("in", "a"), ("in", "b"), ("a", "out"), ("b", "out"), ("in", "out")])
    nodes = {name: Node("Scale", {}) for name in ("x", "y", "z")} | {"g": inner}
    flat = flatten(Graph(nodes, [("x", "g"), ("y", "g"), ("g", "z"), ("x", "y")]))
    assert list(flat.nodes) == ["x", "y", "z", "g.a", "g.b"]
    pairs = [("x", "g.a"), ("x", "g.b"), ("y", "g.a"), ("y", "g.b"), ("g.a", "z"), ("g.b", "z"), ("x", "z"), ("y", "z")]
    assert sorted(flat.edges) == sorted([("x", "y"), *pairs])
    assert flat.edges[0] == ("x", "y")


def test_an_end_of_an_inner_graph_that_leads_to_itself_is_refused():
    lif = Node("LIF", {name: np.full(3, value) for name, value in NUMBERS.items()})
    inner = Graph({"in": Node("Input", {"shape": np.array([3])}), "out": Node("Output", {"shape": np.array([3])})},
                  [("in", "in"), ("in", "out")])  # fmt: skip
    nodes = {"start": Node("Input", {"shape": np.array([3])}), "inner": inner, "lif": lif}
    nodes["end"] = Node("Output", {"shape": np.array([3])})
    with pytest.raises(ValueError, match=r"the node 'inner\.in' leads to itself, a loop in which no time goes by"):
        import_graph.program(Graph(nodes, [("start", "inner"), ("inner", "lif"), ("lif", "end")]), dt=DT)


def test_graphs_of_too_many_nodes_are_refused():
    node = Node("Scale", {"scale": np.ones(3)})
    inner = Graph({f"n{number}": node for number in range(5000)}, [])
    with pytest.raises(ValueError, match="there must be at most 8,192 nodes, not 10,002"):
        import_graph.program(Graph({"a": inner, "b": inner}, []))
