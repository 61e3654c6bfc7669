"""SONATA read back: a folder that `sonata.write` made, exactly; one of others as `sonata_foreign` reads it.

Names    our facts are in snnsim.json, and our numbers beside those of NEST
"""

from pathlib import Path

import numpy as np

from snnsim import hdf5, untrusted
from snnsim.export import sonata_foreign
from snnsim.export.sonata import FACTS, FORMAT, edge_name
from snnsim.export.sonata_foreign import CONFIGS, finite, identifiers, opened
from snnsim.files import folder_read_whole
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.program.header import Header, table_field
from snnsim.program.parts import ARRAYS, array_in_file
from snnsim.validation import require


def claims(folder: Path) -> bool:
    """Return whether a folder is a network in SONATA."""
    return any((Path(folder) / name).is_file() for name in CONFIGS)


def read(path: Path) -> Program:
    """Return the Program of a folder; raises ValueError where it is damaged, or has what no Program has."""
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}")
    try:
        with folder_read_whole(path):
            return _ours(path) if (path / FACTS).is_file() else sonata_foreign.program(path)
    except (ValueError, OSError) as error:
        if str(error).startswith("import: "):
            raise
        raise ValueError(f"{path} is damaged, or is not a network in SONATA: {error}") from error


def _ours(path: Path) -> Program:
    header = Header.of(untrusted.read_json(path / FACTS), form=FORMAT)
    called = table_field(header.table, "names")
    for name in (INPUT, *(name for name, _ in header.populations)):
        require(isinstance(called.get(name), str), f"header: names must have a name for {name!r}")
    nodes, edges = opened(path / "network/nodes.h5"), opened(path / "network/edges.h5")
    populations = [
        Population(
            name, rule, *(nodes.numbers(f"nodes/{called[name]}/0/{array_in_file(each)}", axes=1) for each in ARRAYS)
        )
        for name, rule in header.populations
    ]
    size, late = header.sizes(populations), {INPUT: 0} | header.by_population("lateness")
    made = []
    for number, (source, target) in enumerate(header.edges):
        group = edges.group(f"edges/{edge_name(number, (called[source], called[target]))}")
        pre, post, delay, weight = _our_synapses(group, header)
        delay = delay - (late[target] - late[source])
        made.append(Edge.of(source, target, (pre, post, delay, weight), sources=size[source]))
    return header.program(populations, made)


def _our_synapses(group: hdf5.Tree, header: Header) -> tuple[np.ndarray, ...]:
    weight, delay = (finite(group, name) for name in ("0/syn_weight", "0/delay"))
    if header.fixed is not None:
        weight = np.rint(weight / 2**header.fixed.weight_shift)
        require(bool((np.abs(weight) < 2**15).all()), f"{group.name}/0/syn_weight must be weights of 16 bits")
        weight = weight.astype(np.int64)
    pre, post = (identifiers(group, f"{end}_node_id") for end in ("source", "target"))
    return pre, post, np.rint(delay / header.time_step_ms), weight
