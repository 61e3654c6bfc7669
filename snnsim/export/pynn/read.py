"""From a folder for PyNN back to the Program, from the files that PyNN reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import untrusted
from snnsim.export.common import reading
from snnsim.export.pynn.tables import read_table
from snnsim.export.pynn.write import FORMAT, HEADER
from snnsim.files import folder_read_whole
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.program.arrays import frozen
from snnsim.program.header import Header, integer_field, list_field, table_field
from snnsim.program.parts import ARRAYS


def claims(folder: Path) -> bool:
    """Return whether a folder is of this target.

    Args:
        folder: The folder, which may be empty or of another target.
    """
    return all((Path(folder) / name).is_file() for name in (HEADER, "run.py"))


def read(path: Path) -> Program:
    """Return the Program of a folder of `write`.

    Args:
        path: Folder with the script, the header and the tables of neurons and connections.

    Raises:
        FileNotFoundError: If there is no folder.
        ValueError: If it is damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}")
    with reading(path), folder_read_whole(path):
        return _program(path, Header.of(untrusted.read_json(path / HEADER), form=FORMAT))


def _program(path: Path, header: Header) -> Program:
    digests = table_field(header.table, "digests") if "digests" in header.table else None
    populations = _populations(path, header, digests)
    size, lags = header.sizes(populations), {INPUT: 0} | header.by_population("lateness")
    files: dict[int, list[Any]] = {number: [] for number in range(len(header.edges))}
    for connection in list_field(header.table, "connections", dict):
        # those of the bias channel come after the edges of the header
        files.setdefault(integer_field(connection, "edge", at_least=0), []).append(connection.get("file"))
    edges = []
    for number, (source, target) in enumerate(header.edges):
        tables = (read_table(path, file, columns=4, digests=digests) for file in files[number])
        pre, post, weight, hardware_delay = np.concatenate([np.zeros((4, 0)), *tables], 1)
        if header.fixed is not None:
            weight = frozen(np.rint(weight), np.int64, f"edge {number}: weights")
        delay = hardware_delay - (lags[target] - lags[source])
        edges.append(Edge.of(source, target, (pre, post, delay, weight), sources=size[source]))
    return header.program(populations, edges)


def _populations(path: Path, header: Header, digests: Mapping[str, Any] | None) -> list[Population]:
    files, populations = table_field(header.table, "neurons"), []
    dtype = np.int64 if header.fixed is not None else np.float64
    for name, model in header.populations:
        # behind the two columns of PyNN
        *numbers, scale = read_table(path, files.get(name), columns=2 + len(ARRAYS), digests=digests)[2:]
        if header.fixed is not None:
            numbers = [np.rint(column) for column in numbers]
        decay, threshold, bias = (
            frozen(column, dtype, f"{name!r}: {array}") for column, array in zip(numbers, ARRAYS[:3], strict=True)
        )
        populations.append(Population(name, model, decay, threshold, bias, scale))
    return populations
