"""From the matrices of Xylo back to the Program, whose synapses are those of the matrices."""

from pathlib import Path

import numpy as np

from snnsim import untrusted
from snnsim.export.common import reading
from snnsim.export.xylo.chains import Chains
from snnsim.export.xylo.write import FORMAT
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.program.header import Header, arrays_field, list_field, table_field
from snnsim.program.parts import ARRAYS, array_in_file


def read(path: Path) -> Program:
    """Return the Program of a file of `write`.

    Args:
        path: The file; its suffix does not matter.

    Raises:
        ValueError: If it is damaged.
    """
    with reading(path), untrusted.arrays(path) as arrays:
        return _program(Header.of(arrays.json("header"), form=FORMAT), arrays)


def _program(header: Header, arrays: untrusted.Arrays) -> Program:
    populations = _populations(header)
    lags, size = {INPUT: 0} | header.by_population("lateness"), header.sizes(populations)
    matrices = {name: _matrix(arrays, name) for name in ("weights_rec", "weights_out")}
    hidden = len(matrices["weights_rec"])
    if matrices["weights_rec"].shape[1] != hidden or len(matrices["weights_out"]) != hidden:
        raise ValueError(f"weights_rec and weights_out must have a row for each of {hidden} hidden neurons")
    chains, edges = _chains(header, size, hidden), []
    for source, target in header.edges:
        fires = _fires(header, target)
        matrix = matrices["weights_rec" if fires else "weights_out"]
        columns = [chain[0] for chain in chains[target]] if fires else list(range(size[target]))
        if max(columns) >= matrix.shape[1]:
            raise ValueError(f"the weights of {source!r} -> {target!r} must be for {size[target]} neurons")
        synapses = [_synapses(matrix[chain][:, columns]) for chain in chains[source]]
        pre = np.repeat(np.arange(len(synapses)), [len(row[0]) for row in synapses])
        post, position, weight = (np.concatenate([row[k] for row in synapses]).astype(np.int64) for k in range(3))
        delay = position + 1 - (lags[target] - lags[source])
        edges.append(Edge.of(source, target, (pre, post, delay, weight), sources=len(synapses)))
    return header.program(populations, edges)


def _populations(header: Header) -> list[Population]:
    neurons, populations = table_field(header.table, "neurons"), []
    for name, model in header.populations:
        fields = table_field(neurons, name)
        arrays = (arrays_field({each: [fields.get(each)]}, each, count=1)[0] for each in map(array_in_file, ARRAYS))
        populations.append(Population(name, model, *arrays))
    return populations


def _matrix(arrays: untrusted.Arrays, name: str) -> np.ndarray:
    matrix = arrays[name]
    if matrix.ndim != 2 or matrix.dtype.kind not in "iu":
        raise ValueError(f"{name} must be whole numbers of 2 axes, not {matrix.dtype} of shape {matrix.shape}")
    return matrix


def _chains(header: Header, size: dict[str, int], hidden: int) -> Chains:
    fields, chains = table_field(header.table, "chains"), {}
    for name in {name for edge in header.edges for name in edge if name == INPUT or _fires(header, name)}:
        chains[name] = list_field(fields, name, list, count=size[name])
        for chain in chains[name]:
            neurons = list_field({"chain": chain}, "chain", int)
            if not all(0 <= neuron < hidden for neuron in neurons) or not (chain or name == INPUT):
                raise ValueError(f"chains of {name!r} must be lists of neurons from 0 to {hidden - 1}")
    return chains


def _fires(header: Header, name: str) -> bool:
    return dict(header.populations)[name] != "readout"


def _synapses(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return target, position in the chain, and weight of the synapses of a source (chain entry, target)."""
    position, post = np.nonzero(weights)
    # the first entry that is not 0 has twice the weight
    first = np.full(weights.shape[1], len(weights))
    np.minimum.at(first, post, position)
    targets = np.flatnonzero(first < len(weights))
    return targets, first[targets], weights[first[targets], targets] // 2
