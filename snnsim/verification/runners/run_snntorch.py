"""snnTorch imports a NIR file by its own importer, and runs it: Leaky, Synaptic, and torch's Linear.

v ← β v + I, fires at v > θ, β = 1 − dt / τ with a dt of 1e-4 s that cannot be chosen; it omits r dt / τ and
divides the threshold by it, so a membrane is larger by that factor.
"""

import contextlib
import io
from pathlib import Path

import numpy as np
import snntorch
from exchange import Membranes, Recordings, Spikes, UnsupportedError, main
from snntorch.import_nir import import_from_nir
from torch_modules import read, run

STEP = 1e-4


def imported(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of readouts.

    Args:
        path: The file in the encoding `relay`, with snnTorch's step.
        recordings: The recordings, with at most one spike of a channel in a step.

    Raises:
        UnsupportedError: If the file's step is another, or the factors of a population differ.
    """
    graph, metadata = read(path, ["relay"])
    if abs(metadata["dt"] / STEP - 1) > 1e-6:
        raise UnsupportedError(
            f"snnTorch's step is {STEP} s, and the file's {metadata['dt']} s; snnsim export --dt {STEP}"
        )
    # the factor of a CubaLIF is 1, or snnTorch refuses it
    scales = {name: node.r * STEP / node.tau for name, node in graph.nodes.items() if hasattr(node, "tau")}
    uneven = [name for name, row in scales.items() if np.ptp(row) > 1e-6 * row.max()]
    if uneven:
        raise UnsupportedError(
            f"snnTorch takes one r dt / tau for all neurons of {', '.join(uneven)}, and there are several; "
            "snnsim export --resistance euler"
        )
    # it prints its warnings
    with contextlib.redirect_stdout(io.StringIO()):
        network = import_from_nir(graph)
    modules = dict(network.named_children())
    factor = {modules[name]: float(row[0]) for name, row in scales.items()}
    results: tuple[Spikes, Membranes] = run(
        lambda frame, state: network(frame, state)[1],
        graph, modules, recordings, membrane=lambda module, _: module.mem * factor[module],
    )  # fmt: skip
    return results


if __name__ == "__main__":
    main(imported, snntorch.__version__)
