"""Plain arrays for everything else: one row per synapse, in NumPy's format or HDF5, and what they mean beside them.

    NAME.npz   population/P/{decay,threshold,bias,unit}, of noisy rules {width,back} too
               edge/K/{pre,post,delay,weight,machine_delay}
               header (JSON, as bytes)
    NAME.h5    the same as groups and data sets; the header is the attribute `header`

Shapes   decay, threshold, bias, unit, width, back (neuron,) · pre, post, delay, weight, machine_delay (synapse,)
         P a population's name, K the number of an edge in header["edges"]
Units    delays in steps of header["time_step_ms"]; `delay` is ours, 0 the same step; `machine_delay` is at least 1,
         for machines on which every synapse takes a step: population P then fires header["lateness"][P] steps late, and
         its bias is there from that step on
Names    header: channels, populations [name, rule], edges [source, target], readout, decision, classes, extra_steps,
         fixed (integer arithmetic), provenance; the equations are those of `snnsim.program.model`; lateness is null and
         there is no machine_delay where a loop is too short for such a machine
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim.export.checks import Violation
from snnsim.export.retiming import Retimed, retimed
from snnsim.files import hdf5_written_whole, written_whole
from snnsim.program import Edge, FixedPoint, Population, Program
from snnsim.program.model import parts

FORMAT = "snnsim plain arrays"
_SYNAPSE = ("pre", "post", "delay", "weight")


def check(program: Program) -> Iterator[Violation]:
    """Return no violations: plain arrays hold every Program."""
    del program
    yield from ()


def write_npz(program: Program, path: Path) -> None:
    """Write a Program as NumPy arrays."""
    header, arrays = _parts(program)
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, header=np.frombuffer(header.encode(), np.uint8), **arrays)


def read_npz(path: Path) -> Program:
    """Return the Program that `write_npz` wrote."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return _built(json.loads(arrays["header"].tobytes()), arrays)
    except (zipfile.BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from error


def write_hdf5(program: Program, path: Path) -> None:
    """Write a Program as HDF5 data sets."""
    header, arrays = _parts(program)
    with hdf5_written_whole(path) as file:
        file.attrs["header"] = header
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip" if values.size else None)


def read_hdf5(path: Path) -> Program:
    """Return the Program that `write_hdf5` wrote."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with h5py.File(path, "r") as file:
            header = json.loads(file.attrs["header"])
            names = [name for name, _ in _names(header)]
            return _built(header, {name: file[name][()] for name in names})
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from error


def _parts(program: Program) -> tuple[str, dict[str, Any]]:
    moved = _machine(program)
    lateness = None if moved is None else moved.lateness
    header = json.dumps({"format": FORMAT, "version": 1, **program.header(), "lateness": lateness})
    arrays = {
        f"population/{part.name}/{name}": getattr(part, name) for part in program.populations for name in part.parts
    }
    for number, edge in enumerate(program.edges):
        synapses = {"pre": edge.pre(), "post": edge.post, "delay": edge.delay, "weight": edge.weight}
        if moved is not None:
            synapses["machine_delay"] = moved.connections[number].delay
        arrays |= {f"edge/{number}/{name}": values for name, values in synapses.items()}
    return header, arrays


def _machine(program: Program) -> Retimed | None:
    try:
        return retimed(program, latency=0, least=1)
    except ValueError:
        # the arrays are still of use to a reader that computes populations in order
        return None


def _names(header: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, rule in header["populations"]:
        yield from ((f"population/{name}/{each}", each) for each in parts(rule))
    for number in range(len(header["edges"])):
        yield from ((f"edge/{number}/{each}", each) for each in _SYNAPSE)


def _built(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Program:
    if header["format"] != FORMAT:
        raise ValueError(f"its format is {header['format']!r}, not {FORMAT!r}")
    populations = tuple(
        Population(name, rule, *(arrays[f"population/{name}/{each}"] for each in parts(rule)))
        for name, rule in header["populations"]
    )
    size = {"input": header["channels"]} | {part.name: part.size for part in populations}
    edges = []
    for number, (source, target) in enumerate(header["edges"]):
        pre, post, delay, weight = (arrays[f"edge/{number}/{each}"] for each in _SYNAPSE)
        edges.append(Edge.of(source, target, (pre, post, delay, weight), sources=size[source]))
    fixed = None if header["fixed"] is None else FixedPoint(**header["fixed"])
    kept = ("channels", "time_step_ms", "readout", "decision", "extra_steps", "provenance")
    return Program(
        populations=populations,
        edges=tuple(edges),
        fixed=fixed,
        classes=tuple(header["classes"]),
        **{name: header[name] for name in kept},
    )


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is damaged, or was not written by `snnsim export`: {error}")
