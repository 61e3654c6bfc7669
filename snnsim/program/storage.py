"""A Program as one file: a zip of NumPy arrays and a JSON header, without pickles; read without torch.

format, version   in the header; a newer version is an error that says so
check             every part is stored with its CRC, which is compared when it is read; parts of others are not read
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import untrusted
from snnsim.files import written_whole
from snnsim.program.header import Header
from snnsim.program.model import Program
from snnsim.program.parts import Edge, Population, array_in_file, array_names

FORMAT = "snnsim program"
VERSION = 2
"""1 has no neurons that fire by chance; a program without them is written as one of 1, for older readers."""


def save(program: Program, path: Path) -> None:
    """Write a Program; a reader sees the file that was there before, or this one."""
    version = VERSION if any(population.noisy for population in program.populations) else 1
    header = {"format": FORMAT, "version": version, **program.header()}
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with written_whole(Path(path)) as partial, partial.open("wb") as file:
        arrays: dict[str, Any] = dict(program.arrays())
        np.savez(file, header=text, **arrays)


def load(path: Path) -> Program:
    """Return the Program of a file.

    Raises:
        FileNotFoundError: If there is none.
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
    try:
        with untrusted.arrays(path) as arrays:
            return _built(path, _header(path, arrays), arrays)
    except (_Said, FileNotFoundError):
        raise
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is damaged, or no program of snnsim: {error}") from error


class _Said(ValueError):
    """An error that names the file already."""


def _header(path: Path, arrays: untrusted.Arrays) -> Header:
    if "header" not in arrays:
        raise _Said(f"{path} is no program of snnsim; it has no header")
    try:
        told = arrays.json("header")
        version = told.get("version")
        if told.get("format") != FORMAT or not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise ValueError("the header is another's")
        if version > VERSION:
            raise _Said(
                f"program {path} has version {version}, newer than the {VERSION} that this snnsim knows; "
                "upgrade snnsim to read it"
            )
        return Header.of(told)
    except _Said:
        raise
    except ValueError as error:
        raise _Said(f"{path} is no program of snnsim: {error}") from error


def _built(path: Path, header: Header, arrays: untrusted.Arrays) -> Program:
    try:
        populations = tuple(
            Population(name, model, *(arrays[f"population{n}.{array_in_file(each)}"] for each in array_names(model)))
            for n, (name, model) in enumerate(header.populations)
        )
        header.sizes(populations)
        edges = tuple(
            Edge(source, target, *(arrays[f"edge{n}.{part}"] for part in ("first", "post", "delay", "weight")))
            for n, (source, target) in enumerate(header.edges)
        )
        return header.program(populations, edges)
    except ValueError as error:
        raise _Said(f"program {path} is damaged: {error}; freeze the run again") from error
