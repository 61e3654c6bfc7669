"""Run the network of this folder with PyNN: python run.py nest|brian2|spiNNaker [SPIKES.txt] [-o FOLDER]

SPIKES.txt has a line "step channel" for each input spike; without it, every channel fires once, in step 0. For each
population that fires, FOLDER/P.txt gets a line "step neuron" for each spike, in steps of the recording.

A step takes 1 ms here, whatever it was in training. No delay is shorter than a step, so population P is late by
lateness[P] steps, which are subtracted. The clock, a channel that fires in every step, carries the biases. So do the
channels of provenance.clock, if an earlier export moved biases there; they fire in every step, whatever SPIKES.txt has.
"""

import argparse
import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
STEP = 1.0
# the largest threshold of hardware whose numbers have 16 bits before the point
LARGEST = {"spiNNaker": 65535.0}
# a spike of step s has the time (s + FIRST) STEP: NEST has no spikes before 1, and PyNN passes each on by a relay
FIRST = {"nest": 2}

Network = tuple[dict[str, Any], dict[str, np.ndarray]]
Spikes = tuple[np.ndarray, np.ndarray]


def load(folder: Path = FOLDER) -> Network:
    """Return the contents of network.json, and the table of each population's neurons.

    Args:
        folder: The exported folder, by default that of this script.
    """
    header = json.loads((folder / "network.json").read_text())
    tables = {name: np.loadtxt(folder / file, ndmin=2) for name, file in header["neurons"].items()}
    return header, tables


def simulate(
    backend: str, network: Network, recordings: Iterable[tuple[Spikes, int]], folder: Path = FOLDER
) -> Iterator[tuple[dict[str, Spikes], np.ndarray | None]]:
    """Yield the spikes {name: (step, neuron)} and the readout's membranes (step, neuron) of each recording.

    Args:
        backend: A module of PyNN.
        network: The result of `load`.
        recordings: Steps and channels of the spikes, and the length, of each.
        folder: The folder with the tables of connections.
    """
    sim, built = importlib.import_module(f"pyNN.{backend}"), None
    header = network[0]
    lags = header["lateness"]
    for spikes, steps in recordings:
        if built is not None and backend == "brian2":
            sim.reset()
        else:
            # NEST cannot go back to the start
            built = _build(sim, backend, network, folder)
        groups, trace = built
        groups["input"].set(spike_times=_spike_times(backend, header, spikes, steps))
        sim.run((steps + max(lags.values()) + FIRST.get(backend, 0) + 1) * STEP)
        trains = {}
        for name, model in header["populations"]:
            if model != "readout":
                times = [np.asarray(train) for train in groups[name].get_data("spikes").segments[-1].spiketrains]
                step = np.rint(np.concatenate(times) / STEP).astype(int) - FIRST.get(backend, 0) - lags[name]
                trains[name] = step, np.repeat(np.arange(len(times)), [len(train) for train in times])
        yield trains, None if trace is None else trace()[lags[header["readout"]] :][:steps]


def _build(
    sim: Any, backend: str, network: Network, folder: Path
) -> tuple[dict[str, Any], Callable[[], np.ndarray] | None]:
    """Return the populations by name, and the function that reads the readout's membranes."""
    header, tables = network
    longest = max([connection["longest"] for connection in header["connections"]], default=1)
    options = {"spike_precision": "on_grid"} if backend == "nest" else {}
    sim.setup(timestep=STEP, min_delay=STEP, max_delay=longest * STEP, **options)
    if backend == "brian2":
        brian2 = importlib.import_module("brian2")
        # sources of spikes follow Brian2's own clock; compiling takes longer than these runs do
        brian2.defaultclock.dt, brian2.prefs.codegen.target = STEP * brian2.ms, "numpy"
    count = header["channels"] + (header["clock"] is not None)
    groups = {"input": sim.Population(count, sim.SpikeSourceArray(spike_times=[[] for _ in range(count)]))}
    for name, model in header["populations"]:
        groups[name] = _neurons(sim, backend, tables[name])
        if model != "readout":
            groups[name].record("spikes")
    for connection in header["connections"]:
        # not by FromFileConnector, which executes the first line of a file, and fails at files of one line
        synapses = np.loadtxt(folder / connection["file"], ndmin=2)
        sim.Projection(
            groups[connection["source"]],
            groups[connection["target"]],
            sim.FromListConnector(synapses, column_names=["weight", "delay"]),
            sim.StaticSynapse(),
            receptor_type=connection["receptor"],
        )
    if backend == "brian2":
        _deliver_before_thresholds(sim)
    return groups, _membrane_reader(backend, groups.get(header["readout"]))


