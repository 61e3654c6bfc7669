"""From a Program to a folder in SONATA."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim.export.bias_channels import added_channel, channel_numbers, with_bias_channel
from snnsim.export.common import plain_names, threshold_or_never, time_constant, unit_gain
from snnsim.export.retiming import HardwareEdge, Retimed, retime
from snnsim.export.sonata.rules import CURRENT_LATENCY
from snnsim.files import folder_written_whole, hdf5_written_whole
from snnsim.program import INPUT, Population, Program
from snnsim.program.parts import array_in_file
from snnsim.quantization import dequantized

FORMAT = "snnsim SONATA"
HEADER = "snnsim.json"
NEURON, SYNAPSE = "nest:iaf_psc_delta", "nest:static_synapse"
CURRENT_NEURON = "nest:iaf_psc_exp"
EXAMPLE_STEPS = 100


def write(program: Program, path: Path) -> None:
    """Write a Program as a folder that BMTK and other tools run.

    Args:
        program: Program that keeps the rules of the target. Neurons and synapses are written in floats.
        path: The folder. Files of an existing folder with the same names are replaced; all other files stay.

    Raises:
        ValueError: If a loop is too short for retiming.
    """
    floats = with_bias_channel(dequantized(program, units="integer"))
    retimed = retime(floats, latency=0, shortest=1, current_latency=CURRENT_LATENCY)
    with folder_written_whole(path) as folder:
        for name in ("network", "components/point_neuron_models", "components/synaptic_models"):
            (folder / name).mkdir(parents=True)
        _write_nodes(program, retimed.program, folder)
        _write_edges(retimed, folder)
        _write_configs(retimed, folder)
        _write_inputs(retimed.program, folder)
        own = {"lateness": retimed.lags, "clock": added_channel(program, floats), "names": plain_names(program)}
        _write_json(folder / HEADER, {"format": FORMAT, "version": 1, **program.header(), **own})


def edge_group(number: int, ends: tuple[str, str]) -> str:
    """Return the name of an edge's group in edges.h5.

    Args:
        number: Number of the edge.
        ends: Names of source and target in the folder.
    """
    return f"{number}_{ends[0]}_to_{ends[1]}"


def _write_nodes(program: Program, written: Program, folder: Path) -> None:
    """Write the numbers of a Program, and the neurons of the Program in floats that is written for it."""
    names = plain_names(program)
    # in a table of its own, as BMTK looks for a model in every row of a table that names models
    _write_csv(folder / "network/input_node_types.csv", [{"node_type_id": 0, "model_type": "virtual"}])
    with hdf5_written_whole(folder / "network/input_nodes.h5") as file:
        _mark_as_sonata(file)
        _add_population(file, INPUT, np.zeros(written.channels, np.int64))
    rows: list[dict[str, Any]] = []
    with hdf5_written_whole(folder / "network/nodes.h5") as file:
        _mark_as_sonata(file)
        for ours, population in zip(program.populations, written.populations, strict=True):
            columns = _nest_parameters(population, written.time_step_ms)
            values, kind = np.unique(np.stack(list(columns.values()), 1), axis=0, return_inverse=True)
            group = _add_population(file, names[population.name], len(rows) + kind.ravel())
            for name in ours.array_names:
                group[f"0/{array_in_file(name)}"] = getattr(ours, name)
            types = [dict(zip(columns, row, strict=True)) for row in values.tolist()]
            rows += [_neuron_type(folder, len(rows) + k, parameters) for k, parameters in enumerate(types)]
    _write_csv(folder / "network/node_types.csv", rows)


def _nest_parameters(population: Population, step: float) -> dict[str, np.ndarray]:
    """Return NEST's parameters that may differ between the neurons of a population, (neuron,) each."""
    columns = {"tau_m": time_constant(population.decay, step), "V_th": threshold_or_never(population)}
    if population.second_decay is None or population.gain is None:
        return columns
    synapse = time_constant(population.second_decay, step)
    capacitance = unit_gain(columns["tau_m"], synapse, step) / population.gain
    return columns | {"tau_syn_ex": synapse, "tau_syn_in": synapse, "C_m": capacitance}


def _neuron_type(folder: Path, number: int, parameters: dict[str, float]) -> dict[str, Any]:
    file = f"neuron_{number}.json"
    at_rest = {"C_m": 1.0, "E_L": 0.0, "V_m": 0.0, "V_reset": 0.0, "t_ref": 0.0, "I_e": 0.0}
    _write_json(folder / "components/point_neuron_models" / file, at_rest | parameters)
    return {
        "node_type_id": number, "model_type": "point_neuron",
        "model_template": CURRENT_NEURON if "tau_syn_ex" in parameters else NEURON, "dynamics_params": file,
    }  # fmt: skip


