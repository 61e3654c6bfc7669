"""lava-nc, Intel's framework for Loihi 2, runs our file for Loihi 1: DelayDense and LIF, bit-accurate models.

A spike arrives a step and its delay later, as the file is written for. Synapses beyond the first of a pair
are further DelayDense processes. Each recording is a run of its own; membranes are read by a monitor.
"""

import json
from importlib import metadata

import h5py
import lava_python  # noqa: F401  (before anything of lava)
import numpy as np
from exchange import main
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import DelayDense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor


def run(path, recordings):
    """Return the spikes of every population that fires, and the membranes of the readout."""
    with h5py.File(path, "r") as file:
        header = json.loads(file.attrs["header"])
        neurons = [dict(file[f"population/{n}"].attrs) for n in range(len(header["populations"]))]
        edges = [matrices(file[f"edge/{n}"], header, recordings.channels) for n in range(len(header["edges"]))]
    spikes = {name: [] for name, rule in header["populations"] if rule != "readout"}
    membranes = {name: [] for name, rule in header["populations"] if rule == "readout"}
    for number in range(len(recordings)):
        fired, voltage = once((header, neurons, edges), recordings, number)
        for name, (step, neuron) in fired.items():
            spikes[name].append((step - header["lateness"][name], neuron))
        for name, values in voltage.items():
            late = header["lateness"][name]
            membranes[name].append(values[late : late + recordings.steps[number]])
    return spikes, membranes


def matrices(edge, header, channels):
    """Return an edge as (source, target, w_exp) and weights and delays (target, source), one pair for each tap."""
    pre, post, delay, weight = (edge[name][()] for name in ("pre", "post", "delay", "weight"))
    size = {"input": channels} | {
        name: len(u) for (name, _), u in zip(header["populations"], header["unit"], strict=True)
    }
    source, target = edge.attrs["source"], edge.attrs["target"]
    pair = pre * size[target] + post
    order = np.argsort(pair, kind="stable")
    place = np.empty(len(pair), int)
    place[order] = np.arange(len(pair)) - np.searchsorted(pair[order], pair[order])
    made = []
    for tap in range(place.max(initial=-1) + 1):
        here = place == tap
        both = np.zeros((2, size[target], size[source]), int)
        both[0, post[here], pre[here]], both[1, post[here], pre[here]] = weight[here], delay[here]
        made.append(both)
    return source, target, int(edge.attrs["w_exp"]), made


def once(network, recordings, number):
    """Return the spikes and membranes, in the machine's time, of one recording."""
    header, neurons, edges = network
    steps = int(recordings.steps[number]) + max(header["lateness"].values()) + 1
    data = np.zeros((recordings.channels, steps), int)
    step, channel = recordings.spikes(number)
    data[channel, step] = recordings.counts(number)
    source = Source(data=data)
    groups = {
        name: LIF(shape=(len(unit),), du=4095, dv=int(each["decay_v"]), vth=int(each["vth"]), bias_mant=0)
        for (name, _), unit, each in zip(header["populations"], header["unit"], neurons, strict=True)
    }
    for begin, end, exponent, taps in edges:
        for weight, delay in taps:
            bits = 8 if begin == "input" else 0
            dense = DelayDense(weights=weight, delays=delay, weight_exp=exponent, num_message_bits=bits)
            (source if begin == "input" else groups[begin]).s_out.connect(dense.s_in)
            dense.a_out.connect(groups[end].a_in)
    return watched(groups, dict(header["populations"]), steps, next(iter(groups.values())))


def watched(groups, rules, steps, first):
    """Run processes, and return the spikes of those that fire and the membranes of the others."""
    sinks, monitors = {}, {}
    for name, group in groups.items():
        if rules[name] == "readout":
            monitors[name] = Monitor()
            monitors[name].probe(group.v, steps)
        else:
            sinks[name] = Sink(shape=group.s_out.shape, buffer=steps)
            group.s_out.connect(sinks[name].a_in)
    first.run(condition=RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    spikes = {name: np.nonzero(sink.data.get().T) for name, sink in sinks.items()}
    voltage = {name: each.get_data()[groups[name].name]["v"] for name, each in monitors.items()}
    first.stop()
    return spikes, voltage


if __name__ == "__main__":
    main(run, metadata.version("lava-nc"))
