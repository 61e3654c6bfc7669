"""SONATA: the neutral format of networks for simulators, a folder of HDF5 and CSV tables; NEST's names for the neurons.

    FOLDER/circuit_config.json                what there is, and where
           simulation_config.json             how long, and with which spikes: BMTK's PointNet runs it as it is
           inputs.h5                          /spikes/input: an example, a spike in every channel
           network/input_nodes.h5, input_node_types.csv   /nodes/input: a virtual node for each channel
           network/nodes.h5, node_types.csv   /nodes/P: a type for each distinct (τ, V_th); ours beside them, see Names
           network/edges.h5, edge_types.csv   /edges/K_P_to_Q: source, target, syn_weight, delay
           components/                        iaf_psc_delta's numbers, one file for each type
           snnsim.json                        what SONATA has no place for

    V ← V exp(−h/τ) + w at each synapse     V ≥ V_th: spike, V = 0     delay d' ≥ 1 step     (nest:iaf_psc_delta)

Units    delay and τ in ms, whole steps of run.dt; V and w in units of the program, called mV; C_m 1
Names    /nodes/P/0/{decay,threshold,bias,unit} our numbers (neuron,) · a bias is a synapse from the clock, the last
         channel of `input` if there is one, which fires in every step · population P fires lateness[P] steps late ·
         P is written with letters, digits and _ alone, which `names` says: BMTK takes tables apart at spaces
Source   SONATA: Dai et al. 2020, PLoS Comput. Biol. 16:e1007696
Differs  integers are written as floats in the units of their membranes (snnsim.export.dequantize)
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim.export import checks
from snnsim.export.bias_channel import with_clock
from snnsim.export.checks import Violation
from snnsim.export.dequantize import as_floats
from snnsim.export.identifiers import plain_names
from snnsim.export.retiming import Connections, Retimed, retimed
from snnsim.files import folder_written_whole, hdf5_written_whole
from snnsim.program import INPUT, Population, Program
from snnsim.program.parts import ARRAYS, array_in_file

FORMAT = "snnsim SONATA"
FACTS = "snnsim.json"
NEURON, SYNAPSE = "nest:iaf_psc_delta", "nest:static_synapse"
NEVER = 1e30
EXAMPLE = 100


def check(program: Program) -> Iterator[Violation]:
    """Yield what simulators with NEST's point neurons cannot run."""
    yield from checks.reset(program)
    yield from checks.machine_delays(program, latency=0, least=1, most=np.inf)


def write(program: Program, path: Path) -> None:
    """Write a Program as a folder that BMTK and others run."""
    moved = retimed(with_clock(as_floats(program)), latency=0, least=1)
    with folder_written_whole(path) as folder:
        for name in ("network", "components/point_neuron_models", "components/synaptic_models"):
            (folder / name).mkdir(parents=True)
        _nodes(program, moved.program, folder)
        _edges(moved, folder)
        _configs(moved, folder)
        _json(folder / FACTS, {"format": FORMAT, "version": 1, **program.header(), **_extra(moved)})


def edge_name(number: int, ends: tuple[str, str]) -> str:
    """Return what an edge is called in the file."""
    return f"{number}_{ends[0]}_to_{ends[1]}"


def time_constant(decay: np.ndarray, step: float) -> np.ndarray:
    """Return τ of exp(−step / τ) = decay; of 0 and 1, which no τ has, one whose decay no float tells from them."""
    return np.where(decay == 1, 1e300, -step / np.log(np.clip(decay, 1e-300, 1 - 1e-16)))


def _extra(moved: Retimed) -> dict[str, Any]:
    clock = moved.program.provenance.get("clock")
    return {"lateness": moved.lateness, "clock": clock, "names": plain_names(moved.program)}


def _nodes(program: Program, machine: Program, folder: Path) -> None:
    called = plain_names(program)
    # apart, as BMTK looks for a model in every row of a table that names models
    _csv(folder / "network/input_node_types.csv", [{"node_type_id": 0, "model_type": "virtual"}])
    with hdf5_written_whole(folder / "network/input_nodes.h5") as file:
        _marked(file)
        _group(file, INPUT, np.zeros(machine.channels, np.int64))
    rows: list[dict[str, Any]] = []
    with hdf5_written_whole(folder / "network/nodes.h5") as file:
        _marked(file)
        for ours, part in zip(program.populations, machine.populations, strict=True):
            numbers = np.stack([time_constant(part.decay, machine.time_step_ms), _limit(part)], 1)
            distinct, kind = np.unique(numbers, axis=0, return_inverse=True)
            group = _group(file, called[part.name], len(rows) + kind.ravel())
            for name in ARRAYS:
                group[f"0/{array_in_file(name)}"] = getattr(ours, name)
            for tau, limit in distinct.tolist():
                rows.append(_neuron_type(folder, len(rows), tau, limit))
    _csv(folder / "network/node_types.csv", rows)


def _limit(part: Population) -> np.ndarray:
    return part.threshold if part.fires else np.full(part.size, NEVER)


