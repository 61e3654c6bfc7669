"""The Program of a folder that was written for PyNN, from the files that PyNN reads."""

from pathlib import Path
from typing import Any

import numpy as np

from snnsim import untrusted
from snnsim.export.pynn.writing import FACTS, FORMAT
from snnsim.files import folder_read_whole
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.program.arrays import frozen
from snnsim.program.header import Header, integer_field, list_field, table_field
from snnsim.program.parts import ARRAYS


def claims(folder: Path) -> bool:
    """Return whether a folder was written for PyNN."""
    return all((Path(folder) / name).is_file() for name in (FACTS, "run.py"))


def read(path: Path) -> Program:
    """Return the Program of a folder; raises ValueError where it is damaged."""
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}")
    try:
        with folder_read_whole(path):
            return _program(path, Header.of(untrusted.read_json(path / FACTS), form=FORMAT))
    except (ValueError, OSError) as error:
        untrusted.refuse(path, "was not written by `snnsim export`", error)


def _program(path: Path, header: Header) -> Program:
    files, populations = table_field(header.table, "neurons"), []
    for name, rule in header.populations:
        numbers = dict(zip(ARRAYS, _table(path, files.get(name), columns=6)[2:], strict=True))
        for each in ARRAYS[:3] if header.fixed is not None else ():
            numbers[each] = np.rint(numbers[each])
        kind = np.int64 if header.fixed is not None else np.float64
        parts = (frozen(numbers[each], kind, f"{name!r}: {each}") for each in ARRAYS[:3])
        populations.append(Population(name, rule, *parts, numbers["scale"]))
    size, late = header.sizes(populations), {INPUT: 0} | header.by_population("lateness")
    of_edge: dict[int, list[str]] = {number: [] for number in range(len(header.edges))}
    for each in list_field(header.table, "connections", dict):
        # those of the clock come after the edges of the header
        of_edge.setdefault(integer_field(each, "edge", at_least=0), []).append(each.get("file"))
    edges = []
    for number in range(len(header.edges)):
        named = of_edge[number]
        synapses = np.concatenate([np.zeros((4, 0)), *(_table(path, file, columns=4) for file in named)], 1)
        edges.append(_edge(header, number, synapses, (late, size)))
    return header.program(populations, edges)


def _edge(header: Header, number: int, synapses: np.ndarray, known: tuple[dict[str, int], dict[str, int]]) -> Edge:
    (source, target), (late, size) = header.edges[number], known
    pre, post, weight, delay = synapses
    delay = delay - (late[target] - late[source])
    # NumPy's integers, where the program is in integers
    weight = weight if header.fixed is None else frozen(np.rint(weight), np.int64, f"edge {number}: weights")
    return Edge.of(source, target, (pre, post, delay, weight), sources=size[source])


def _table(path: Path, name: Any, *, columns: int) -> np.ndarray:
    """Return the columns of a table of numbers, of which a line is a row."""
    file = untrusted.inside(path, name)
    lines = [line.split() for line in untrusted.read_text(file).splitlines() if line.strip() and line[0] != "#"]
    wrong = next((number for number, line in enumerate(lines) if len(line) != columns), None)
    if wrong is not None:
        raise ValueError(f"{name}: row {wrong} must have {columns} numbers, not {len(lines[wrong])}")
    try:
        found = np.array(lines, np.float64).reshape(-1, columns).T
    except ValueError as error:
        raise ValueError(f"{name}: its rows must be numbers: {error}") from error
    if not np.isfinite(found).all():
        raise ValueError(f"{name}: its numbers must be finite")
    return found
