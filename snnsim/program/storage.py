"""A Program as one file: a zip of NumPy arrays and a JSON header, without pickles; it is read without torch.

The header has the fields `format` and `version`. Every array is stored with its CRC, which is compared on reading.
Arrays of other names are ignored.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import untrusted
from snnsim.files import written_whole
from snnsim.program.conv_edge import ConvEdge
from snnsim.program.edge import EDGE_ARRAYS, Edge
from snnsim.program.header import Header
from snnsim.program.model import Program
from snnsim.program.parts import MODELS, Population, array_in_file, array_names

FORMAT = "snnsim program"
"""Value of the field `format`."""
VERSION = 7
"""The newest version. A program is written in the oldest version that holds its parts, for older readers: version 1
has no noisy models, version 2 none with two state variables, version 3 no further readouts,
version 4 no tasks but classes of recordings, version 5 no convolutions, and version 6 neither graded messages nor
initial potentials."""

FURTHER_READOUTS, OTHER_TASKS, CONVOLUTIONS = 4, 5, 6
"""The versions since which files hold several readouts, other tasks than classes of recordings, and convolutions."""


def save(program: Program, path: Path) -> None:
    """Write a Program; another process reads the old file or the complete new one.

    Args:
        program: The Program.
        path: The file; missing folders above it are made.
    """
    version = max(MODELS[population.model].version for population in program.populations)
    parts = {
        FURTHER_READOUTS: bool(program.further_readouts),
        OTHER_TASKS: any(readout.task != "class" for readout in program.readouts),
        CONVOLUTIONS: bool(program.convolutions),
    }
    version = max(version, *(since for since, present in parts.items() if present), 1)
    header = {"format": FORMAT, "version": version, **program.header()}
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with written_whole(Path(path)) as partial, partial.open("wb") as file:
        arrays: dict[str, Any] = dict(program.arrays())
        np.savez(file, header=text, **arrays)


def load(path: Path) -> Program:
    """Return the Program of a file.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is a folder, no program, damaged, newer than this snnsim, or would need more memory than a
            file of its size may (`snnsim.untrusted`).
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder, and a program is a file; `snnsim freeze {path} -o FILE` makes one of a run"
        )
    if not path.exists():
        raise FileNotFoundError(f"there is no program {path}; `snnsim freeze RUN -o {path}` makes one")
    return _read(path)


class _FileError(ValueError):
    """An error whose message names the file."""


def _read(path: Path) -> Program:
    try:
        with untrusted.arrays(path) as arrays:
            return _program(path, _header(path, arrays), arrays)
    except (_FileError, FileNotFoundError):
        raise
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is damaged, or no program of snnsim: {error}") from error


def _header(path: Path, arrays: untrusted.Arrays) -> Header:
    if "header" not in arrays:
        raise _FileError(f"{path} is no program of snnsim; it has no header")
    try:
        table = arrays.json("header")
        version = table.get("version")
        if table.get("format") != FORMAT or not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise ValueError("the header is that of another format")
        if version > VERSION:
            raise _FileError(
                f"program {path} has version {version}, newer than the {VERSION} that this snnsim knows; "
                "upgrade snnsim to read it"
            )
        return Header.of(table)
    except _FileError:
        raise
    except ValueError as error:
        raise _FileError(f"{path} is no program of snnsim: {error}") from error


def _program(path: Path, header: Header, arrays: untrusted.Arrays) -> Program:
    try:
        populations = tuple(
            Population(
                name, model, **{each: arrays[f"population{n}.{array_in_file(each)}"] for each in array_names(model)}
            )
            for n, (name, model) in enumerate(header.populations)
        )
        header.sizes(populations)
        return header.program(populations, [_edge(number, header, arrays) for number in range(len(header.edges))])
    except ValueError as error:
        raise _FileError(f"program {path} is damaged: {error}; freeze the run again") from error


def _edge(number: int, header: Header, arrays: untrusted.Arrays) -> Edge | ConvEdge:
    source, target = header.edges[number]
    geometry = header.convolutions.get(number)
    names = EDGE_ARRAYS if geometry is None else ConvEdge.array_names
    values = {name: arrays[f"edge{number}.{array_in_file(name)}"] for name in names}
    return Edge(source, target, **values) if geometry is None else ConvEdge(source, target, geometry, **values)
