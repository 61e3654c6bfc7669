"""BMTK's PointNet runs a folder in SONATA as it is, and writes the spikes; the recordings are its inputs.

The folder's configurations are for BMTK; only the input spikes, the duration and the output folder are changed. The
bias channel, if there is one, spikes in every step. A spike at time t is one of step t / dt − 1.
"""

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import bmtk
import h5py
import numpy as np
from exchange import Membranes, Recordings, Spikes, main, timed

with contextlib.redirect_stdout(None):
    import nest
    from bmtk.simulator import pointnet


def run(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of the readout.

    Args:
        path: The folder in SONATA.
        recordings: The recordings, with several spikes of a channel in a step where they have such.
    """
    path = path.resolve()
    file = path / "snnsim.json"
    header = json.loads(file.read_text()) if file.is_file() else {"lateness": {}, "clock": None, "readout": None}
    # names of the Program by those of the folder
    names = {folder_name: name for name, folder_name in header.get("names", {}).items()}
    readout = header.get("names", {}).get(header["readout"])
    config = json.loads((path / "simulation_config.json").read_text())
    config["manifest"]["$BASE_DIR"] = str(path)
    virtual, sizes = populations(path)
    firing = {name: names.get(name, name) for name in sizes if name != readout}
    spikes: Spikes = {name: [] for name in firing.values()}
    membranes: Membranes = {} if readout is None else {header["readout"]: []}
    for number, steps in enumerate(recordings.steps):
        with tempfile.TemporaryDirectory() as folder:
            files = inputs(folder, recordings, number, virtual, (header["clock"], config["run"]["dt"]))
            duration = int(steps) + max(header["lateness"].values(), default=0) + 1
            trains, traces = simulate(config | {"inputs": files}, folder, duration, readout)
        for folder_name, name in firing.items():
            step, neuron = trains.get(folder_name, (np.zeros(0, int), np.zeros(0, int)))
            spikes[name].append((step - header["lateness"].get(name, 0), neuron))
        for name in membranes:
            lag = header["lateness"][name]
            membranes[name].append(traces[lag : lag + steps])
    return spikes, membranes


def populations(path: Path) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """Return the channels of each virtual population, first and end, and the sizes of the others.

    Args:
        path: The folder in SONATA.
    """
    circuit = json.loads((path / "circuit_config.json").read_text())
    virtual: dict[str, tuple[int, int]] = {}
    sizes, channels = {}, 0
    for entry in circuit["networks"]["nodes"]:
        files = {name: str(path / value.replace("$BASE_DIR/", "")) for name, value in entry.items()}
        rows = [line.split(" ") for line in Path(files["node_types_file"]).read_text().splitlines()]
        kind, model = (rows[0].index(name) for name in ("node_type_id", "model_type"))
        virtual_types = {int(row[kind]) for row in rows[1:] if row[model] == "virtual"}
        with h5py.File(files["nodes_file"], "r") as file:
            for name, group in file["nodes"].items():
                if set(group["node_type_id"][()].tolist()) <= virtual_types:
                    virtual[name] = (channels, channels := channels + len(group["node_type_id"]))
                else:
                    sizes[name] = len(group["node_type_id"])
    return virtual, sizes


def simulate(
    config: dict[str, Any], folder: str, steps: int, readout: str | None
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], Any]:
    """Return the spikes of a recording as (step, neuron) of each population, and the readout's membranes.

    Args:
        config: The folder's configuration, with the recording as its inputs.
        folder: A folder for the results.
        steps: Steps to run.
        readout: Name of the readout in the folder, if there is one.
    """
    dt = config["run"]["dt"]
    config["run"] = config["run"] | {"tstart": 0.0, "tstop": steps * dt}
    # BMTK empties the folder of its output first
    output = f"{folder}/output"
    config["output"] = {"output_dir": output, "log_file": "log.txt", "spikes_file": "spikes.h5"}
    if readout is not None:
        config["reports"] = {
            "membrane": {
                "cells": {"population": readout}, "variable_name": "V_m", "module": "multimeter_report",
                "sections": "soma",
            }
        }  # fmt: skip
    file = Path(folder) / "config.json"
    file.write_text(json.dumps(config))
    with contextlib.redirect_stdout(None):
        configure = pointnet.Config.from_json(str(file))
        configure.build_env()
        graph = pointnet.PointNetwork.from_config(configure)
        simulator = pointnet.PointSimulator.from_config(configure, graph)
        with timed():
            simulator.run()
    return spikes_of(f"{output}/spikes.h5", dt), membranes_of(f"{output}/membrane.h5", readout)


def inputs(
    folder: str,
    recordings: Recordings,
    number: int,
    virtual: dict[str, tuple[int, int]],
    clock_and_dt: tuple[int | None, float],
) -> dict[str, Any]:
    """Write a recording as SONATA's spikes, one file for each virtual population, and return their entries.

    Args:
        folder: A folder for the files.
        recordings: The recordings.
        number: Number of the recording.
        virtual: Channels of each virtual population.
        clock_and_dt: Number of the bias channel, if there is one, and milliseconds of a step.
    """
    step, channel = recordings.single(number)
    clock, dt = clock_and_dt
    entries = {}
    for index, (name, (first, end)) in enumerate(virtual.items()):
        mask = (channel >= first) & (channel < end)
        times, nodes = step[mask], channel[mask] - first
        if clock is not None:
            every_step = np.arange(recordings.steps[number])
            times = np.concatenate([times, every_step])
            nodes = np.concatenate([nodes, np.full(len(every_step), clock)])
        with h5py.File(f"{folder}/in{index}.h5", "w") as file:
            group = file.create_group(f"spikes/{name}")
            group["timestamps"], group["node_ids"] = (times + 1) * dt, nodes.astype(np.uint64)
            group["timestamps"].attrs["units"] = "ms"
        entries[name] = {
            "input_type": "spikes", "module": "sonata", "input_file": f"{folder}/in{index}.h5",
            "node_set": {"population": name},
        }  # fmt: skip
    return entries


def spikes_of(path: str, dt: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the spikes of SONATA's file as steps and neurons of each population.

    Args:
        path: The file of spikes that BMTK wrote.
        dt: Duration of a step in the unit of the file, ms.
    """
    with h5py.File(path, "r") as file:
        return {
            name: (np.rint(group["timestamps"][()] / dt).astype(int) - 1, group["node_ids"][()].astype(int))
            for name, group in file.get("spikes", {}).items()
        }


def membranes_of(path: str, name: str | None) -> Any:
    """Return the membranes of SONATA's report (step, neuron).

    Args:
        path: The file of the report that BMTK wrote.
        name: The readout's name in the folder; None returns None.
    """
    if name is None:
        return None
    with h5py.File(path, "r") as file:
        group = file[f"report/{name}"]
        return group["data"][()][:, np.argsort(group["mapping/node_ids"][()])]


if __name__ == "__main__":
    main(run, f"{bmtk.__version__} on NEST {nest.__version__}")
