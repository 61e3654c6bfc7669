"""NEST runs plain arrays: iaf_psc_delta, and static synapses with a weight and a delay each.

V ← V exp(−h/τ) + w, fires at V ≥ V_th, then V = 0: the Program's equation with τ = −h / ln β. No delay of NEST is
shorter than a step, so it runs the file's hardware delays, and the retiming lag is subtracted from its spikes. A bias
is a spike in every step.

Neurons with an exponential synapse are iaf_psc_exp: V ← V exp(−h/τ) + P i, then i ← i exp(−h/τ_syn) + w, with the
capacitance at which NEST's P is the gain. A current acts a step after its spikes, so such populations are a step later.
"""

import os
import sys
from pathlib import Path
from typing import Any

import nest
import numpy as np
from exchange import Membranes, Recordings, Spikes, UnsupportedError, main, read_floats, timed

STEP = 1.0
CURRENTS = ("cuba_lif_hard",)
"""Models with an exponential synapse."""
THREADS = int(os.environ.get("SNNSIM_THREADS", "1"))
METER = {"record_from": ["V_m"], "interval": STEP}


def run(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of the readout.

    Args:
        path: The file of plain arrays in NumPy's format.
        recordings: The recordings, with several spikes of a channel in a step where they have such.
    """
    header, arrays = with_later_currents(*read_floats(path))
    lags, output = header["lateness"], header["readout"]
    spikes: Spikes = {name: [] for name, model in header["populations"] if model != "readout"}
    membranes: Membranes = {} if output is None else {output: []}
    nest.set_verbosity("M_ERROR")
    for number, steps in enumerate(recordings.steps):
        groups = _build(header, arrays, recordings, number)
        recorders = {name: nest.Create("spike_recorder") for name in spikes}
        for name, recorder in recorders.items():
            nest.Connect(groups[name], recorder)
        meters = {name: nest.Create("multimeter", params=METER) for name in membranes}
        for name, meter in meters.items():
            nest.Connect(meter, groups[name])
        nest.Prepare()
        length = steps + max(lags.values()) + 1
        with timed():
            nest.Run(length * STEP)
        nest.Cleanup()
        for name, recorder in recorders.items():
            events = recorder.events
            step = np.rint(events["times"] / STEP).astype(int) - 1 - lags[name]
            spikes[name].append((step, events["senders"] - groups[name].tolist()[0]))
        for name, meter in meters.items():
            membranes[name].append(_trace(meter.events, groups[name], length)[lags[name] :][:steps])
    return spikes, membranes


def with_later_currents(
    header: dict[str, Any], arrays: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return header and arrays with delays and lags for currents that act a step after their spikes.

    Args:
        header: The header of the file.
        arrays: Its arrays.

    Raises:
        UnsupportedError: If a loop has no step for that.
    """
    takes = {name: int(model in CURRENTS) for name, model in header["populations"]}
    later = {"input": 0} | takes
    delays = [arrays[f"edge/{number}/machine_delay"] for number in range(len(header["edges"]))]
    edges = [
        (source, target, int(delay.min()) - takes[target] - 1)
        for (source, target), delay in zip(header["edges"], delays, strict=True)
        if len(delay)
    ]
    for _ in later:
        for source, target, spare in edges:
            later[target] = max(later[target], later[source] - spare)
    if any(later[target] < later[source] - spare for source, target, spare in edges):
        raise UnsupportedError(
            "a current of NEST acts a step after its spikes, and a loop of this program is too short for it"
        )
    for number, (source, target) in enumerate(header["edges"]):
        arrays[f"edge/{number}/machine_delay"] = delays[number] + (later[target] - later[source] - takes[target])
    lags = {name: lag + later[name] for name, lag in header["lateness"].items()}
    return header | {"lateness": lags}, arrays


def _build(
    header: dict[str, Any], arrays: dict[str, np.ndarray], recordings: Recordings, number: int
) -> dict[str, Any]:
    """Return the populations by name, connected, and at rest."""
    # a fresh kernel is a network at rest
    nest.ResetKernel()
    nest.set(resolution=STEP, local_num_threads=THREADS)
    groups = {"input": _generators(recordings, number)}
    groups |= {name: _neurons(arrays, name, model) for name, model in header["populations"]}
    for edge, (source, target) in enumerate(header["edges"]):
        _connect(arrays, edge, groups[source], groups[target])
    every_step = (np.arange(recordings.steps[number]) + 1) * STEP
    bias_source = nest.Create("spike_generator", params={"spike_times": every_step})
    for name, model in header["populations"]:
        lag = header["lateness"][name] - int(model in CURRENTS)
        _connect_bias(arrays[f"population/{name}/bias"], lag, bias_source, groups[name])
    return groups


def _trace(events: Any, group: Any, length: int) -> np.ndarray:
    """Return the membranes that a multimeter recorded (step, neuron); 0 for neurons of other processes."""
    step = np.rint(events["times"] / STEP).astype(int) - 1
    membranes = np.zeros((length, len(group)))
    membranes[step, events["senders"] - group.tolist()[0]] = events["V_m"]
    return membranes


def _generators(recordings: Recordings, number: int) -> Any:
    """Return one source of spikes for each channel."""
    step, channel = recordings.single(number)
    source = nest.Create("spike_generator", recordings.channels)
    for each in np.unique(channel):
        source[int(each)].spike_times = (step[channel == each] + 1) * STEP
    return source


def _neurons(arrays: dict[str, np.ndarray], name: str, model: str) -> Any:
    """Return the neurons of a population.

    Raises:
        UnsupportedError: If the model is none of NEST's.
    """
    models = ("hard", "readout", *CURRENTS)
    if model not in models:
        raise UnsupportedError(
            f"population {name!r}: the model must be {', '.join(models)} in NEST, whose neurons have a reset to 0, "
            f"not {model!r}"
        )
    tau = time_constant(arrays[f"population/{name}/decay"])
    threshold = arrays[f"population/{name}/threshold"] if model != "readout" else np.full(len(tau), 1e30)
    fixed = {"C_m": 1.0, "E_L": 0.0, "V_m": 0.0, "V_reset": 0.0, "t_ref": 0.0, "V_th": 1e30}
    if model not in CURRENTS:
        group = nest.Create("iaf_psc_delta", len(tau), params=fixed)
        group.set(tau_m=tau.tolist(), V_th=threshold.tolist())
        return group
    synapse = time_constant(arrays[f"population/{name}/second_decay"])
    capacitance = unit_gain(tau, synapse) / arrays[f"population/{name}/gain"]
    group = nest.Create("iaf_psc_exp", len(tau), params=fixed)
    group.set(
        tau_m=tau.tolist(), V_th=threshold.tolist(), tau_syn_ex=synapse.tolist(), tau_syn_in=synapse.tolist(),
        C_m=capacitance.tolist(),
    )  # fmt: skip
    return group


def time_constant(decay: np.ndarray) -> np.ndarray:
    """Return the time constants of decays (neuron,).

    Args:
        decay: Shares that a step keeps (neuron,).
    """
    # no τ has the decays 0 and 1; exp(−h / τ) of these is so near them that no float tells the difference
    return np.where(decay == 1, 1e300, -STEP / np.log(np.clip(decay, 1e-300, 1 - 1e-16)))


def unit_gain(tau: np.ndarray, synapse: np.ndarray) -> np.ndarray:
    """Return the membrane that a current of 1 adds in a step, with a capacitance of 1 (neuron,).

    Args:
        tau: Time constants of the membranes (neuron,).
        synapse: Time constants of the currents (neuron,).
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rate = tau * synapse / (tau - synapse)
        apart = rate * np.exp(-STEP / synapse) * np.expm1(STEP * (1 / synapse - 1 / tau))
    return np.where(tau == synapse, STEP * np.exp(-STEP / tau), apart)


def _connect(arrays: dict[str, np.ndarray], edge: int, source: Any, target: Any) -> None:
    """Make the synapses of an edge."""
    pre, post = (np.asarray(group.tolist()) for group in (source, target))
    parameters = {
        "synapse_model": "static_synapse",
        "weight": arrays[f"edge/{edge}/weight"].astype(float),
        "delay": arrays[f"edge/{edge}/machine_delay"] * STEP,
    }
    nest.Connect(pre[arrays[f"edge/{edge}/pre"]], post[arrays[f"edge/{edge}/post"]], "one_to_one", parameters)


def _connect_bias(bias: np.ndarray, lag: int, source: Any, group: Any) -> None:
    """Let a source that spikes in every step deliver a population's bias in each of its steps."""
    weight = bias.astype(float)
    neuron = np.flatnonzero(weight)
    if len(neuron):
        pre, post = (np.asarray(each.tolist()) for each in (source, group))
        delay = np.full(len(neuron), lag * STEP)
        parameters = {"synapse_model": "static_synapse", "weight": weight[neuron], "delay": delay}
        nest.Connect(np.repeat(pre, len(neuron)), post[neuron], "one_to_one", parameters)


def _own_result(path: str) -> str:
    """Return the file for the spikes of this process.

    Raises:
        UnsupportedError: If this NEST does not know of the other processes.
    """
    processes = int(os.environ.get("SNNSIM_PROCESSES", "1"))
    if nest.num_processes != processes:
        raise UnsupportedError(
            f"NEST {nest.__version__} must have MPI for {processes} processes, and this one "
            f"{'has' if nest.build_info['have_mpi'] else 'has not'} (nest.build_info['have_mpi']) and knows of "
            f"{nest.num_processes}; install one that was built with -Dwith-mpi=ON, or take --processes 1 and --threads"
        )
    return path if processes == 1 else str(Path(path).with_suffix(f".{nest.Rank()}.npz"))


if __name__ == "__main__":
    sys.argv[3] = _own_result(sys.argv[3])
    main(run, nest.__version__)
