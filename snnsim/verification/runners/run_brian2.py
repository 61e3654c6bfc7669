"""Brian2 runs plain arrays: each step written as equations, in integers as in floats, and no integrator.

    start   deliver: I += w      before thresholds: v = β v + (b + I), I = 0      v ≥ θ      v = 0 or v − θ

of a Program in integers        v = clip(sign(v) ⌊|v| m / 2^bits⌋ + (I 2^shift + b), ± limit)

which are whole numbers in doubles, so exact. A synapse collects spikes in its own slot of a step, so it takes a step
beyond its delay: it runs the file's machine_delay less one, and `lateness` is taken off the spikes. A late
population has no bias before its time. A source fires once a step at most, so a channel has a copy for each spike of a
step.
"""

import brian2 as b
import numpy as np
from exchange import main, read_arrays

MODEL = "v : 1\narrived : 1\nkept : 1 (constant)\nadded : 1 (constant)\nlimit : 1 (constant)"
BIAS = "added * int(timestep(t, dt) >= {late})"
FLOATS = "v = v * kept + ({bias} + arrived)\narrived = 0"
INTEGERS = (
    "v = clip(sign(v) * floor(abs(v) * kept / {one}) + (arrived * {unit} + {bias}), -{limit}, {limit})\narrived = 0"
)
RESET = {"hard": "v = 0", "soft": "v -= limit"}


def run(path, recordings):
    """Return the spikes of every population that fires, and the membranes of the readout."""
    header, arrays = read_arrays(path)
    b.prefs.codegen.target = "numpy"
    b.defaultclock.dt = b.ms
    copies = recordings.most()
    source = b.SpikeGeneratorGroup(recordings.channels * copies, [], [] * b.ms)
    groups = {name: neurons(header, arrays, name, rule) for name, rule in header["populations"]}
    synapses = [
        connect(header, arrays, number, ({"input": source} | groups, copies)) for number in range(len(header["edges"]))
    ]
    monitors = {name: b.SpikeMonitor(groups[name]) for name, rule in header["populations"] if rule != "readout"}
    output = header["readout"]
    traces = {} if output is None else {output: b.StateMonitor(groups[output], "v", record=True, when="end")}
    parts = [source, *groups.values(), *synapses, *monitors.values(), *traces.values()]
    network = b.Network([part for part in parts if part is not None])
    network.store()
    spikes, membranes = {name: [] for name in monitors}, {name: [] for name in traces}
    late = header["lateness"]
    for number, steps in enumerate(recordings.steps):
        network.restore()
        (step, channel), count = recordings.spikes(number), recordings.counts(number)
        copy = np.concatenate([np.arange(each) for each in count]) if len(count) else count
        source.set_spikes(np.repeat(channel * copies, count) + copy, np.repeat(step, count) * b.ms)
        network.run((steps + max(late.values())) * b.ms, namespace={})
        for name, monitor in monitors.items():
            spikes[name].append((np.rint(np.asarray(monitor.t / b.ms)).astype(int) - late[name], np.array(monitor.i)))
        for name, trace in traces.items():
            membranes[name].append(np.array(trace.v).T[late[name] : late[name] + steps])
    return spikes, membranes


def neurons(header, arrays, name, rule):
    """Return the neurons of a population, and what they do in a step."""
    firing = {"threshold": "v >= limit", "reset": RESET[rule]} if rule != "readout" else {}
    group = b.NeuronGroup(len(arrays[f"population/{name}/decay"]), MODEL, **firing)
    for here, there in (("kept", "decay"), ("added", "bias"), ("limit", "threshold")):
        setattr(group, here, arrays[f"population/{name}/{there}"])
    bias, fixed = BIAS.format(late=header["lateness"][name]), header["fixed"]
    if fixed is None:
        code = FLOATS.format(bias=bias)
    else:
        one, unit, limit = 2 ** fixed["decay_bits"], 2 ** fixed["weight_shift"], 2 ** (fixed["word_bits"] - 1) - 1
        code = INTEGERS.format(bias=bias, one=one, unit=unit, limit=limit)
    group.run_regularly(code, when="before_thresholds")
    return group


def connect(header, arrays, number, known):
    """Return the synapses of an edge, those of a channel once for each copy of it; None if it has none."""
    groups, copies = known
    source, target = (groups[name] for name in header["edges"][number])
    copies = copies if header["edges"][number][0] == "input" else 1
    pre, post, weight, delay = (
        np.repeat(arrays[f"edge/{number}/{part}"], copies) for part in ("pre", "post", "weight", "machine_delay")
    )
    if not len(pre):
        return None
    pre = pre * copies + np.arange(len(pre)) % copies
    synapses = b.Synapses(source, target, "w : 1", on_pre={"pre": "arrived_post += w"}, namespace={})
    synapses.connect(i=pre, j=post)
    synapses.w = weight
    synapses.delay = (delay - 1) * b.ms
    # delivered before the thresholds, so that what arrives in a step counts in it
    synapses.pre.when = "groups"
    return synapses


if __name__ == "__main__":
    main(run, b.__version__)
