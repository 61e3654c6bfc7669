"""A Program as one file: a zip of NumPy arrays and a JSON header, without pickles; read without torch.

format, version   in the header; a newer version is an error that says so
check             every part is stored with its CRC, so a damaged file is found before it is used
"""

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.files import written_whole
from snnsim.program.fixed import FixedPoint
from snnsim.program.model import Edge, Population, Program, parts

FORMAT = "snnsim program"
VERSION = 2
"""1 has no neurons that fire by chance; a program without them is written as one of 1, for older readers."""
_DAMAGE = (
    OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError, RuntimeError, MemoryError,
    zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip


def save(program: Program, path: Path) -> None:
    """Write a Program; a reader sees the file that was there before, or this one."""
    version = VERSION if any(population.noisy for population in program.populations) else 1
    header = {"format": FORMAT, "version": version, **program.header()}
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with written_whole(Path(path)) as partial, partial.open("wb") as file:
        arrays: dict[str, Any] = dict(program.arrays())
        np.savez(file, header=text, **arrays)


def load(path: Path) -> Program:
    """Return the Program of a file."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder, and a program is a file; `snnsim freeze {path} -o FILE` makes one of a run"
        )
    if not path.is_file():
        raise FileNotFoundError(f"there is no program {path}; `snnsim freeze RUN -o {path}` makes one")
    header, arrays = _read(path)
    if header["version"] > VERSION:
        raise ValueError(
            f"program {path} has version {header['version']}, newer than the {VERSION} that this snnsim knows; "
            "upgrade snnsim to read it"
        )
    try:
        return _built(header, arrays)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise ValueError(f"program {path} is damaged: {error}; freeze the run again") from error


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        with zipfile.ZipFile(path) as packed:
            names = packed.namelist()
            bad = packed.testzip()
    except _DAMAGE as error:
        raise ValueError(f"{path} is damaged, or no program of snnsim: {error}") from error
    if bad is not None:
        raise ValueError(f"program {path} is damaged: its part {bad} is not what was written; freeze the run again")
    if "header.npy" not in names:
        raise ValueError(f"{path} is no program of snnsim; it has no header")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        # older files may have NaN among the facts of where they came from
        header = json.loads(arrays.pop("header").tobytes(), parse_constant=lambda _: None)
        if header["format"] != FORMAT or not isinstance(header["version"], int) or header["version"] < 1:
            raise ValueError("the header is another's")
    except _DAMAGE as error:
        raise ValueError(f"{path} is no program of snnsim: {error}") from error
    return header, arrays


def _built(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Program:
    populations = tuple(
        Population(name, rule, *(arrays[f"population{n}.{part}"] for part in parts(rule)))
        for n, (name, rule) in enumerate(header["populations"])
    )
    edges = tuple(
        Edge(source, target, *(arrays[f"edge{n}.{part}"] for part in ("first", "post", "delay", "weight")))
        for n, (source, target) in enumerate(header["edges"])
    )
    return Program(
        channels=header["channels"],
        populations=populations,
        edges=edges,
        time_step_ms=header["time_step_ms"],
        readout=header["readout"],
        decision=header["decision"],
        classes=tuple(header["classes"]),
        extra_steps=header["extra_steps"],
        fixed=None if header["fixed"] is None else FixedPoint(**header["fixed"]),
        provenance=header["provenance"],
    )
