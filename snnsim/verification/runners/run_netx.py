"""lava-dl's netx builds the network of a file for Loihi 2, and lava-nc's bit-accurate models run it.

The neurons of its layers are watched one by one. netx imports cv2 and torchvision with its object detection, of which
it needs nothing; an empty module replaces it. A channel's count is a graded spike, and its change a message of
sigma-delta neurons.
"""

import json
import sys
import types
from importlib import metadata
from pathlib import Path

import h5py
import lava_python  # noqa: F401  (before anything of lava)
import numpy as np
from exchange import Membranes, Recordings, Spikes, main

sys.modules["lava.lib.dl.slayer.object_detection"] = types.ModuleType("object_detection")
from lava.lib.dl import netx  # noqa: E402
from lava.proc.io.source import RingBuffer as Source  # noqa: E402
from run_lava import MEMBRANES, watched  # noqa: E402


def run(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of the readout.

    Args:
        path: The file for Loihi 2.
        recordings: The recordings, with the count of each spike.
    """
    with h5py.File(path, "r") as file:
        header = json.loads(file.attrs["header"])
    models = dict(header["populations"])
    spikes: Spikes = {name: [] for name, model in models.items() if model not in MEMBRANES}
    membranes: Membranes = {name: [] for name, model in models.items() if model in MEMBRANES}
    # the sums of readouts of graded messages have no bias
    bias = dict(zip(models, header.get("readout_bias", [0] * len(models)), strict=True))
    options = {"input_message_bits": 24, "spike_exp": 0} if "readout_bias" in header else {"input_message_bits": 8}
    for number in range(len(recordings)):
        steps = int(recordings.steps[number]) + max(header["lateness"].values()) + 1
        data = np.zeros((recordings.channels, steps), int)
        step, channel = recordings.spikes(number)
        data[channel, step] = recordings.counts(number)
        network = netx.hdf5.Network(net_config=str(path), input_shape=(recordings.channels,), **options)
        source = Source(data=data)
        source.s_out.connect(network.inp)
        groups = {name: layer.neuron for name, layer in zip(models, network.layers, strict=True)}
        fired, voltage = watched(groups, models, steps, network)
        for name, (times, neuron) in fired.items():
            spikes[name].append((times - header["lateness"][name], neuron))
        for name, values in voltage.items():
            lag = header["lateness"][name]
            membranes[name].append(values[lag : lag + recordings.steps[number]] + np.asarray(bias[name]))
    return spikes, membranes


if __name__ == "__main__":
    main(run, metadata.version("lava-dl"))
