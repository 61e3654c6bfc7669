"""Norse imports a NIR file by its own importer, and runs it: LIFBoxCell, its CubaLIF, and torch's Linear.

v ← v + dt / τ (I − v), fires at v > θ; its LIFBoxCell has no r, so that of the file must be 1. Its nodes run in the
order in which a search from the input first meets them, so where two paths join that are no loop, one of them is a step
late.
"""

import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import norse.torch
import numpy as np
from exchange import Membranes, Recordings, Spikes, UnsupportedError, main
from torch_modules import read, run

warnings.filterwarnings("ignore", category=DeprecationWarning)


def imported(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of readouts.

    Args:
        path: The file in the encoding `relay`, with an r of 1.
        recordings: The recordings, with at most one spike of a channel in a step.

    Raises:
        UnsupportedError: If the file's r is not 1.
    """
    graph, metadata = read(path, ["relay"])
    if not all(np.all(node.r == 1) for node in graph.nodes.values() if hasattr(node, "tau")):
        raise UnsupportedError("Norse knows no r, and the file's is not 1; snnsim export --resistance one")
    network = norse.torch.from_nir(graph, dt=float(metadata["dt"]))
    refuse_joins(network)
    results: tuple[Spikes, Membranes] = run(
        lambda frame, state: network(frame, state)[1],
        graph, dict(network.named_children()), recordings, membrane=lambda _, output: output[1].v,
    )  # fmt: skip
    return results


def refuse_joins(network: Any) -> None:
    """Refuse a network in which Norse would compute a node before its sources within the step.

    Args:
        network: The network that Norse's importer returns.

    Raises:
        UnsupportedError: If there is such a node.
    """
    order = [node.name for node in network.execution_order]
    for position, node in enumerate(network.execution_order):
        late = [other.name for other in network.graph.find_source_nodes_of(node) if other.name not in order[:position]]
        after = reached(node)
        early = [name for name in late if name not in after]
        if early:
            raise UnsupportedError(
                f"Norse would compute {node.name} before {', '.join(early)}; it runs chains and loops alone"
            )


def reached(node: Any) -> set[str]:
    """Return the names of all nodes that a node leads to, over any number of edges.

    Args:
        node: Node of the graph that Norse runs.
    """
    names: set[str] = set()
    waiting = [node]
    while waiting:
        for other in waiting.pop().outgoing_nodes:
            if other.name not in names:
                names.add(other.name)
                waiting.append(other)
    return names


if __name__ == "__main__":
    main(imported, version("norse"))
