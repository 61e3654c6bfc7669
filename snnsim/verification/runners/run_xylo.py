"""XyloSim, rockpool's simulator of Xylo Audio 2, runs the matrices of a file.

The import of rockpool's part for the chip fails half way where the driver of the chip is missing; the simulator is
imported by then, and needs no driver. The first entry of a neuron's chain is the neuron itself.
"""

import contextlib
import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from exchange import Membranes, Recordings, Spikes, main, timed

with contextlib.suppress(ModuleNotFoundError):
    import rockpool.devices.xylo  # noqa: F401
XyloSim = sys.modules["rockpool.devices.xylo.syns61201"].XyloSim


def run(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of the readout.

    Args:
        path: The file of Xylo's matrices.
        recordings: The recordings, with at most one spike of a channel in a step.
    """
    with np.load(path) as stored:
        header = json.loads(stored["header"].tobytes())
        network = _simulator(stored)
    lags, readout = header["lateness"], header["readout"]
    columns = {
        name: [chain[0] for chain in header["chains"][name]]
        for name, model in header["populations"]
        if model != "readout"
    }
    spikes: Spikes = {name: [] for name in columns}
    membranes = []
    for number in range(len(recordings)):
        steps = int(recordings.steps[number])
        data = np.zeros((steps + max(lags.values()) + 1, recordings.channels), int)
        data[recordings.spikes(number)] = 1
        network.reset_state()
        with timed():
            _, _, record = network(data, record=True)
        fired = np.asarray(record["Spikes"]).reshape(len(data), -1)
        for name, rows in columns.items():
            step, neuron = np.nonzero(fired[:, rows])
            spikes[name].append((step - lags[name], neuron))
        if readout is not None:
            window = slice(lags[readout], lags[readout] + steps)
            total = np.asarray(record["Vmem_out"]).reshape(len(data), -1)[window]
            membranes.append((total << header["fixed"]["weight_shift"]) + np.array(header["neurons"][readout]["bias"]))
    return spikes, {} if readout is None else {readout: membranes}


def _simulator(stored: Any) -> Any:
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
