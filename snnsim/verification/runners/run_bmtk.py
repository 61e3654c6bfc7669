"""BMTK's PointNet runs a folder in SONATA as it is, and writes the spikes; the recordings are its inputs.

The folder's configurations are BMTK's own to read; what is changed is which spikes come in, how long it runs, and where
the results go. The clock, if there is one, fires in every step. A spike at time t is one of step t / dt − 1.
"""

import contextlib
import json
import tempfile
from pathlib import Path

import bmtk
import h5py
import numpy as np
from exchange import main

with contextlib.redirect_stdout(None):
    import nest
    from bmtk.simulator import pointnet


def run(path, recordings):
    """Return the spikes of every population that fires, and the membranes of the readout."""
    path = path.resolve()
    facts = path / "snnsim.json"
    ours = json.loads(facts.read_text()) if facts.is_file() else {"lateness": {}, "clock": None, "readout": None}
    # ours by the names that they have in the folder
    named = {there: name for name, there in ours.get("names", {}).items()}
    readout = ours.get("names", {}).get(ours["readout"])
    config = json.loads((path / "simulation_config.json").read_text())
    config["manifest"]["$BASE_DIR"] = str(path)
    virtual, sizes = populations(path)
    fire = {name: named.get(name, name) for name in sizes if name != readout}
    spikes = {name: [] for name in fire.values()}
    membranes = {} if readout is None else {ours["readout"]: []}
    for number, steps in enumerate(recordings.steps):
        with tempfile.TemporaryDirectory() as folder:
            found, traces = once(config, folder, (recordings, number, virtual), ours | {"readout": readout})
        for there, name in fire.items():
            step, neuron = found.get(there, (np.zeros(0, int), np.zeros(0, int)))
            spikes[name].append((step - ours["lateness"].get(name, 0), neuron))
        for name in membranes:
            late = ours["lateness"][name]
            membranes[name].append(traces[late : late + steps])
    return spikes, membranes


def populations(path):
    """Return the first channel of each virtual population, and the sizes of the others."""
    circuit = json.loads((path / "circuit_config.json").read_text())
    virtual, sizes, channels = {}, {}, 0
    for entry in circuit["networks"]["nodes"]:
        files = {name: str(path / value.replace("$BASE_DIR/", "")) for name, value in entry.items()}
        rows = [line.split(" ") for line in Path(files["node_types_file"]).read_text().splitlines()]
        kind, model = (rows[0].index(name) for name in ("node_type_id", "model_type"))
        unreal = {int(row[kind]) for row in rows[1:] if row[model] == "virtual"}
        with h5py.File(files["nodes_file"], "r") as file:
            for name, group in file["nodes"].items():
                if set(group["node_type_id"][()].tolist()) <= unreal:
                    virtual[name] = (channels, channels := channels + len(group["node_type_id"]))
                else:
                    sizes[name] = len(group["node_type_id"])
    return virtual, sizes


def once(config, folder, given, ours):
    """Return what one recording makes of the network: spikes as (step, neuron), and the readout's membranes."""
    recordings, number, _ = given
    dt, steps = config["run"]["dt"], int(recordings.steps[number]) + max(ours["lateness"].values(), default=0) + 1
    config = config | {"inputs": inputs(folder, given, ours, dt)}
    config["run"] = config["run"] | {"tstart": 0.0, "tstop": steps * dt}
    # BMTK empties the folder of its output first
    made = f"{folder}/output"
    config["output"] = {"output_dir": made, "log_file": "log.txt", "spikes_file": "spikes.h5"}
    if ours["readout"] is not None:
        config["reports"] = {
            "membrane": {
                "cells": {"population": ours["readout"]}, "variable_name": "V_m", "module": "multimeter_report",
                "sections": "soma",
            }
        }  # fmt: skip
    file = Path(folder) / "config.json"
    file.write_text(json.dumps(config))
    with contextlib.redirect_stdout(None):
        configure = pointnet.Config.from_json(str(file))
        configure.build_env()
        graph = pointnet.PointNetwork.from_config(configure)
        pointnet.PointSimulator.from_config(configure, graph).run()
    return spikes_of(f"{made}/spikes.h5", dt), membranes_of(f"{made}/membrane.h5", ours["readout"])


def inputs(folder, given, ours, dt):
    """Write a recording as SONATA's spikes, one file for each virtual population, and return where they are."""
    recordings, number, virtual = given
    step, channel = recordings.single(number)
    found = {}
    for place, (name, (first, end)) in enumerate(virtual.items()):
        here = (channel >= first) & (channel < end)
        when, who = step[here], channel[here] - first
        if ours["clock"] is not None:
            ticks = np.arange(recordings.steps[number])
            when, who = np.concatenate([when, ticks]), np.concatenate([who, np.full(len(ticks), ours["clock"])])
        with h5py.File(f"{folder}/in{place}.h5", "w") as file:
            group = file.create_group(f"spikes/{name}")
            group["timestamps"], group["node_ids"] = (when + 1) * dt, who.astype(np.uint64)
            group["timestamps"].attrs["units"] = "ms"
        found[name] = {
            "input_type": "spikes", "module": "sonata", "input_file": f"{folder}/in{place}.h5",
            "node_set": {"population": name},
        }  # fmt: skip
    return found


def spikes_of(path, dt):
    """Return the spikes of SONATA's file as steps and neurons of each population."""
    with h5py.File(path, "r") as file:
        return {
            name: (np.rint(group["timestamps"][()] / dt).astype(int) - 1, group["node_ids"][()].astype(int))
            for name, group in file.get("spikes", {}).items()
        }


def membranes_of(path, name):
    """Return the membranes of SONATA's report (step, neuron)."""
    if name is None:
        return None
    with h5py.File(path, "r") as file:
        group = file[f"report/{name}"]
        return group["data"][()][:, np.argsort(group["mapping/node_ids"][()])]


if __name__ == "__main__":
    main(run, f"{bmtk.__version__} on NEST {nest.__version__}")
