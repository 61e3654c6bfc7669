"""From a folder in SONATA to a Program: exactly for one of `write`, by `import_network` for one of another tool.

Names    the Program's header is in snnsim.json, and its numbers beside those of NEST
"""

from pathlib import Path

import numpy as np

from snnsim import hdf5, untrusted
from snnsim.export.retiming import keeps_current
from snnsim.export.sonata import import_network
from snnsim.export.sonata.rules import CURRENT_LATENCY
from snnsim.export.sonata.tables import CONFIGS, finite, node_numbers, open_hdf5
from snnsim.export.sonata.write import FORMAT, HEADER, edge_group
from snnsim.files import folder_read_whole
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.program.edge import Synapses
from snnsim.program.header import Header, table_field
from snnsim.program.parts import array_in_file, array_names
from snnsim.validation import require


def claims(folder: Path) -> bool:
    """Return whether a folder is of this target.

    Args:
        folder: The folder, which may be empty or of another target.
    """
    return any((Path(folder) / name).is_file() for name in CONFIGS)


def read(path: Path) -> Program:
    """Return the Program of a folder in SONATA.

    Args:
        path: The folder, by snnsim or another tool.

    Raises:
        FileNotFoundError: If there is no folder.
        ValueError: If it is damaged, or has parts that a Program has not.
        OSError: If a file of it cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}")
    try:
        with folder_read_whole(path):
            return _program(path) if (path / HEADER).is_file() else import_network.program(path)
    except (ValueError, OSError) as error:
        if str(error).startswith("import: "):
            raise
        raise ValueError(f"{path} is damaged, or is not a network in SONATA: {error}") from error


def _program(path: Path) -> Program:
    header = Header.of(untrusted.read_json(path / HEADER), form=FORMAT)
    names = table_field(header.table, "names")
    for name in (INPUT, *(name for name, _ in header.populations)):
        require(isinstance(names.get(name), str), f"header: names must have a name for {name!r}")
    nodes, tree = open_hdf5(path / "network/nodes.h5"), open_hdf5(path / "network/edges.h5")
    populations = [
        Population(
            name,
            model,
            **{
                each: nodes.numbers(f"nodes/{names[name]}/0/{array_in_file(each)}", axes=1)
                for each in array_names(model)
            },
        )
        for name, model in header.populations
    ]
    size, lags = header.sizes(populations), {INPUT: 0} | header.by_population("lateness")
    edges, models = [], dict(header.populations)
    for number, (source, target) in enumerate(header.edges):
        group = tree.group(f"edges/{edge_group(number, (names[source], names[target]))}")
        pre, post, hardware_delay, weight = _synapses(group, header)
        taken = CURRENT_LATENCY if keeps_current(models[target]) else 0
        delay = hardware_delay - (lags[target] - lags[source] - taken)
        edges.append(Edge.of(source, target, (pre, post, delay, weight), sources=size[source]))
    return header.program(populations, edges)


def _synapses(group: hdf5.Tree, header: Header) -> Synapses:
    """Return the synapses of an edge with their hardware delays, and with weights in the Program's units."""
    weight, delay = (finite(group, name) for name in ("0/syn_weight", "0/delay"))
    if header.fixed is not None:
        weight = np.rint(weight / 2**header.fixed.weight_shift)
        require(bool((np.abs(weight) < 2**15).all()), f"{group.name}/0/syn_weight must be weights of 16 bits")
        weight = weight.astype(np.int64)
    pre, post = (node_numbers(group, f"{end}_node_id") for end in ("source", "target"))
    return pre, post, np.rint(delay / header.time_step_ms), weight
