"""What the importers that make torch modules of a NIR file have in common; needs NumPy, nir and torch.

All recordings are run side by side, one step after the other, and every population is listened to where it stands.
"""

import nir
import numpy as np
import torch


def read(path, known):
    """Return the graph of a file, and what snnsim says about it; `known` are the encodings that an importer runs."""
    graph = nir.read(path)
    about = graph.metadata
    if about.get("encoding") not in known:
        raise ValueError(
            f"the file has the encoding {about.get('encoding')!r}, and here it must be {' or '.join(known)}; "
            f"snnsim export --to nir --encoding {known[0]}"
        )
    return graph, about


def populations(graph):
    """Return the name of each population's node, its name in the program, and whether it fires."""
    return [
        (name, node.metadata["population"], node.metadata["rule"] != "readout")
        for name, node in graph.nodes.items()
        if "population" in node.metadata
    ]


def run(step, graph, modules, recordings, *, membrane):
    """Return spikes and membranes of recordings.

    step(frame, state) runs the network and returns its state; modules are the populations' by node; membrane(module,
    output) is that of a readout whose module has just given an output.
    """
    given = {}
    for name, population, fires in populations(graph):
        modules[name].register_forward_hook(listener(given, population, fires, membrane))
    frames = np.zeros((recordings.steps.max(), len(recordings), recordings.channels), np.float32)
    for number in range(len(recordings)):
        when, channel = recordings.spikes(number)
        frames[when, number, channel] = recordings.counts(number)
    kept = {population: [] for _, population, _ in populations(graph)}
    state = None
    with torch.no_grad():
        for frame in torch.from_numpy(frames):
            given.clear()
            state = step(frame, state)
            for population, values in given.items():
                kept[population].append(values)
    spikes, membranes = {}, {}
    for _, population, fires in populations(graph):
        values = np.stack(kept[population])
        parts = [values[:steps, number] for number, steps in enumerate(recordings.steps)]
        if fires:
            spikes[population] = [np.nonzero(part) for part in parts]
        else:
            membranes[population] = parts
    return spikes, membranes


def listener(given, population, fires, membrane):
    """Return a hook that keeps what a population gives."""

    def hook(module, inputs, output):
        del inputs
        values = (output[0] if isinstance(output, tuple) else output) if fires else membrane(module, output)
        given[population] = values.numpy().copy() if not fires else values.numpy() > 0

    return hook
