"""Parts of the backends that make torch modules of a NIR file; needs NumPy, nir and torch.

All recordings run side by side, one step after the other, and a hook of every population's module records its output.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from exchange import Membranes, Recordings, Spikes, UnsupportedError, timed


def read(path: Path, encodings: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """Return the graph of a file, and its metadata by snnsim.

    Args:
        path: The file.
        encodings: The encodings that the backend runs.

    Raises:
        UnsupportedError: If the file has another one.
    """
    graph = nir.read(path)
    metadata = graph.metadata
    if metadata.get("encoding") not in encodings:
        raise UnsupportedError(
            f"the file has the encoding {metadata.get('encoding')!r}, and here it must be {' or '.join(encodings)}; "
            f"snnsim export --to nir --encoding {encodings[0]}"
        )
    return graph, metadata


def populations(graph: Any) -> list[tuple[str, str, bool]]:
    """Return the name of each population's node, its name in the program, and whether it fires.

    Args:
        graph: NIR's graph, whose metadata name the populations of a Program.
    """
    return [
        (name, node.metadata["population"], node.metadata["rule"] != "readout")
        for name, node in graph.nodes.items()
        if "population" in node.metadata
    ]


def run(
    step: Callable[[Any, Any], Any],
    graph: Any,
    modules: dict[str, Any],
    recordings: Recordings,
    *,
    membrane: Callable[[Any, Any], Any],
) -> tuple[Spikes, Membranes]:
    """Return spikes and membranes of recordings.

    Args:
        step: step(frame, state) runs the network and returns its state.
        graph: The graph.
        modules: The module of each node.
        recordings: The recordings.
        membrane: membrane(module, output) is that of a readout whose module has just returned an output.
    """
    current: dict[str, np.ndarray] = {}
    for name, population, fires in populations(graph):
        modules[name].register_forward_hook(recorder(current, population, fires, membrane))
    frames = np.zeros((recordings.steps.max(), len(recordings), recordings.channels), np.float32)
    for number in range(len(recordings)):
        times, channel = recordings.spikes(number)
        frames[times, number, channel] = recordings.counts(number)
    outputs: dict[str, list[np.ndarray]] = {population: [] for _, population, _ in populations(graph)}
    state = None
    with torch.no_grad(), timed():
        for frame in torch.from_numpy(frames):
            current.clear()
            state = step(frame, state)
            for population, values in current.items():
                outputs[population].append(values)
    spikes: Spikes = {}
    membranes: Membranes = {}
    for _, population, fires in populations(graph):
        values = np.stack(outputs[population])
        trains = [values[:steps, number] for number, steps in enumerate(recordings.steps)]
        if fires:
            spikes[population] = [(train.nonzero()[0], train.nonzero()[1]) for train in trains]
        else:
            membranes[population] = trains
    return spikes, membranes


def recorder(
    current: dict[str, np.ndarray], population: str, fires: bool, membrane: Callable[[Any, Any], Any]
) -> Callable[..., None]:
    """Return a hook that records the output of a population's module.

    Args:
        current: Outputs of the step, by population.
        population: Name of the population.
        fires: Whether it fires.
        membrane: See `run`.
    """

    def hook(module: Any, inputs: Any, output: Any) -> None:
        del inputs
        if fires:
            spikes = output[0] if isinstance(output, tuple) else output
            current[population] = spikes.numpy() > 0
        else:
            current[population] = membrane(module, output).numpy().copy()

    return hook
