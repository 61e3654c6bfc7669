"""The Program of a folder that was written for PyNN, from the files that PyNN reads."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.export.pynn.writing import FACTS, FORMAT
from snnsim.export.sonata import NUMBERS
from snnsim.program import INPUT, Edge, FixedPoint, Population, Program


def claims(folder: Path) -> bool:
    """Return whether a folder was written for PyNN."""
    return all((Path(folder) / name).is_file() for name in (FACTS, "run.py"))


def read(path: Path) -> Program:
    """Return the Program of a folder; raises ValueError where it is damaged."""
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}")
    try:
        return _program(path, json.loads((path / FACTS).read_text(encoding="utf-8")))
    except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged, or was not written by `snnsim export`: {error}") from error


def _program(path: Path, header: dict[str, Any]) -> Program:
    if header["format"] != FORMAT:
        raise ValueError(f"its format is {header['format']!r}, not {FORMAT!r}")
    fixed = None if header["fixed"] is None else FixedPoint(**header["fixed"])
    populations = []
    for name, rule in header["populations"]:
        table = np.loadtxt(path / header["neurons"][name], ndmin=2)[:, 2:].T
        numbers = dict(zip(NUMBERS, table, strict=True))
        for each in NUMBERS[:3] if fixed is not None else ():
            numbers[each] = np.rint(numbers[each]).astype(np.int64)
        populations.append(Population(name, rule, **numbers))
    size = {INPUT: header["channels"]} | {part.name: part.size for part in populations}
    edges = tuple(_edge(path, header, number, size[source]) for number, (source, _) in enumerate(header["edges"]))
    kept = ("channels", "time_step_ms", "readout", "decision", "extra_steps", "provenance")
    return Program(
        populations=tuple(populations),
        edges=edges,
        fixed=fixed,
        classes=tuple(header["classes"]),
        **{name: header[name] for name in kept},
    )


def _edge(path: Path, header: dict[str, Any], number: int, sources: int) -> Edge:
    source, target = header["edges"][number]
    files = [path / each["file"] for each in header["connections"] if each["edge"] == number]
    tables = [np.loadtxt(file, ndmin=2) for file in files]
    pre, post, weight, delay = np.concatenate([np.zeros((0, 4)), *tables]).T
    pre, post, delay = (part.astype(np.int64) for part in (pre, post, delay))
    delay = delay - (header["lateness"][target] - header["lateness"][source])
    # NumPy's integers, where the program is in integers
    weight = weight if header["fixed"] is None else np.rint(weight).astype(np.int64)
    return Edge.of(source, target, (pre, post, delay, weight), sources=sources)
