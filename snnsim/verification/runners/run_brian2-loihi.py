"""brian2-loihi, an emulator of Loihi 1, runs our file for it: one LoihiSynapses for each edge and delay.

Its spikes are delivered a step later, and a spike that is fed at t + 1 is there at t + 1 + delay: the latency of 1 that
the file is written for. A channel of several spikes in a step is as many lines.
"""

import json
from importlib import metadata

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
from exchange import main

brian2.prefs.codegen.target = "numpy"


def run(path, recordings):
    """Return the spikes of every population that fires, and the membranes of the readout."""
    with h5py.File(path, "r") as file:
        header = json.loads(file.attrs["header"])
        lines = max((int(recordings.counts(n).max(initial=1)) for n in range(len(recordings))), default=1)
        source = LoihiSpikeGeneratorGroup(recordings.channels * lines, [], [])
        groups, objects = {"input": source}, [source]
        for number, (name, _) in enumerate(header["populations"]):
            stored = file[f"population/{number}"].attrs
            groups[name] = LoihiNeuronGroup(
                len(header["unit"][number]), refractory=1, threshold_v_mant=int(stored["vth"]),
                decay_v=int(stored["decay_v"]), decay_I=4096,
            )  # fmt: skip
            objects.append(groups[name])
        for number in range(len(header["edges"])):
            objects += synapses(file[f"edge/{number}"], groups, lines)
    spikes = {name: LoihiSpikeMonitor(groups[name]) for name, rule in header["populations"] if rule != "readout"}
    readout = {name: LoihiStateMonitor(groups[name], "v", record=True) for name, rule in header["populations"]
               if rule == "readout"}  # fmt: skip
    network = LoihiNetwork(*objects, *spikes.values(), *readout.values())
    # what is compiled is kept; the seconds are those of the first run
    network.store()
    found = {name: [] for name in spikes}
    membranes = {name: [] for name in readout}
    for number in range(len(recordings)):
        network.restore()
        feed(source, recordings, number, lines)
        steps, late = int(recordings.steps[number]), header["lateness"]
        network.run(steps + 1 + max(late.values()))
        for name, monitor in spikes.items():
            step = np.rint(np.asarray(monitor.t)).astype(int)
            found[name].append((step - late[name], np.asarray(monitor.i, int)))
        for name, monitor in readout.items():
            membranes[name].append(np.asarray(monitor.v).T[late[name] : late[name] + steps])
    return found, membranes


def synapses(edge, groups, lines):
    """Return the synapses of an edge, delay by delay."""
    pre, post, delay, weight = (edge[name][()] for name in ("pre", "post", "delay", "weight"))
    name = edge.attrs["source"]
    if name == "input":
        pre = (pre[:, None] * lines + np.arange(lines)).ravel()
        post, delay, weight = (np.repeat(part, lines) for part in (post, delay, weight))
    made = []
    for each in np.unique(delay):
        here = delay == each
        part = LoihiSynapses(
            groups[name], groups[edge.attrs["target"]], delay=int(each), sign_mode=synapse_sign_mode.MIXED,
            num_weight_bits=8, w_exp=int(edge.attrs["w_exp"]),
        )  # fmt: skip
        part.connect(i=pre[here], j=post[here])
        part.w = weight[here].astype(int)
        made.append(part)
    return made


def feed(source, recordings, number, lines):
    """Let a recording be the spikes of the source."""
    step, channel = recordings.spikes(number)
    count = recordings.counts(number)
    line = np.concatenate([np.arange(each) for each in count]) if len(count) else np.zeros(0, int)
    index = np.repeat(channel, count) * lines + line
    source.set_spikes(index.astype(int), (np.repeat(step, count) + 1) * brian2.ms)


if __name__ == "__main__":
    main(run, metadata.version("brian2-loihi"))
