"""NEST runs plain arrays: iaf_psc_delta, and static synapses with a weight and a delay each.

V ← V exp(−h/τ) + w, fires at V ≥ V_th, then V = 0: our equation with τ = −h / ln β. Its delays are at least a
step, so it runs the file's machine_delay, and `lateness` is taken off its spikes. A bias is a spike in every step.
"""

import nest
import numpy as np
from exchange import main, read_plain

STEP = 1.0
METER = {"record_from": ["V_m"], "interval": STEP}


def run(path, recordings):
    """Return the spikes of every population that fires, and the membranes of the readout."""
    header, arrays = read_plain(path)
    late, output = header["lateness"], header["readout"]
    spikes = {name: [] for name, rule in header["populations"] if rule != "readout"}
    membranes = {} if output is None else {output: []}
    nest.set_verbosity("M_ERROR")
    for number in range(len(recordings)):
        # a fresh kernel is a network at rest
        nest.ResetKernel()
        nest.set(resolution=STEP, local_num_threads=1)
        groups = {"input": generators(recordings, number)}
        groups |= {name: neurons(arrays, name, rule) for name, rule in header["populations"]}
        for edge, (source, target) in enumerate(header["edges"]):
            connect(arrays, edge, groups[source], groups[target])
        clock = nest.Create("spike_generator", params={"spike_times": (np.arange(recordings.steps[number]) + 1) * STEP})
        for name, _ in header["populations"]:
            bias(arrays, name, late[name], (clock, groups[name]))
        recorders = {name: nest.Create("spike_recorder") for name in spikes}
        for name, recorder in recorders.items():
            nest.Connect(groups[name], recorder)
        meters = {
            name: nest.Create("multimeter", params={"record_from": ["V_m"], "interval": STEP}) for name in membranes
        }
        for name, meter in meters.items():
            nest.Connect(meter, groups[name])
        nest.Simulate((recordings.steps[number] + max(late.values()) + 1) * STEP)
        for name, recorder in recorders.items():
            happened = recorder.events
            step = np.rint(happened["times"] / STEP).astype(int) - 1 - late[name]
            spikes[name].append((step, happened["senders"] - groups[name].tolist()[0]))
        for name, meter in meters.items():
            membranes[name].append(trace(meter.events, groups[name])[late[name] :][: recordings.steps[number]])
    return spikes, membranes


def trace(events, group):
    """Return what a multimeter recorded (step, neuron)."""
    step = np.rint(events["times"] / STEP).astype(int) - 1
    found = np.zeros((step.max() + 1, len(group)))
    found[step, events["senders"] - group.tolist()[0]] = events["V_m"]
    return found


def generators(recordings, number):
    """Return one source of spikes for each channel."""
    step, channel = recordings.single(number)
    source = nest.Create("spike_generator", recordings.channels)
    for place in np.unique(channel):
        source[int(place)].spike_times = (step[channel == place] + 1) * STEP
    return source


def neurons(arrays, name, rule):
    """Return the neurons of a population."""
    if rule not in ("hard", "readout"):
        raise ValueError(f"NEST's iaf_psc_delta resets to a voltage, so it cannot run population {name!r}: {rule}")
    decay = arrays[f"population/{name}/decay"]
    # no τ is of the decays 0 and 1; exp(−h / τ) of these is so near them that no float sees it
    tau = np.where(decay == 1, 1e300, -STEP / np.log(np.clip(decay, 1e-300, 1 - 1e-16)))
    limit = arrays[f"population/{name}/threshold"] if rule != "readout" else np.full(len(tau), 1e30)
    fixed = {"C_m": 1.0, "E_L": 0.0, "V_m": 0.0, "V_reset": 0.0, "t_ref": 0.0, "V_th": 1e30}
    made = nest.Create("iaf_psc_delta", len(tau), params=fixed)
    made.set(tau_m=tau.tolist(), V_th=limit.tolist())
    return made


def connect(arrays, edge, source, target):
    """Make the synapses of an edge."""
    pre, post = (np.asarray(group.tolist()) for group in (source, target))
    how = {
        "synapse_model": "static_synapse",
        "weight": arrays[f"edge/{edge}/weight"].astype(float),
        "delay": arrays[f"edge/{edge}/machine_delay"] * STEP,
    }
    nest.Connect(pre[arrays[f"edge/{edge}/pre"]], post[arrays[f"edge/{edge}/post"]], "one_to_one", how)


def bias(arrays, name, late, groups):
    """Let the clock deliver a population's bias in each of its steps."""
    weight = arrays[f"population/{name}/bias"].astype(float)
    neuron = np.flatnonzero(weight)
    if len(neuron):
        clock, post = (np.asarray(group.tolist()) for group in groups)
        how = {"synapse_model": "static_synapse", "weight": weight[neuron], "delay": np.full(len(neuron), late * STEP)}
        nest.Connect(np.repeat(clock, len(neuron)), post[neuron], "one_to_one", how)


if __name__ == "__main__":
    main(run, nest.__version__)
