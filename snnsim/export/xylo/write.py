"""From a Program in integers to the matrices of Xylo."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.export.retiming import HardwareEdge, retime
from snnsim.export.xylo.chains import Chains, hidden_neurons, relay_chains
from snnsim.export.xylo.rules import threshold_weights
from snnsim.files import written_whole
from snnsim.program import INPUT, Program
from snnsim.program.parts import ARRAYS, array_in_file

FORMAT = "snnsim Xylo"
RELAY_WEIGHT, RELAY_THRESHOLD = 100, 50


def write(program: Program, path: Path) -> None:
    """Write the matrices of the chip as NumPy arrays.

    Args:
        program: Program in integers that keeps the rules of the target.
        path: The file, such as network.xylo; missing folders above it are made.

    Raises:
        ValueError: If a loop is too short for retiming.
    """
    retimed, chains = retime(program, latency=0, shortest=1), relay_chains(program)
    arrays = _empty(program, hidden_neurons(program, chains))
    for name, rows in chains.items():
        for number, chain in enumerate(rows):
            _add_relays(arrays, chain, number if name == INPUT else None)
    for population in program.populations:
        if population.fires:
            neurons = [chain[0] for chain in chains[population.name]]
            arrays["threshold"][neurons] = threshold_weights(program, population)
    for edge in retimed.edges:
        _add_synapses(arrays, edge, chains, program.population(edge.target).fires)
    fields: dict[str, Any] = {"format": FORMAT, "version": 1, **program.header(), "lateness": retimed.lags}
    fields["neurons"] = {
        population.name: {array_in_file(name): getattr(population, name).tolist() for name in ARRAYS}
        for population in program.populations
    }
    fields["chains"] = chains
    contents: dict[str, Any] = {**arrays, "header": np.frombuffer(json.dumps(fields).encode(), np.uint8)}
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **contents)


def _empty(program: Program, hidden: int) -> dict[str, np.ndarray]:
    outputs = sum(population.size for population in program.populations if not population.fires)
    return {
        "weights_in": np.zeros((program.channels, hidden), np.int64),
        "weights_rec": np.zeros((hidden, hidden), np.int64),
        "weights_out": np.zeros((hidden, max(outputs, 1)), np.int64),
        "threshold": np.full(hidden, RELAY_THRESHOLD),
    }


def _add_relays(arrays: dict[str, np.ndarray], chain: Sequence[int], channel: int | None) -> None:
    """Let each entry of a chain drive the next one, and take its own half away a step later."""
    if channel is not None and chain:
        arrays["weights_in"][channel, chain[0]] = RELAY_WEIGHT
    for index, neuron in enumerate(chain):
        if index > 0:
            arrays["weights_rec"][chain[index - 1], neuron] = RELAY_WEIGHT
        if index > 0 or channel is not None:
            arrays["weights_rec"][neuron, neuron] = -RELAY_THRESHOLD


def _add_synapses(arrays: dict[str, np.ndarray], edge: HardwareEdge, chains: Chains, fires: bool) -> None:
    """Add twice the weight of each synapse at its delay, and take the weight away a step later."""
    targets = np.array([chain[0] for chain in chains[edge.target]]) if fires else None
    matrix = arrays["weights_rec" if fires else "weights_out"]
    for pre, post, delay, weight in zip(edge.pre, edge.post, edge.delay, edge.weight, strict=True):
        column = post if targets is None else targets[post]
        matrix[chains[edge.source][pre][delay - 1], column] += 2 * weight
        matrix[chains[edge.source][pre][delay], column] -= weight
