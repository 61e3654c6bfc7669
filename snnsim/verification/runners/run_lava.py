"""lava-nc, Intel's framework for Loihi 2, runs a file for Loihi 1: DelayDense and LIF, bit-accurate models.

A spike arrives a step and its delay later, as the file is written for. Synapses beyond the first of a pair are further
DelayDense processes. Each recording is a run of its own; membranes are read by a monitor.
"""

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import lava_python  # noqa: F401  (before anything of lava)
import numpy as np
from exchange import Membranes, Recordings, Spikes, main, timed
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import DelayDense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor

Edge = tuple[str, str, int, list[np.ndarray]]
"""Source, target, w_exp, and weights and delays (2, target, source), one pair for each tap."""
MEMBRANES = {"readout": "v", "sigma": "sigma"}
"""The variable of lava's process that a readout of each model is read from."""


def run(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of the readout.

    Args:
        path: The file for Loihi 1.
        recordings: The recordings, with the count of each spike.
    """
    with h5py.File(path, "r") as file:
        header = json.loads(file.attrs["header"])
        neurons = [dict(file[f"population/{n}"].attrs) for n in range(len(header["populations"]))]
        edges = [
            read_edge(file[f"edge/{n}"], ends, header, recordings.channels) for n, ends in enumerate(header["edges"])
        ]
    spikes: Spikes = {name: [] for name, model in header["populations"] if model != "readout"}
    membranes: Membranes = {name: [] for name, model in header["populations"] if model == "readout"}
    for number in range(len(recordings)):
        fired, voltage = run_recording((header, neurons, edges), recordings, number)
        for name, (step, neuron) in fired.items():
            spikes[name].append((step - header["lateness"][name], neuron))
        for name, values in voltage.items():
            lag = header["lateness"][name]
            membranes[name].append(values[lag : lag + recordings.steps[number]])
    return spikes, membranes


def read_edge(edge: Any, ends: tuple[str, str], header: dict[str, Any], channels: int) -> Edge:
    """Return the matrices of an edge of the file.

    Args:
        edge: The group of the edge in the file. Its attributes have names of paths.
        ends: Names of source and target in the header.
        header: The Program's header, with the size of each population.
        channels: Number of input channels.
    """
    pre, post, delay, weight = (edge[name][()] for name in ("pre", "post", "delay", "weight"))
    size = {"input": channels} | {
        name: len(unit) for (name, _), unit in zip(header["populations"], header["unit"], strict=True)
    }
    source, target = ends
    pair = pre * size[target] + post
    order = np.argsort(pair, kind="stable")
    tap = np.empty(len(pair), int)
    tap[order] = np.arange(len(pair)) - np.searchsorted(pair[order], pair[order])
    matrices = []
    for each in range(tap.max(initial=-1) + 1):
        mask = tap == each
        both = np.zeros((2, size[target], size[source]), int)
        both[0, post[mask], pre[mask]], both[1, post[mask], pre[mask]] = weight[mask], delay[mask]
        matrices.append(both)
    return source, target, int(edge.attrs["w_exp"]), matrices


def run_recording(
    network: tuple[dict[str, Any], list[dict[str, Any]], list[Edge]], recordings: Recordings, number: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the spikes and membranes of one recording, in steps of the hardware.

    Args:
        network: The Program's header, the attributes of each population, and the matrices of each edge.
        recordings: All recordings.
        number: Index of the recording to run.
    """
    header, neurons, edges = network
    steps = int(recordings.steps[number]) + max(header["lateness"].values()) + 1
    data = np.zeros((recordings.channels, steps), int)
    step, channel = recordings.spikes(number)
    data[channel, step] = recordings.counts(number)
    source = Source(data=data)
    groups = {
        name: LIF(
            shape=(len(unit),),
            du=int(each.get("decay_u", 4096)) - 1,
            dv=int(each["decay_v"]),
            vth=int(each["vth"]),
            bias_mant=0,
        )
        for (name, _), unit, each in zip(header["populations"], header["unit"], neurons, strict=True)
    }
    for begin, end, exponent, taps in edges:
        for weight, delay in taps:
            bits = 8 if begin == "input" else 0
            dense = DelayDense(weights=weight, delays=delay, weight_exp=exponent, num_message_bits=bits)
            (source if begin == "input" else groups[begin]).s_out.connect(dense.s_in)
            dense.a_out.connect(groups[end].a_in)
    return watched(groups, dict(header["populations"]), steps, next(iter(groups.values())))


def watched(
    groups: dict[str, Any], models: dict[str, str], steps: int, first: Any
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Run processes, and return the spikes of those that fire and the membranes of the others.

    Args:
        groups: The processes of the populations.
        models: Their models.
        steps: Steps to run.
        first: The process that starts the others.
    """
    sinks, monitors = {}, {}
    for name, group in groups.items():
        if models[name] in MEMBRANES:
            monitors[name] = Monitor()
            monitors[name].probe(getattr(group, MEMBRANES[models[name]]), steps)
        else:
            sinks[name] = Sink(shape=group.s_out.shape, buffer=steps)
            group.s_out.connect(sinks[name].a_in)
    with timed():
        first.run(condition=RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    spikes = {name: np.nonzero(sink.data.get().T) for name, sink in sinks.items()}
    voltage = {name: each.get_data()[groups[name].name][MEMBRANES[models[name]]] for name, each in monitors.items()}
    first.stop()
    return spikes, voltage


if __name__ == "__main__":
    main(run, metadata.version("lava-nc"))
