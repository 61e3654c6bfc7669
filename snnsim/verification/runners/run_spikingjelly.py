"""SpikingJelly imports a NIR file by its own importer, and runs it: LIFNode, and its Linear.

v ← v + (I − v) / τ for r = 1, v ← v − v / τ + I for r = τ / dt, fires at v ≥ θ; τ and θ are one for a whole population.
"""

from importlib.metadata import version

from exchange import main
from spikingjelly.activation_based import nir_exchange
from through_torch import read, run


def imported(path, recordings):
    """Return the spikes of every population that fires, and the membranes of readouts."""
    graph, about = read(path, ["relay"])
    network = nir_exchange.import_from_nir(graph, dt=float(about["dt"]))
    return run(
        lambda frame, state: network(frame, state)[1],
        graph, dict(network.named_children()), recordings, membrane=lambda _, output: output[1][0],
    )  # fmt: skip


if __name__ == "__main__":
    main(imported, version("spikingjelly"))
