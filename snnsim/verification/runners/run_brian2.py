"""Brian2 runs plain arrays: each step written as equations, in integers as in floats, without an integrator.

    start   deliver: I += w      before thresholds: v = β v + (b + I), I = 0      v ≥ θ      v = 0 or v − θ

of a Program in integers        v = clip(sign(v) ⌊|v| m / 2^bits⌋ + (I 2^shift + b), ± limit)

which are whole numbers in doubles, so exact. A synapse collects spikes in its own slot of a step, so it takes a step
beyond its delay: it has the file's hardware delay less one, and the retiming lag is subtracted from the spikes. A late
population has no bias before its time. A source fires once a step at most, so a channel has a copy for each spike of a
step. The variable SNNSIM_BRIAN2 selects the code that runs: numpy, cython, or cpp_standalone for a single recording.
"""

import os
from pathlib import Path
from typing import Any

import brian2 as b
import numpy as np
from exchange import Membranes, Recordings, Spikes, add_loop_seconds, main, read_arrays, timed

CODE = os.environ.get("SNNSIM_BRIAN2", "numpy")
STANDALONE = CODE == "cpp_standalone"
MODEL = "v : 1\narrived : 1\ndecay : 1 (constant)\nbias : 1 (constant)\nlimit : 1 (constant)"
BIAS = "bias * int(timestep(t, dt) >= {lag})"
FLOATS = "v = v * decay + ({bias} + arrived)\narrived = 0"
INTEGERS = (
    "v = clip(sign(v) * floor(abs(v) * decay / {one}) + (arrived * {unit} + {bias}), -{limit}, {limit})\narrived = 0"
)
RESET = {"hard": "v = 0", "soft": "v -= limit"}


def run(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of the readout.

    Args:
        path: The file of plain arrays in NumPy's format.
        recordings: The recordings. A channel with several spikes in a step needs as many sources.
    """
    header, arrays = read_arrays(path)
    if STANDALONE:
        b.set_device("cpp_standalone", build_on_run=False)
    else:
        b.prefs.codegen.target = CODE
    b.defaultclock.dt = b.ms
    copies = recordings.most()
    # standalone, the source must have its spikes before the run
    spikes_at_start = _spike_times(recordings, 0, copies) if STANDALONE else ([], [] * b.ms)
    source = b.SpikeGeneratorGroup(recordings.channels * copies, *spikes_at_start)
    groups = {name: _neurons(header, arrays, name, model) for name, model in header["populations"]}
    ends = {"input": source} | groups
    synapses = [_connect(header, arrays, number, ends, copies) for number in range(len(header["edges"]))]
    monitors = {name: b.SpikeMonitor(groups[name]) for name, model in header["populations"] if model != "readout"}
    output = header["readout"]
    traces = {} if output is None else {output: b.StateMonitor(groups[output], "v", record=True, when="end")}
    objects = [source, *groups.values(), *synapses, *monitors.values(), *traces.values()]
    network = b.Network([each for each in objects if each is not None])
    spikes: Spikes = {name: [] for name in monitors}
    membranes: Membranes = {name: [] for name in traces}
    lags = header["lateness"]
    if not STANDALONE:
        network.store()
    for number, steps in enumerate(recordings.steps):
        _simulate(network, (steps + max(lags.values())) * b.ms, source, _spike_times(recordings, number, copies))
        for name, monitor in monitors.items():
            spikes[name].append((np.rint(np.asarray(monitor.t / b.ms)).astype(int) - lags[name], np.array(monitor.i)))
        for name, trace in traces.items():
            membranes[name].append(np.array(trace.v).T[lags[name] : lags[name] + steps])
    return spikes, membranes


def _simulate(network: Any, duration: Any, source: Any, spikes: tuple[np.ndarray, Any]) -> None:
    """Run a recording from the start; only the loop over steps is timed, and not the compiler."""
    if STANDALONE:
        # this notes what is to run; the spikes are those that the source was built with
        network.run(duration, namespace={})
        # None: a temporary folder, not `output` where the command was called
        b.device.build(directory=None, compile=True, run=False, debug=False)
        with timed():
            b.device.run()
        add_loop_seconds(b.get_device()._last_run_time)
        return
    network.restore()
    source.set_spikes(*spikes)
    network.run(0 * b.ms, namespace={})
    with timed():
        network.run(duration, namespace={})
    # a call also prepares the run again
    add_loop_seconds(b.get_device()._last_run_time)


def _spike_times(recordings: Recordings, number: int, copies: int) -> tuple[np.ndarray, Any]:
    """Return the source neurons and times of a recording's spikes."""
    step, channel = recordings.single(number)
    return channel * copies + recordings.copy_numbers(number), step * b.ms


def _neurons(header: dict[str, Any], arrays: dict[str, np.ndarray], name: str, model: str) -> Any:
    """Return the neurons of a population, with the equation of a step."""
    firing = {"threshold": "v >= limit", "reset": RESET[model]} if model != "readout" else {}
    group = b.NeuronGroup(len(arrays[f"population/{name}/decay"]), MODEL, **firing)
    for variable, array in (("decay", "decay"), ("bias", "bias"), ("limit", "threshold")):
        setattr(group, variable, arrays[f"population/{name}/{array}"])
    bias, fixed = BIAS.format(lag=header["lateness"][name]), header["fixed"]
    if fixed is None:
        code = FLOATS.format(bias=bias)
    else:
        one, unit, limit = 2 ** fixed["decay_bits"], 2 ** fixed["weight_shift"], 2 ** (fixed["word_bits"] - 1) - 1
        code = INTEGERS.format(bias=bias, one=one, unit=unit, limit=limit)
    group.run_regularly(code, when="before_thresholds")
    return group


def _connect(
    header: dict[str, Any], arrays: dict[str, np.ndarray], number: int, ends: dict[str, Any], copies: int
) -> Any:
    """Return the synapses of an edge, those of a channel once for each copy of it; None if it has none."""
    names = header["edges"][number]
    copies = copies if names[0] == "input" else 1
    pre, post, weight, delay = (
        np.repeat(arrays[f"edge/{number}/{name}"], copies) for name in ("pre", "post", "weight", "machine_delay")
    )
    if not len(pre):
        return None
    pre = pre * copies + np.arange(len(pre)) % copies
    synapses = b.Synapses(ends[names[0]], ends[names[1]], "w : 1", on_pre={"pre": "arrived_post += w"}, namespace={})
    synapses.connect(i=pre, j=post)
    synapses.w = weight
    synapses.delay = (delay - 1) * b.ms
    # delivered before the thresholds, so that a spike counts in the step of its arrival
    synapses.pre.when = "groups"
    return synapses


if __name__ == "__main__":
    main(run, b.__version__)
