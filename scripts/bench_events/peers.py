"""The same network and input in Brian2 or NEST: python peers.py brian2-cython|brian2-standalone|nest FILE.npz OUT.npz

Runs in an environment of its own (pip install "numpy<2.4" brian2==2.9.0 nest-simulator), and knows nothing of snnsim:
peering.py writes the file that it reads. Simulators disagree on what a delay of 0 is: population p is o = p + 1 steps
late here, the input 0, and a delay d becomes d + o(target) − o(source) − c with c = 1 in Brian2 and 0 in NEST, which
is taken off the recorded times again.

    seconds         of the loop over steps
    call_seconds    of the call that runs it, compiled before: Brian2 prepares each of its runs anew
    with_building   of everything
"""

import json
import resource
import sys
import time

import numpy as np


def read(path):
    """Return what peering.written wrote: the header, and populations, edges and events as arrays."""
    stored = np.load(path)
    header = json.loads(stored["header"].tobytes())
    return header, {name: stored[name] for name in stored.files if name != "header"}


def retimed(header, arrays, number, latency):
    """Return the delays of an edge as a simulator with this latency needs them."""
    source, target = header["edges"][number]
    late = {-1: 0, **{place: place + 1 for place in range(header["populations"])}}
    return arrays[f"delay{number}"].astype(int) + late[target] - late[source] - latency


def brian2(header, arrays, *, standalone):
    """Return the times of a run and the spikes of every population."""
    import brian2 as b

    if standalone:
        b.set_device("cpp_standalone", build_on_run=False)
    else:
        b.prefs.codegen.target = "cython"
    dt = header["time_step_ms"] * b.ms
    b.defaultclock.dt = dt
    source = b.SpikeGeneratorGroup(header["channels"], arrays["channel"], arrays["step"] * dt, sorted=True)
    groups = {-1: source} | {place: _group(b, header, arrays, place) for place in range(header["populations"])}
    synapses = [_synapses(b, header, arrays, number, groups) for number in range(len(header["edges"]))]
    fire = [place for place, rule in enumerate(header["rules"]) if rule != "readout" and header["record"]]
    monitors = {place: b.SpikeMonitor(groups[place]) for place in fire}
    network = b.Network([*groups.values(), *synapses, *monitors.values()])
    length = (header["steps"] + header["populations"] + 1) * dt
    # standalone, this only notes what is to run; in Cython, it compiles
    network.run(length if standalone else 0 * dt, namespace={})
    if standalone:
        b.device.build(compile=True, run=False, debug=False)
    began = time.perf_counter()
    if standalone:
        b.device.run()
    else:
        network.run(length, namespace={})
    times = {"seconds": b.get_device()._last_run_time, "call_seconds": time.perf_counter() - began}
    return times, {
        place: (np.rint(np.asarray(monitor.t / dt)).astype(int) - (place + 1), np.asarray(monitor.i))
        for place, monitor in monitors.items()
    }


def _group(b, header, arrays, place):
    rule = header["rules"][place]
    firing = {"threshold": "v >= limit", "reset": "v = 0" if rule == "hard" else "v -= limit"}
    size = len(arrays[f"decay{place}"])
    group = b.NeuronGroup(size, "v : 1\nkept : 1\nadded : 1\nlimit : 1", **({} if rule == "readout" else firing))
    for name, values in (("kept", "decay"), ("added", "bias"), ("limit", "threshold")):
        setattr(group, name, arrays[f"{values}{place}"])
    group.run_regularly("v = v * kept + added", when="start")
    return group


def _synapses(b, header, arrays, number, groups):
    pre, post = header["edges"][number]
    synapses = b.Synapses(groups[pre], groups[post], "w : 1", on_pre={"pre": "v_post += w"}, namespace={})
    synapses.connect(i=arrays[f"pre{number}"], j=arrays[f"post{number}"])
    synapses.w = arrays[f"weight{number}"]
    synapses.delay = retimed(header, arrays, number, 1) * header["time_step_ms"] * b.ms
    # delivered before the thresholds, so that what arrives in a step counts in it
    synapses.pre.when = "groups"
    return synapses


