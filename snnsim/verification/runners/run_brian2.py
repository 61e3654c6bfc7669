"""Brian2 runs plain arrays: each step written as equations, in integers as in floats, without an integrator.

    start   deliver: I += w      before thresholds: v = β v + (b + I), I = 0      v ≥ θ      v = 0 or v − θ

of a Program in integers        v = clip(sign(v) ⌊|v| m / 2^bits⌋ + (I 2^shift + b), ± limit)

which are whole numbers in doubles, so exact while a product has 53 bits. The models adlif, alif and cuba_lif are
written in the same way, with a second variable: a current before the thresholds, an adaptation or a rise of the
threshold after the resets.

A synapse collects spikes in its own slot of a step, so it takes a step beyond its delay: it has the file's hardware
delay less one, and the retiming lag is subtracted from the spikes. A late population has no bias before its time. A
source fires once a step at most, so a channel has a copy for each spike of a step. The variable SNNSIM_BRIAN2 selects
the code that runs: numpy, cython, or cpp_standalone for a single recording.
"""

import os
from pathlib import Path
from typing import Any

import brian2 as b
import numpy as np
from exchange import Membranes, Recordings, Spikes, UnsupportedError, add_loop_seconds, main, read_arrays, timed

CODE = os.environ.get("SNNSIM_BRIAN2", "numpy")
STANDALONE = CODE == "cpp_standalone"
MODEL = "v : 1\narrived : 1\ndecay : 1 (constant)\nbias : 1 (constant)\nlimit : 1 (constant)"
BIAS = "bias * int(timestep(t, dt) >= {lag})"
PARAMETERS = ("gain", "second_decay", "coupling", "jump")
SECOND_MODEL = "\n".join([MODEL, "variable : 1", "fired : 1", *(f"{name} : 1 (constant)" for name in PARAMETERS)])
KINDS = ("", "adlif", "alif", "cuba_lif")
RESETS = {"hard": "v = 0", "soft": "v -= limit"}
RAISED_RESETS = {"hard": "v = 0", "soft": "v -= limit + variable"}


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
    """Return the neurons of a population, with the equation of a step.

    Raises:
        UnsupportedError: If the model has no such equation.
    """
    kind, _, reset = model.rpartition("_")
    if model != "readout" and not (kind in KINDS and reset in RESETS):
        raise UnsupportedError(
            f"population {name!r}: the model must be that of deterministic neurons that send spikes and start at 0, "
            f"not {model!r}"
        )
    size = len(arrays[f"population/{name}/decay"])
    if model == "readout":
        group = b.NeuronGroup(size, MODEL)
    elif kind == "":
        group = b.NeuronGroup(size, MODEL, threshold="v >= limit", reset=RESETS[reset])
    else:
        resets, threshold = (RAISED_RESETS, "limit + variable") if kind == "alif" else (RESETS, "limit")
        reset = f"{resets[reset]}\nfired = 1"
        group = b.NeuronGroup(size, SECOND_MODEL, threshold=f"v >= {threshold}", reset=reset)
    for variable, array in (
        ("decay", "decay"),
        ("bias", "bias"),
        ("limit", "threshold"),
        *zip(PARAMETERS, PARAMETERS, strict=True),
    ):
        if f"population/{name}/{array}" in arrays:
            setattr(group, variable, arrays[f"population/{name}/{array}"])
    before, after = equations(kind, BIAS.format(lag=header["lateness"][name]), header["fixed"])
    group.run_regularly(before, when="before_thresholds")
    if after:
        group.run_regularly(after, when="after_resets")
    return group


def equations(kind: str, bias: str, fixed: dict[str, int] | None) -> tuple[str, str]:
    """Return the statements of a step before the thresholds, and after the resets, if there are some.

    Args:
        kind: The model without its reset: adlif, alif, cuba_lif, or nothing.
        bias: The expression of the bias.
        fixed: The fixed point of the integers; None for floats.
    """
    current, product, clip = f"({bias} + arrived)", "({0} * {1})", "{}"
    if fixed is not None:
        one, unit, limit = 2 ** fixed["decay_bits"], 2 ** fixed["weight_shift"], 2 ** (fixed["word_bits"] - 1) - 1
        current = f"(arrived * {unit} + {bias})"
        product = f"(sign({{0}} * {{1}}) * floor(abs({{0}} * {{1}}) / {one}))"
        clip = f"clip({{}}, -{limit}, {limit})"
    leak = product.format("v", "decay")
    memory = product.format("variable", "second_decay")
    done = "arrived = 0"
    if kind == "adlif":
        driven = product.format("gain", clip.format(f"({current} - variable)"))
        adapted = clip.format(f"{memory} + {product.format('coupling', 'v')} + jump * fired")
        return f"v = {clip.format(f'{leak} + {driven}')}\n{done}", f"variable = {adapted}\nfired = 0"
    if kind == "alif":
        raised = clip.format(f"{memory} + jump * fired")
        return f"v = {clip.format(f'{leak} + {clip.format(current)}')}\n{done}", f"variable = {raised}\nfired = 0"
    if kind == "cuba_lif":
        driven = clip.format(f"{leak} + {product.format('gain', 'variable')}")
        return f"variable = {clip.format(f'{current} + {memory}')}\nv = {driven}\n{done}", ""
    return f"v = {clip.format(f'{leak} + {current}')}\n{done}", ""


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
