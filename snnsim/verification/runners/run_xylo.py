"""XyloSim, rockpool's simulator of Xylo Audio 2, runs our matrices.

Importing rockpool's part for the chip ends half way where the driver of the chip is missing; the simulator is there by
then, and needs no driver. The first entry of a neuron's chain is the neuron itself.
"""

import contextlib
import json
import sys
from importlib import metadata

import numpy as np
from exchange import main

with contextlib.suppress(ModuleNotFoundError):
    import rockpool.devices.xylo  # noqa: F401
XyloSim = sys.modules["rockpool.devices.xylo.syns61201"].XyloSim


def run(path, recordings):
    """Return the spikes of every population that fires, and the membranes of the readout."""
    with np.load(path) as stored:
        header = json.loads(stored["header"].tobytes())
        network = simulator(stored)
    late, readout = header["lateness"], header["readout"]
    columns = {name: [each[0] for each in header["chains"][name]] for name, rule in header["populations"]
               if rule != "readout"}  # fmt: skip
    spikes, membranes = {name: [] for name in columns}, []
    for number in range(len(recordings)):
        steps = int(recordings.steps[number])
        data = np.zeros((steps + max(late.values()) + 1, recordings.channels), int)
        data[recordings.spikes(number)] = 1
        network.reset_state()
        _, _, told = network(data, record=True)
        fired = np.asarray(told["Spikes"]).reshape(len(data), -1)
        for name, rows in columns.items():
            step, neuron = np.nonzero(fired[:, rows])
            spikes[name].append((step - late[name], neuron))
        if readout is not None:
            kept = slice(late[readout], late[readout] + steps)
            total = np.asarray(told["Vmem_out"]).reshape(len(data), -1)[kept]
            membranes.append((total << header["fixed"]["weight_shift"]) + np.array(header["neurons"][readout]["bias"]))
    return spikes, {} if readout is None else {readout: membranes}


def simulator(stored):
    """Return the chip with these weights: the first of the two synapses of each pair is used."""
    first = {name: np.stack([stored[name], np.zeros_like(stored[name])], -1) for name in ("weights_in", "weights_rec")}
    hidden, outputs = stored["weights_out"].shape
    return XyloSim.from_specification(
        **first, weights_out=stored["weights_out"], threshold=stored["threshold"],
        threshold_out=np.full(outputs, 32767),
        dash_mem=np.zeros(hidden, int), dash_syn=np.ones(hidden, int), dash_syn_2=np.ones(hidden, int),
        dash_mem_out=np.zeros(outputs, int), dash_syn_out=np.ones(outputs, int), dt=1e-3,
    )  # fmt: skip


if __name__ == "__main__":
    main(run, metadata.version("rockpool"))