def _spike_times(backend: str, header: dict[str, Any], spikes: Spikes, steps: int) -> list[Any]:
    """Return the spike times of each channel, and those of the clock."""
    step, channel = spikes
    trains = [np.sort(step[channel == each]) for each in range(header["channels"])]
    if header["clock"] is not None:
        trains.append(np.arange(steps))
    sequence = importlib.import_module("pyNN.parameters").Sequence
    return [sequence((train + FIRST.get(backend, 0)) * STEP) for train in trains]


def _neurons(sim: Any, backend: str, table: np.ndarray) -> Any:
    """Return neurons at rest that keep exp(−1 / τ) of their voltage in a step."""
    tau, threshold = table[:, 0], np.minimum(table[:, 1], LARGEST.get(backend, np.inf))
    if backend == "brian2":
        # Brian2 fires above a threshold, not at it, and its volts round numbers that are exact in mV
        threshold = threshold * (1 - 2.0**-40)
    cells = {"v_rest": 0.0, "v_reset": 0.0, "cm": 1.0, "tau_refrac": 0.0, "i_offset": 0.0}
    group = sim.Population(len(table), sim.IF_curr_delta(tau_m=tau, v_thresh=threshold, **cells))
    if backend == "nest":
        # PyNN cannot initialize these
        group.node_collection.V_m = 0.0
    else:
        group.initialize(v=0.0)
    return group


def _deliver_before_thresholds(sim: Any) -> None:
    """Let Brian2 deliver spikes before the thresholds: PyNN has it after, where a neuron that fires loses them."""
    brian2 = importlib.import_module("brian2")
    for each in sim.simulator.state.network.objects:
        if isinstance(each, brian2.Synapses):
            each.pre.when = "before_thresholds"
            # a spike is collected a step later there
            each.pre.delay = each.pre.delay - STEP * brian2.ms


def _membrane_reader(backend: str, group: Any) -> Callable[[], np.ndarray] | None:
    """Return a function that returns the membranes (step, neuron) after the run; None if there is no readout."""
    if group is None:
        return None
    if backend != "nest":
        group.record("v")
        # the first membrane is that of the start
        return lambda: np.asarray(group.get_data("v").segments[-1].analogsignals[0])[1:]
    nest = importlib.import_module("nest")
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": STEP})
    nest.Connect(meter, group.node_collection)

    def read() -> np.ndarray:
        events = meter.events
        step = np.rint(events["times"] / STEP).astype(int)
        membranes = np.zeros((step.max() + 1, group.size))
        membranes[step, events["senders"] - group.node_collection.tolist()[0]] = events["V_m"]
        return membranes[FIRST["nest"] :]

    return read


def _with_bias_spikes(header: dict[str, Any], spikes: Spikes, steps: int) -> Spikes:
    """Return spikes with one in every step of each channel of provenance.clock."""
    clock = np.atleast_1d(header["provenance"].get("clock", [])).astype(int)
    step, channel = (values[~np.isin(spikes[1], clock)] for values in spikes)
    every_step = np.repeat(np.arange(steps), len(clock))
    return np.concatenate([step, every_step]), np.concatenate([channel, np.tile(clock, steps)])


def main() -> None:
    """Run the network by the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backend", choices=["nest", "brian2", "spiNNaker"])
    parser.add_argument("spikes", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, help="default: until all spikes have arrived")
    parser.add_argument("-o", "--output", type=Path, default=Path())
    options = parser.parse_args()
    network = load()
    header = network[0]
    if options.spikes is None:
        channel = np.arange(header["channels"])
        step = np.zeros_like(channel)
    else:
        step, channel = np.loadtxt(options.spikes, dtype=int, ndmin=2).reshape(-1, 2).T
    longest = max([connection["longest"] for connection in header["connections"]], default=1)
    steps = options.steps or int(step.max(initial=0)) + longest + header["extra_steps"] + 1
    ((trains, _),) = simulate(options.backend, network, [(_with_bias_spikes(header, (step, channel), steps), steps)])
    options.output.mkdir(parents=True, exist_ok=True)
    for name, train in trains.items():
        file = options.output / Path(header["neurons"][name]).name
        np.savetxt(file, np.stack(train, 1), fmt="%d", header="step neuron")
        print(f"{name}: {len(train[0])} spikes in {steps} steps")


if __name__ == "__main__":
    main()
