"""From a Program to plain arrays, in NumPy's format or HDF5."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.export.common import path_names
from snnsim.export.retiming import Retimed, retime
from snnsim.files import hdf5_written_whole, written_whole
from snnsim.program import Program
from snnsim.program.parts import array_in_file

FORMAT = "snnsim plain arrays"
VERSION = 2
"""The newest version; files with one readout are of version 1, for older readers."""


def write_npz(program: Program, path: Path) -> None:
    """Write a Program as NumPy arrays.

    Args:
        program: Program in floats or integers. Its arrays are written unchanged.
        path: The file, such as network.npz; missing folders above it are made.
    """
    header, arrays = _contents(program)
    contents: dict[str, Any] = {"header": np.frombuffer(header.encode(), np.uint8), **arrays}
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **contents)


def write_hdf5(program: Program, path: Path) -> None:
    """Write a Program as HDF5 data sets.

    Args:
        program: Program in floats or integers. Its arrays are written unchanged.
        path: The file, such as network.h5; missing folders above it are made.
    """
    header, arrays = _contents(program)
    with hdf5_written_whole(path) as file:
        file.attrs["header"] = header
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip" if values.size else None)


def _contents(program: Program) -> tuple[str, dict[str, np.ndarray]]:
    """Return the header as JSON, and the arrays by name."""
    retimed, names = _retimed(program), path_names(program)
    fields = {
        "format": FORMAT,
        "version": VERSION if program.further_readouts else 1,
        **program.header(),
        "lateness": retimed.lags if retimed else None,
    }
    changed = {name: path for name, path in names.items() if name != path}
    header = json.dumps(fields | ({"names": changed} if changed else {}))
    arrays = {
        f"population/{names[population.name]}/{array_in_file(name)}": getattr(population, name)
        for population in program.populations
        for name in population.array_names
    }
    for number, edge in enumerate(program.single_edges):
        synapses = {"pre": edge.pre(), "post": edge.post, "delay": edge.delay, "weight": edge.weight}
        if retimed is not None:
            synapses["machine_delay"] = retimed.edges[number].delay
        arrays |= {f"edge/{number}/{name}": values for name, values in synapses.items()}
    return header, arrays


def _retimed(program: Program) -> Retimed | None:
    try:
        return retime(program, latency=0, shortest=1)
    except ValueError:
        # a simulator that computes populations in order needs no hardware delays
        return None