def _write_edges(retimed: Retimed, folder: Path) -> None:
    _write_json(folder / "components/synaptic_models/static.json", {})
    names = plain_names(retimed.program)
    with hdf5_written_whole(folder / "network/edges.h5") as file:
        _mark_as_sonata(file)
        file.create_group("edges")
        for number, edge in enumerate(retimed.edges):
            ends = names[edge.source], names[edge.target]
            group = file.create_group(f"edges/{edge_group(number, ends)}")
            _add_edge(group, number, edge, ends)
            group["0/delay"] = edge.delay * retimed.program.time_step_ms
    row = {"model_template": SYNAPSE, "dynamics_params": "static.json"}
    rows = [{"edge_type_id": number, **row} for number in range(len(retimed.edges))]
    _write_csv(folder / "network/edge_types.csv", rows)


def _add_edge(group: h5py.Group, number: int, edge: HardwareEdge, ends: tuple[str, str]) -> None:
    for name, neurons, population in (("source", edge.pre, ends[0]), ("target", edge.post, ends[1])):
        dataset = group.create_dataset(f"{name}_node_id", data=neurons.astype(np.uint64))
        dataset.attrs["node_population"] = population
    count = len(edge.pre)
    group["edge_type_id"] = np.full(count, number, np.int64)
    group["edge_group_id"] = np.zeros(count, np.uint64)
    group["edge_group_index"] = np.arange(count, dtype=np.uint64)
    group["0/syn_weight"] = edge.weight


def _write_configs(retimed: Retimed, folder: Path) -> None:
    dt = float(retimed.program.time_step_ms)
    circuit = {
        "target_simulator": "NEST",
        "manifest": {"$BASE_DIR": "${configdir}"},
        "components": {
            "point_neuron_models_dir": "$BASE_DIR/components/point_neuron_models",
            "synaptic_models_dir": "$BASE_DIR/components/synaptic_models",
        },
        "networks": {
            "nodes": [_paths("nodes", "input_node"), _paths("nodes", "node")],
            "edges": [_paths("edges", "edge")],
        },
    }
    simulation = {
        "manifest": {"$BASE_DIR": "${configdir}", "$OUTPUT_DIR": "$BASE_DIR/output"},
        "target_simulator": "NEST",
        "network": "$BASE_DIR/circuit_config.json",
        "run": {"tstart": 0.0, "tstop": (EXAMPLE_STEPS + max(retimed.lags.values()) + 1) * dt, "dt": dt},
        "inputs": {
            "recording": {
                "input_type": "spikes", "module": "sonata", "input_file": "$BASE_DIR/inputs.h5", "node_set": INPUT
            }
        },
        "output": {"output_dir": "$OUTPUT_DIR", "log_file": "log.txt", "spikes_file": "spikes.h5"},
    }  # fmt: skip
    _write_json(folder / "circuit_config.json", circuit)
    _write_json(folder / "simulation_config.json", simulation)


def _write_inputs(program: Program, folder: Path) -> None:
    """Write an example of input spikes: one in each channel in step 0, and one in every step of bias channels."""
    bias_channels = channel_numbers(program)
    channel = np.setdiff1d(np.arange(program.channels), bias_channels)
    step = np.concatenate([np.zeros_like(channel), np.repeat(np.arange(EXAMPLE_STEPS), len(bias_channels))])
    channel = np.concatenate([channel, np.tile(bias_channels, EXAMPLE_STEPS)])
    with hdf5_written_whole(folder / "inputs.h5") as file:
        _mark_as_sonata(file)
        group = file.create_group(f"spikes/{INPUT}")
        # a spike is at the end of its step
        group["timestamps"] = (step + 1) * float(program.time_step_ms)
        group["timestamps"].attrs["units"] = "ms"
        group["node_ids"] = channel.astype(np.uint64)


def _paths(kind: str, name: str) -> dict[str, str]:
    stem = f"$BASE_DIR/network/{name}"
    return {f"{kind}_file": f"{stem}s.h5", f"{kind[:-1]}_types_file": f"{stem}_types.csv"}


def _add_population(file: h5py.File, name: str, kind: np.ndarray) -> h5py.Group:
    group = file.create_group(f"nodes/{name}")
    number = np.arange(len(kind), dtype=np.uint64)
    group["node_id"], group["node_type_id"] = number, kind.astype(np.int64)
    group["node_group_id"], group["node_group_index"] = np.zeros(len(kind), np.uint64), number
    group.create_group("0")
    return group


def _mark_as_sonata(file: h5py.File) -> None:
    file.attrs["magic"], file.attrs["version"] = np.uint32(0x0A7A), np.array([0, 1], np.uint32)


def _write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["edge_type_id"], delimiter=" ", quotechar='"')
        writer.writeheader()
        writer.writerows(rows)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
