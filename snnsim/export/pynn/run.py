"""Run the network of this folder with PyNN: python run.py nest|brian2|spiNNaker [SPIKES.txt] [-o FOLDER]

SPIKES.txt has a line "step channel" for each spike that goes in; without it, every channel fires once, in step 0. For
each population that fires, FOLDER/P.txt gets a line "step neuron" for each spike, in steps of the recording.

A step takes 1 ms here, whatever it was in training. No delay is shorter than a step, so population P is late by
lateness[P] steps, which are taken off. The clock, a channel that fires in every step, carries the biases.
"""

import argparse
import importlib
import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
STEP = 1.0
# of a machine whose numbers have 16 bits before the point
HIGHEST = {"spiNNaker": 65535.0}
# a spike of step s has the time (s + FIRST) STEP: NEST's cannot be before 1, and PyNN passes each of them on by a relay
FIRST = {"nest": 2}


def load(folder=HERE):
    """Return what network.json says, and the table of each population's neurons."""
    network = json.loads((folder / "network.json").read_text())
    tables = {name: np.loadtxt(folder / file, ndmin=2) for name, file in network["neurons"].items()}
    return network, tables


def simulate(backend, given, recordings, folder=HERE):
    """Yield what each recording, ((step, channel), steps), makes of the network.

    That is the spikes of each population that fires, {name: (step, neuron)}, and the readout's membranes (step,
    neuron), None if there is no readout.
    """
    sim, built = importlib.import_module(f"pyNN.{backend}"), None
    for spikes, steps in recordings:
        if built is not None and backend == "brian2":
            sim.reset()
        else:
            # NEST cannot go back to the start
            built = build(sim, backend, given, folder)
        groups, trace = built
        groups["input"].set(spike_times=times(backend, given[0], spikes, steps))
        late = given[0]["lateness"]
        sim.run((steps + max(late.values()) + FIRST.get(backend, 0) + 1) * STEP)
        found = {}
        for name, rule in given[0]["populations"]:
            if rule != "readout":
                trains = [np.asarray(train) for train in groups[name].get_data("spikes").segments[-1].spiketrains]
                step = np.rint(np.concatenate(trains) / STEP).astype(int) - FIRST.get(backend, 0) - late[name]
                found[name] = step, np.repeat(np.arange(len(trains)), [len(train) for train in trains])
        yield found, None if trace is None else trace()[late[given[0]["readout"]] :][:steps]


def build(sim, backend, given, folder):
    """Return the populations by name, and what reads the readout's membranes."""
    network, tables = given
    longest = max([each["longest"] for each in network["connections"]], default=1)
    kept = {"spike_precision": "on_grid"} if backend == "nest" else {}
    sim.setup(timestep=STEP, min_delay=STEP, max_delay=longest * STEP, **kept)
    if backend == "brian2":
        brian2 = importlib.import_module("brian2")
        # sources of spikes follow Brian2's own clock; compiling takes longer than these runs do
        brian2.defaultclock.dt, brian2.prefs.codegen.target = STEP * brian2.ms, "numpy"
    count = network["channels"] + (network["clock"] is not None)
    groups = {"input": sim.Population(count, sim.SpikeSourceArray(spike_times=[[] for _ in range(count)]))}
    for name, rule in network["populations"]:
        groups[name] = neurons(sim, backend, tables[name])
        if rule != "readout":
            groups[name].record("spikes")
    for each in network["connections"]:
        # not by FromFileConnector, which runs what stands in a file's first line, and fails at files of one line
        synapses = np.loadtxt(folder / each["file"], ndmin=2)
        sim.Projection(
            groups[each["source"]], groups[each["target"]],
            sim.FromListConnector(synapses, column_names=["weight", "delay"]), sim.StaticSynapse(),
            receptor_type=each["receptor"],
        )  # fmt: skip
    if backend == "brian2":
        in_time(sim)
    return groups, traced(backend, groups.get(network["readout"]))


def times(backend, network, spikes, steps):
    """Return when each channel fires, and the clock with them."""
    step, channel = spikes
    trains = [np.sort(step[channel == each]) for each in range(network["channels"])]
    if network["clock"] is not None:
        trains.append(np.arange(steps))
    sequence = importlib.import_module("pyNN.parameters").Sequence
    return [sequence((train + FIRST.get(backend, 0)) * STEP) for train in trains]


def neurons(sim, backend, table):
    """Return neurons at rest that keep exp(−1 / τ) of their voltage in a step."""
    tau, limit = table[:, 0], np.minimum(table[:, 1], HIGHEST.get(backend, np.inf))
    if backend == "brian2":
        # it fires above a threshold, not at it, and its volts round what is exact in mV
        limit = limit * (1 - 2.0**-40)
    cells = {"v_rest": 0.0, "v_reset": 0.0, "cm": 1.0, "tau_refrac": 0.0, "i_offset": 0.0}
    group = sim.Population(len(table), sim.IF_curr_delta(tau_m=tau, v_thresh=limit, **cells))
    if backend == "nest":
        # PyNN has no way to say it to these
        group.node_collection.V_m = 0.0
    else:
        group.initialize(v=0.0)
    return group


def in_time(sim):
    """Let Brian2 deliver before the threshold: PyNN has it after, where a neuron that fires loses what arrives."""
    brian2 = importlib.import_module("brian2")
    for part in sim.simulator.state.network.objects:
        if isinstance(part, brian2.Synapses):
            part.pre.when = "before_thresholds"
            # a spike is collected a step later there
            part.pre.delay = part.pre.delay - STEP * brian2.ms


def traced(backend, group):
    """Return a function that returns the membranes (step, neuron) after the run; None where there is no readout."""
    if group is None:
        return None
    if backend != "nest":
        group.record("v")
        # the first is that of the start
        return lambda: np.asarray(group.get_data("v").segments[-1].analogsignals[0])[1:]
    nest = importlib.import_module("nest")
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": STEP})
    nest.Connect(meter, group.node_collection)

    def read():
        events = meter.events
        step = np.rint(events["times"] / STEP).astype(int)
        found = np.zeros((step.max() + 1, group.size))
        found[step, events["senders"] - group.node_collection.tolist()[0]] = events["V_m"]
        return found[FIRST["nest"] :]

    return read


def main():
    """Run it as asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backend", choices=["nest", "brian2", "spiNNaker"])
    parser.add_argument("spikes", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, help="default: until everything has arrived")
    parser.add_argument("-o", "--output", type=Path, default=Path())
    options = parser.parse_args()
    given = load()
    if options.spikes is None:
        channel = np.arange(given[0]["channels"])
        spikes = np.zeros_like(channel), channel
    else:
        spikes = tuple(np.loadtxt(options.spikes, dtype=int, ndmin=2).reshape(-1, 2).T)
    longest = max([each["longest"] for each in given[0]["connections"]], default=1)
    steps = options.steps or int(spikes[0].max(initial=0)) + longest + given[0]["extra_steps"] + 1
    ((found, _),) = simulate(options.backend, given, [(spikes, steps)])
    options.output.mkdir(parents=True, exist_ok=True)
    for name, train in found.items():
        np.savetxt(
            options.output / Path(given[0]["neurons"][name]).name, np.stack(train, 1), fmt="%d", header="step neuron"
        )
        print(f"{name}: {len(train[0])} spikes in {steps} steps")


if __name__ == "__main__":
    main()
