"""From plain arrays back to the Program, number for number."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import hdf5, untrusted
from snnsim.export.arrays.write import FORMAT, VERSION
from snnsim.export.common import reading
from snnsim.program import Edge, Population, Program
from snnsim.program.header import Header, table_field
from snnsim.program.parts import array_in_file, array_names

_SYNAPSE = ("pre", "post", "delay", "weight")


def read_npz(path: Path) -> Program:
    """Return the Program of a file of `write_npz`.

    Args:
        path: The file; its suffix does not matter.

    Raises:
        ValueError: If it is damaged.
    """
    with reading(path), untrusted.arrays(path) as arrays:
        return _program(arrays.json("header"), arrays.__getitem__)


def read_hdf5(path: Path) -> Program:
    """Return the Program of a file of `write_hdf5`.

    Args:
        path: The file; its suffix does not matter.

    Raises:
        ValueError: If it is damaged.
    """
    with reading(path):
        file = hdf5.opened(path)
        return _program(untrusted.parse_object(file.attribute("header"), where="header"), file.numbers)


def _program(fields: dict[str, Any], array: Callable[[str], np.ndarray]) -> Program:
    header = Header.of(fields, form=FORMAT, version=VERSION)
    names = table_field(fields, "names") if "names" in fields else {}
    populations = [
        Population(
            name,
            model,
            **{each: array(f"population/{names.get(name, name)}/{array_in_file(each)}") for each in array_names(model)},
        )
        for name, model in header.populations
    ]
    size, edges = header.sizes(populations), []
    for number, (source, target) in enumerate(header.edges):
        pre, post, delay, weight = (array(f"edge/{number}/{name}") for name in _SYNAPSE)
        edges.append(Edge.of(source, target, (pre, post, delay, weight), sources=size[source]))
    return header.program(populations, edges)