def _neuron_type(folder: Path, number: int, tau: float, limit: float) -> dict[str, Any]:
    file = f"neuron_{number}.json"
    at_rest = {"C_m": 1.0, "E_L": 0.0, "V_m": 0.0, "V_reset": 0.0, "t_ref": 0.0, "I_e": 0.0}
    _json(folder / "components/point_neuron_models" / file, at_rest | {"tau_m": tau, "V_th": limit})
    return {
        "node_type_id": number, "model_type": "point_neuron", "model_template": NEURON, "dynamics_params": file
    }  # fmt: skip


def _edges(moved: Retimed, folder: Path) -> None:
    _json(folder / "components/synaptic_models/static.json", {})
    called = plain_names(moved.program)
    with hdf5_written_whole(folder / "network/edges.h5") as file:
        _marked(file)
        file.create_group("edges")
        for number, each in enumerate(moved.connections):
            ends = called[each.source], called[each.target]
            _edge(
                file.create_group(f"edges/{edge_name(number, ends)}"), number, each, (ends, moved.program.time_step_ms)
            )
    row = {"model_template": SYNAPSE, "dynamics_params": "static.json"}
    _csv(
        folder / "network/edge_types.csv", [{"edge_type_id": number, **row} for number in range(len(moved.connections))]
    )


def _edge(group: h5py.Group, number: int, each: Connections, where: tuple[tuple[str, str], float]) -> None:
    ends, step = where
    for name, neuron, whose in (("source", each.pre, ends[0]), ("target", each.post, ends[1])):
        data = group.create_dataset(f"{name}_node_id", data=neuron.astype(np.uint64))
        data.attrs["node_population"] = whose
    count = len(each.pre)
    group["edge_type_id"] = np.full(count, number, np.int64)
    group["edge_group_id"] = np.zeros(count, np.uint64)
    group["edge_group_index"] = np.arange(count, dtype=np.uint64)
    group["0/syn_weight"] = each.weight
    group["0/delay"] = each.delay * step


def _configs(moved: Retimed, folder: Path) -> None:
    dt = float(moved.program.time_step_ms)
    circuit = {
        "target_simulator": "NEST",
        "manifest": {"$BASE_DIR": "${configdir}"},
        "components": {
            "point_neuron_models_dir": "$BASE_DIR/components/point_neuron_models",
            "synaptic_models_dir": "$BASE_DIR/components/synaptic_models",
        },
        "networks": {
            "nodes": [_files("nodes", "input_node"), _files("nodes", "node")],
            "edges": [_files("edges", "edge")],
        },
    }
    simulation = {
        "manifest": {"$BASE_DIR": "${configdir}", "$OUTPUT_DIR": "$BASE_DIR/output"},
        "target_simulator": "NEST",
        "network": "$BASE_DIR/circuit_config.json",
        "run": {"tstart": 0.0, "tstop": (EXAMPLE + max(moved.lateness.values()) + 1) * dt, "dt": dt},
        "inputs": {
            "recording": {
                "input_type": "spikes", "module": "sonata", "input_file": "$BASE_DIR/inputs.h5", "node_set": INPUT
            }
        },
        "output": {"output_dir": "$OUTPUT_DIR", "log_file": "log.txt", "spikes_file": "spikes.h5"},
    }  # fmt: skip
    _json(folder / "circuit_config.json", circuit)
    _json(folder / "simulation_config.json", simulation)
    channel = np.arange(moved.program.channels)
    step = np.zeros_like(channel)
    clock = moved.program.provenance.get("clock")
    if clock is not None:
        step = np.concatenate([step[:-1], np.arange(EXAMPLE)])
        channel = np.concatenate([channel[:-1], np.full(EXAMPLE, clock)])
    with hdf5_written_whole(folder / "inputs.h5") as file:
        _marked(file)
        group = file.create_group(f"spikes/{INPUT}")
        # a spike that comes at the end of its step has its time
        group["timestamps"] = (step + 1) * dt
        group["timestamps"].attrs["units"] = "ms"
        group["node_ids"] = channel.astype(np.uint64)


def _files(kind: str, name: str) -> dict[str, str]:
    here = f"$BASE_DIR/network/{name}"
    return {f"{kind}_file": f"{here}s.h5", f"{kind[:-1]}_types_file": f"{here}_types.csv"}


def _group(file: h5py.File, name: str, kind: np.ndarray) -> h5py.Group:
    group = file.create_group(f"nodes/{name}")
    number = np.arange(len(kind), dtype=np.uint64)
    group["node_id"], group["node_type_id"] = number, kind.astype(np.int64)
    group["node_group_id"], group["node_group_index"] = np.zeros(len(kind), np.uint64), number
    group.create_group("0")
    return group


def _marked(file: h5py.File) -> None:
    file.attrs["magic"], file.attrs["version"] = np.uint32(0x0A7A), np.array([0, 1], np.uint32)


def _csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]) if rows else ["edge_type_id"], delimiter=" ", quotechar='"')
        table.writeheader()
        table.writerows(rows)


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
