"""Norse imports a NIR file by its own importer, and runs it: LIFBoxCell, and torch's Linear.

v ← v + dt / τ (I − v), fires at v > θ; it knows no r, so the file's must be 1. Its nodes run in the order in which a
search from the input first meets them, so where two ways join that are no loop, one of them comes a step late.
"""

import warnings
from importlib.metadata import version

import norse.torch
import numpy as np
from exchange import main
from through_torch import read, run

warnings.filterwarnings("ignore", category=DeprecationWarning)


def imported(path, recordings):
    """Return the spikes of every population that fires, and the membranes of readouts."""
    graph, about = read(path, ["relay"])
    if not all(np.all(node.r == 1) for node in graph.nodes.values() if hasattr(node, "r")):
        raise ValueError("Norse knows no r, and the file's is not 1; snnsim export --resistance one")
    network = norse.torch.from_nir(graph, dt=float(about["dt"]))
    refuse_joins(network)
    return run(
        lambda frame, state: network(frame, state)[1],
        graph, dict(network.named_children()), recordings, membrane=lambda _, output: output[1].v,
    )  # fmt: skip


def refuse_joins(network):
    """Raise a ValueError where Norse would compute a node before what leads to it within the step."""
    order = [node.name for node in network.execution_order]
    for place, node in enumerate(network.execution_order):
        late = [other.name for other in network.graph.find_source_nodes_of(node) if other.name not in order[:place]]
        after = reached(node)
        early = [name for name in late if name not in after]
        if early:
            raise ValueError(
                f"Norse would compute {node.name} before {', '.join(early)}; it runs chains and loops alone"
            )


def reached(node):
    """Return the names of all nodes that a node leads to."""
    found, waiting = set(), [node]
    while waiting:
        for other in waiting.pop().outgoing_nodes:
            if other.name not in found:
                found.add(other.name)
                waiting.append(other)
    return found


if __name__ == "__main__":
    main(imported, version("norse"))
