"""Graphs of NIR, ours and of others, changed."""

from itertools import pairwise

import numpy as np
import pytest

from helpers.corrupted_files import changed_bytes, changed_hdf5, check, network
from helpers.fuzzing import cases
from snnsim import export
from snnsim.export.nir.graph import Graph, Node
from snnsim.export.nir.hdf5 import save


def of_others():
    """Return a graph that has a node of most kinds."""
    rng = np.random.default_rng(2)

    def rows(kind, size, **values):
        return Node(kind, {name: np.full(size, value, np.float32) for name, value in values.items()})

    lif = {"tau": 2e-4, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0}
    end = {"shape": np.array([6])}
    inner = {"input": Node("Input", end), "lif": rows("LIF", 6, **lif), "output": Node("Output", end)}
    slid = {"stride": np.array([1, 1]), "padding": np.array([1, 1]), "dilation": np.array([1, 1]), "groups": 1}
    two = np.array([2, 2])
    weight = rng.random((2, 1, 3, 3)).astype(np.float32)
    nodes = {
        "input": Node("Input", {"shape": np.array([1, 4, 4])}),
        "conv": Node("Conv2d", {"weight": weight, "bias": np.ones(2, np.float32), **slid}),
        "pool": Node("SumPool2d", {"kernel_size": two, "stride": two, "padding": two - 2}),
        "flat": Node("Flatten", {"start_dim": 0, "end_dim": -1}),
        "if": rows("IF", 8, r=1.0, v_threshold=1.0),
        "w": Node("Affine", {"weight": rng.random((6, 8)), "bias": np.ones(6)}),
        "wait": rows("Delay", 6, delay=3e-4),
        "graph": Graph(inner, [("input", "lif"), ("lif", "output")]),
        "back": Node("Linear", {"weight": rng.random((6, 6))}),
        "cuba": rows("CubaLIF", 6, tau_syn=2e-4, tau_mem=2e-4, w_in=1.0, r=2.0, v_leak=0.0, v_threshold=1.0),
        "li": rows("LI", 6, tau=2e-4, r=1.0, v_leak=0.0),
        "output": Node("Output", {"shape": np.array([6])}),
    }  # fmt: skip
    chain = ["input", "conv", "pool", "flat", "if", "w", "wait", "graph", "cuba", "li", "output"]
    return Graph(nodes, [*pairwise(chain), ("graph", "back"), ("back", "graph")], {"dt": 1e-4})


@pytest.mark.parametrize("kind", ["seq", "fan", "relay", "others"])
def test_changed_graphs_are_read_or_refused(tally, tmp_path, kind):
    path, rng = tmp_path / "a.nir", np.random.default_rng(0)
    if kind == "others":
        save(of_others(), path)
    else:
        export.write(network(rng), "nir", path, encoding=kind)
    content = path.read_bytes()
    for number in range(cases(100)):
        path.write_bytes(changed_hdf5(rng, content) if rng.random() < 0.7 else changed_bytes(rng, content))
        check(tally, lambda: export.read("nir", path), number)
