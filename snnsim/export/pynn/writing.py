"""A folder for PyNN, which SpiNNaker, NEST and Brian2 are programmed in: text files, and a script that runs them.

    FOLDER/network.json          what there is; what the other files have no place for
           neurons/P.txt         a line for each neuron: τ, V_th, and our decay, threshold, bias, unit
           connections/K.N.excitatory.txt, K.N.inhibitory.txt    a line for each synapse: i, j, weight, delay;
                                 N the number of a synapse among those of its pair
           run.py                python run.py nest|brian2|spiNNaker [SPIKES.txt]

    V ← V exp(−1/τ) + w at each synapse      V ≥ V_th: spike, V = 0      delay d' ≥ 1      (IF_curr_delta)

Units    a step is 1 ms there: τ and delays in steps; V and w, called mV, in units of a program's weights: of integers
         θ and b are divided by 2^weight_shift
Names    a bias is a synapse from the clock, the last source of `input`, which fires in every step · population P fires
         lateness[P] steps late
Source   limits of SpiNNaker: sPyNNaker 7.4.1 (slots of a core 2^(14 − bits of neurons − bits of synapse types), eight
         further stages of delay; weights of 16 bits; numbers of 32 bits, 15 of them after the point)
Differs  synapses that share source, target and delay are read back with those that excite first
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.export import checks, repairs
from snnsim.export.bias_channel import with_clock
from snnsim.export.checks import Violation
from snnsim.export.dequantize import as_floats
from snnsim.export.identifiers import plain_names
from snnsim.export.retiming import Connections, Retimed, retimed
from snnsim.export.sonata import NEVER, time_constant
from snnsim.files import folder_written_whole
from snnsim.program import Population, Program
from snnsim.program.parts import ARRAYS, array_in_file

FORMAT = "snnsim PyNN"
FACTS = "network.json"
NEURONS_PER_CORE, SYNAPSE_TYPES, RING_BITS, STAGES = 256, 2, 14, 8
SLOTS = 2**RING_BITS // NEURONS_PER_CORE // SYNAPSE_TYPES
LONGEST = SLOTS * (1 + STAGES)
HIGHEST = 2**16
REPAIRS = {"clamp_delays": partial(repairs.clamp_machine_delays, latency=0, least=1, most=LONGEST)}


def check(program: Program) -> Iterator[Violation]:
    """Yield what SpiNNaker cannot run; what only takes more of its cores is no violation."""
    yield from checks.reset(program)
    yield from checks.machine_delays(program, latency=0, least=1, most=LONGEST)
    yield from checks.thresholds(program, most=HIGHEST * unit(program))


def write(program: Program, path: Path) -> None:
    """Write a Program as a folder for PyNN."""
    moved = retimed(with_clock(as_floats(program)), latency=0, least=1)
    with folder_written_whole(path) as folder:
        for name in ("neurons", "connections"):
            (folder / name).mkdir()
        called = plain_names(program)
        files = {part.name: f"neurons/{called[part.name]}.txt" for part in program.populations}
        for ours, machine in zip(program.populations, moved.program.populations, strict=True):
            _table(
                folder / files[ours.name],
                ["tau_m", "v_thresh", *map(array_in_file, ARRAYS)],
                _neurons(ours, machine, unit(program)),
            )
        connections = [
            each
            for number, edge in enumerate(moved.connections)
            for each in _connected(edge, number, folder, unit(program))
        ]
        extra = {"unit": unit(program), "neurons": files, "connections": connections}
        facts = {"format": FORMAT, "version": 1, **program.header(), **_machine(moved), **extra}
        (folder / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        for name, text in executed(program).items():
            (folder / name).write_text(text, encoding="utf-8")


def executed(program: Program) -> dict[str, str]:
    """Return the text of each file that `snnsim verify` runs: the script, which is the same for all Programs."""
    del program
    return {"run.py": Path(__file__).with_name("run.py").read_text(encoding="utf-8")}


def unit(program: Program) -> int:
    """Return how many units of a membrane are one of what is written."""
    return 1 if program.fixed is None else 2**program.fixed.weight_shift


def _machine(moved: Retimed) -> dict[str, Any]:
    return {"lateness": moved.lateness, "clock": moved.program.provenance.get("clock")}


def _neurons(ours: Population, machine: Population, scale: int) -> list[np.ndarray]:
    limit = machine.threshold / scale if machine.fires else np.full(machine.size, NEVER)
    return [time_constant(machine.decay, 1.0), limit, *(getattr(ours, name) for name in ARRAYS)]


def _connected(edge: Connections, number: int, folder: Path, scale: int) -> Iterator[dict[str, Any]]:
    weight, tap = edge.weight / scale, _taps(edge)
    for receptor, signed in (("excitatory", weight >= 0), ("inhibitory", weight < 0)):
        for each in np.unique(tap[signed]):
            chosen = signed & (tap == each)
            file = f"connections/{number}.{each}.{receptor}.txt"
            parts = [edge.pre[chosen], edge.post[chosen], weight[chosen], edge.delay[chosen].astype(float)]
            _table(folder / file, ["i", "j", "weight", "delay"], parts)
            yield {
                "edge": number, "source": edge.source, "target": edge.target, "file": file, "receptor": receptor,
                "longest": int(edge.delay[chosen].max()),
            }  # fmt: skip


def _taps(edge: Connections) -> np.ndarray:
    """Return how many synapses before each of them have its source and target: one file holds one of a pair at most.

    PyNN on Brian2 would give all synapses of a pair the numbers of the last.
    """
    pair = edge.pre * (edge.post.max(initial=0) + 1) + edge.post
    order = np.argsort(pair, kind="stable")
    _, first, number = np.unique(pair[order], return_index=True, return_inverse=True)
    taps = np.empty(len(pair), np.int64)
    taps[order] = np.arange(len(pair)) - first[number]
    return taps


def _table(path: Path, names: list[str], columns: list[np.ndarray]) -> None:
    rows = zip(*(column.tolist() for column in columns), strict=True)
    lines = ["\t".join(map(repr, row)) for row in rows]
    path.write_text("\n".join([f"# columns = {json.dumps(names)}", *lines, ""]), encoding="utf-8")
