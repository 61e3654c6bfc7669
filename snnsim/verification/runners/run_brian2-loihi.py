"""brian2-loihi, an emulator of Loihi 1, runs a file for Loihi 1: one LoihiSynapses for each edge and delay.

It delivers spikes a step later, and an input spike at t + 1 arrives at t + 1 + delay: the latency of 1 that the file is
written for. A channel of several spikes in a step is as many lines.
"""

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import brian2
import h5py
import numpy as np
from brian2_loihi import (
    LoihiNetwork,
    LoihiNeuronGroup,
    LoihiSpikeGeneratorGroup,
    LoihiSpikeMonitor,
    LoihiStateMonitor,
    LoihiSynapses,
    synapse_sign_mode,
)
from exchange import Membranes, Recordings, Spikes, main, timed

brian2.prefs.codegen.target = "numpy"


def run(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of the readout.

    Args:
        path: The file for Loihi 1.
        recordings: The recordings. A channel with several spikes in a step needs as many lines.
    """
    with h5py.File(path, "r") as file:
        header = json.loads(file.attrs["header"])
        lines = max((int(recordings.counts(n).max(initial=1)) for n in range(len(recordings))), default=1)
        source = LoihiSpikeGeneratorGroup(recordings.channels * lines, [], [])
        groups: dict[str, Any] = {"input": source}
        objects = [source]
        for number, (name, _) in enumerate(header["populations"]):
            stored = file[f"population/{number}"].attrs
            groups[name] = LoihiNeuronGroup(
                len(header["unit"][number]), refractory=1, threshold_v_mant=int(stored["vth"]),
                decay_v=int(stored["decay_v"]), decay_I=int(stored.get("decay_u", 4096)),
            )  # fmt: skip
            objects.append(groups[name])
        for number in range(len(header["edges"])):
            objects += _synapses(file[f"edge/{number}"], header["edges"][number], groups, lines)
    models = dict(header["populations"])
    monitors = {name: LoihiSpikeMonitor(groups[name]) for name, model in models.items() if model != "readout"}
    traces = {
        name: LoihiStateMonitor(groups[name], "v", record=True) for name, model in models.items() if model == "readout"
    }
    network = LoihiNetwork(*objects, *monitors.values(), *traces.values())
    # the compiled network is stored, as its first run takes most of the time
    network.store()
    spikes: Spikes = {name: [] for name in monitors}
    membranes: Membranes = {name: [] for name in traces}
    for number in range(len(recordings)):
        network.restore()
        _feed(source, recordings, number, lines)
        steps, lags = int(recordings.steps[number]), header["lateness"]
        with timed():
            network.run(steps + 1 + max(lags.values()))
        for name, monitor in monitors.items():
            step = np.rint(np.asarray(monitor.t)).astype(int)
            spikes[name].append((step - lags[name], np.asarray(monitor.i, int)))
        for name, trace in traces.items():
            membranes[name].append(np.asarray(trace.v).T[lags[name] : lags[name] + steps])
    return spikes, membranes


def _synapses(edge: Any, ends: tuple[str, str], groups: dict[str, Any], lines: int) -> list[Any]:
    """Return the synapses of an edge, delay by delay."""
    pre, post, delay, weight = (edge[name][()] for name in ("pre", "post", "delay", "weight"))
    # the header has the names of the Program, and the attributes of an edge those of paths
    source, target = ends
    if source == "input":
        pre = (pre[:, None] * lines + np.arange(lines)).ravel()
        post, delay, weight = (np.repeat(values, lines) for values in (post, delay, weight))
    result = []
    for each in np.unique(delay):
        mask = delay == each
        group = LoihiSynapses(
            groups[source], groups[target], delay=int(each), sign_mode=synapse_sign_mode.MIXED,
            num_weight_bits=8, w_exp=int(edge.attrs["w_exp"]),
        )  # fmt: skip
        group.connect(i=pre[mask], j=post[mask])
        group.w = weight[mask].astype(int)
        result.append(group)
    return result


def _feed(source: Any, recordings: Recordings, number: int, lines: int) -> None:
    """Let a recording be the spikes of the source."""
    step, channel = recordings.single(number)
    index = channel * lines + recordings.copy_numbers(number)
    source.set_spikes(index.astype(int), (step + 1) * brian2.ms)


if __name__ == "__main__":
    main(run, metadata.version("brian2-loihi"))