def nest(header, arrays):
    """Return the times of a run and the spikes of every population."""
    import nest as n

    n.set_verbosity("M_ERROR")
    n.ResetKernel()
    h = float(header["time_step_ms"])
    n.set(resolution=h, local_num_threads=1)
    groups = {-1: _generators(n, header, arrays)}
    groups |= {place: _neurons(n, header, arrays, place) for place in range(header["populations"])}
    recorders = {}
    for place, rule in enumerate(header["rules"]):
        if rule != "readout" and header["record"]:
            recorders[place] = n.Create("spike_recorder")
            n.Connect(groups[place], recorders[place])
    for number, (pre, post) in enumerate(header["edges"]):
        delay, weight = retimed(header, arrays, number, 0) * h, arrays[f"weight{number}"]
        how = {"synapse_model": "static_synapse", "weight": weight, "delay": delay}
        ids = [np.asarray(groups[place].tolist()) for place in (pre, post)]
        n.Connect(ids[0][arrays[f"pre{number}"]], ids[1][arrays[f"post{number}"]], "one_to_one", how)
    n.Prepare()
    began = time.perf_counter()
    n.Run((header["steps"] + header["populations"] + 1) * h)
    seconds = time.perf_counter() - began
    spikes = {}
    for place, recorder in recorders.items():
        happened = recorder.events
        step = np.rint(happened["times"] / h).astype(int) - 1 - (place + 1)
        spikes[place] = (step, happened["senders"] - groups[place].tolist()[0])
    return {"seconds": seconds, "call_seconds": seconds}, spikes


def _generators(n, header, arrays):
    source = n.Create("spike_generator", header["channels"])
    order = np.argsort(arrays["channel"], kind="stable")
    ends = np.searchsorted(arrays["channel"][order], np.arange(header["channels"] + 1))
    for channel in range(header["channels"]):
        fired = arrays["step"][order[ends[channel] : ends[channel + 1]]]
        source[channel].spike_times = (fired + 1) * float(header["time_step_ms"])
    return source


def _neurons(n, header, arrays, place):
    if header["rules"][place] == "soft":
        raise ValueError("NEST's iaf_psc_delta has no soft reset")
    decay = arrays[f"decay{place}"]
    tau = -header["time_step_ms"] / np.log(decay)
    # a constant current adds I τ (1 − β) in a step
    current = arrays[f"bias{place}"] / (tau * (1 - decay))
    fires = header["rules"][place] != "readout"
    limit = arrays[f"threshold{place}"] if fires else np.full(len(current), 1e30)
    fixed = {"C_m": 1.0, "E_L": 0.0, "V_m": 0.0, "V_reset": 0.0, "t_ref": 0.0, "V_th": 1e30}
    neurons = n.Create("iaf_psc_delta", len(current), params=fixed)
    neurons.set(tau_m=tau.tolist(), I_e=current.tolist(), V_th=limit.tolist())
    return neurons


def main():
    """Run one simulator on one file."""
    which, source, target = sys.argv[1:]
    header, arrays = read(source)
    began = time.perf_counter()
    if which == "nest":
        times, spikes = nest(header, arrays)
    else:
        times, spikes = brian2(header, arrays, standalone=which == "brian2-standalone")
    # of this process and of what it started: Brian2's standalone program, or its compiler. What getrusage says of this
    # process itself would be the peak of the one that started it
    with open("/proc/self/status") as status:
        own = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    peak = 1024 * max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    found = times | {"with_building": time.perf_counter() - began, "peak_bytes": peak}
    flat = {}
    for place, (step, neuron) in spikes.items():
        inside = (step >= 0) & (step < header["steps"])
        flat[f"step{place}"], flat[f"neuron{place}"] = step[inside], neuron[inside]
    np.savez(target, found=np.frombuffer(json.dumps(found).encode(), np.uint8), **flat)


if __name__ == "__main__":
    main()
