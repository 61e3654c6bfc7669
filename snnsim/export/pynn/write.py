"""From a Program to a folder for PyNN."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.export.bias_channels import added_channel, with_bias_channel
from snnsim.export.common import plain_names, threshold_or_never, time_constant
from snnsim.export.pynn.rules import weight_unit
from snnsim.export.pynn.tables import digest, table_text
from snnsim.export.retiming import HardwareEdge, retime
from snnsim.files import folder_written_whole
from snnsim.program import Population, Program
from snnsim.program.arrays import rank_within
from snnsim.program.parts import ARRAYS, array_in_file
from snnsim.quantization import dequantized

FORMAT = "snnsim PyNN"
HEADER = "network.json"
FORMER_SCRIPTS = frozenset(
    {
        "b0a03f2ec37072f165344d5f406b09915b0556b84a763c8c095249e9e0288195",
        "e1e67bd5167c6af35b3aa699aa3d49856b53f56de650e517674720d5dd5a1fde",
        "accdda74a9e752d9d543db83730511ccf4fa020d1a62b2d28085d6c845ceb23b",
    }
)
"""SHA-256 of the scripts of earlier versions."""


def write(program: Program, path: Path) -> None:
    """Write a Program as a folder for PyNN.

    Args:
        program: Program that keeps the rules of the target. Neurons and synapses are written in floats.
        path: The folder. Files of an existing folder with the same names are replaced; all other files stay.

    Raises:
        ValueError: If a loop is too short for retiming.
    """
    floats = with_bias_channel(dequantized(program, units="integer"))
    retimed = retime(floats, latency=0, shortest=1)
    names, unit = plain_names(program), weight_unit(program)
    files = {population.name: f"neurons/{names[population.name]}.txt" for population in program.populations}
    tables = {
        files[ours.name]: _neuron_table(ours, written, unit)
        for ours, written in zip(program.populations, retimed.program.populations, strict=True)
    }
    connections = []
    for number, edge in enumerate(retimed.edges):
        for connection, text in _connections(edge, number, unit):
            connections.append(connection)
            tables[connection["file"]] = text
    own: dict[str, Any] = {"lateness": retimed.lags, "clock": added_channel(program, floats), "unit": unit}
    own |= {"neurons": files, "connections": connections}
    own["digests"] = {name: digest(text) for name, text in tables.items()}
    header = {"format": FORMAT, "version": 1, **program.header(), **own}
    texts = tables | {HEADER: json.dumps(header, indent=1)} | executed(program)
    with folder_written_whole(path) as folder:
        for name in ("neurons", "connections"):
            (folder / name).mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")


def executed(program: Program) -> dict[str, str]:
    """Return the text of each file that `snnsim verify` runs: the script, which is the same for all Programs.

    Args:
        program: Any Program.
    """
    del program
    return {"run.py": Path(__file__).with_name("run.py").read_text(encoding="utf-8")}


def _neuron_table(ours: Population, written: Population, unit: int) -> str:
    """Return the table of a population in floats, `written`, and of its numbers in the Program."""
    threshold = threshold_or_never(written)
    if written.fires:
        threshold = threshold / unit
    columns = [time_constant(written.decay, 1.0), threshold, *(getattr(ours, name) for name in ARRAYS)]
    return table_text(["tau_m", "v_thresh", *map(array_in_file, ARRAYS)], columns)


def _connections(edge: HardwareEdge, number: int, unit: int) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield an edge's entries in the header, and the table of each.

    A table has one synapse of a pair at most, as PyNN on Brian2 would give all synapses of a pair the numbers of the
    last.
    """
    weight, tap = edge.weight / unit, rank_within(edge.pre, edge.post)
    for receptor, sign in (("excitatory", weight >= 0), ("inhibitory", weight < 0)):
        for each in np.unique(tap[sign]):
            mask = sign & (tap == each)
            delay = edge.delay[mask]
            columns: Sequence[np.ndarray] = [edge.pre[mask], edge.post[mask], weight[mask], delay.astype(float)]
            connection = {
                "edge": number, "source": edge.source, "target": edge.target,
                "file": f"connections/{number}.{each}.{receptor}.txt", "receptor": receptor,
                "longest": int(delay.max()),
            }  # fmt: skip
            yield connection, table_text(["i", "j", "weight", "delay"], columns)
