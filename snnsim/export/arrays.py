"""Plain arrays for everything else: one row per synapse, in NumPy's format or HDF5, and what they mean beside them.

    NAME.npz   population/P/{decay,threshold,bias,unit}, of noisy rules {width,back} too
               edge/K/{pre,post,delay,weight,machine_delay}
               header (JSON, as bytes)
    NAME.h5    the same as groups and data sets; the header is the attribute `header`

Shapes   decay, threshold, bias, unit, width, back (neuron,) · pre, post, delay, weight, machine_delay (synapse,)
         P a population's name, or header["names"][name] where it cannot stand in a path; K the number of an edge in
         header["edges"]
Units    delays in steps of header["time_step_ms"]; `delay` is ours, 0 the same step; `machine_delay` is at least 1,
         for machines on which every synapse takes a step: population P then fires header["lateness"][P] steps late, and
         its bias is there from that step on
Names    header: channels, populations [name, rule], edges [source, target], readout, decision, classes, extra_steps,
         fixed (integer arithmetic), provenance; the equations are those of `snnsim.program.model`; lateness is null and
         there is no machine_delay where a loop is too short for such a machine
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import hdf5, untrusted
from snnsim.export.checks import Violation
from snnsim.export.identifiers import path_names
from snnsim.export.retiming import Retimed, retimed
from snnsim.files import hdf5_written_whole, written_whole
from snnsim.program import Edge, Population, Program
from snnsim.program.header import Header, table_field
from snnsim.program.parts import array_in_file, array_names

FORMAT = "snnsim plain arrays"
OURS = "was not written by `snnsim export`"
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
    """Return the Program that `write_npz` wrote; raises ValueError where it is damaged."""
    try:
        with untrusted.arrays(path) as arrays:
            return _built(arrays.json("header"), arrays.__getitem__)
    except (ValueError, OSError) as error:
        untrusted.refuse(path, OURS, error)


def write_hdf5(program: Program, path: Path) -> None:
    """Write a Program as HDF5 data sets."""
    header, arrays = _parts(program)
    with hdf5_written_whole(path) as file:
        file.attrs["header"] = header
        for name, values in arrays.items():
            file.create_dataset(name, data=values, compression="gzip" if values.size else None)


def read_hdf5(path: Path) -> Program:
    """Return the Program that `write_hdf5` wrote; raises ValueError where it is damaged."""
    try:
        file = hdf5.opened(path)
        return _built(untrusted.parse_object(file.attribute("header"), where="header"), file.numbers)
    except (ValueError, OSError) as error:
        untrusted.refuse(path, OURS, error)


def _parts(program: Program) -> tuple[str, dict[str, Any]]:
    moved, called = _machine(program), path_names(program)
    told = {"format": FORMAT, "version": 1, **program.header(), "lateness": None if moved is None else moved.lateness}
    renamed = {name: path for name, path in called.items() if name != path}
    header = json.dumps(told | ({"names": renamed} if renamed else {}))
    arrays = {
        f"population/{called[part.name]}/{array_in_file(name)}": getattr(part, name)
        for part in program.populations
        for name in part.array_names
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


def _built(told: dict[str, Any], array: Callable[[str], np.ndarray]) -> Program:
    header = Header.of(told, form=FORMAT)
    renamed = table_field(told, "names") if "names" in told else {}
    populations = [
        Population(
            name,
            model,
            **{
                each: array(f"population/{renamed.get(name, name)}/{array_in_file(each)}")
                for each in array_names(model)
            },
        )
        for name, model in header.populations
    ]
    size, edges = header.sizes(populations), []
    for number, (source, target) in enumerate(header.edges):
        pre, post, delay, weight = (array(f"edge/{number}/{each}") for each in _SYNAPSE)
        edges.append(Edge.of(source, target, (pre, post, delay, weight), sources=size[source]))
    return header.program(populations, edges)
