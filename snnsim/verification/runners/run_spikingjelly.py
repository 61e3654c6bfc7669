"""SpikingJelly imports a NIR file by its own importer, and runs it: LIFNode, CUBALIFNode, and its Linear.

v ← v + (I − v) / τ for r = 1, v ← v − v / τ + I for r = τ / dt, fires at v ≥ θ; a population has one τ and one θ.
"""

from importlib.metadata import version
from pathlib import Path

from exchange import Membranes, Recordings, Spikes, main
from spikingjelly.activation_based import nir_exchange
from torch_modules import read, run


def imported(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of readouts.

    Args:
        path: The file in the encoding `relay`.
        recordings: The recordings, with at most one spike of a channel in a step.
    """
    graph, metadata = read(path, ["relay"])
    network = nir_exchange.import_from_nir(graph, dt=float(metadata["dt"]))
    results: tuple[Spikes, Membranes] = run(
        lambda frame, state: network(frame, state)[1],
        graph, dict(network.named_children()), recordings, membrane=lambda _, output: output[1][0],
    )  # fmt: skip
    return results


if __name__ == "__main__":
    main(imported, version("spikingjelly"))
