"""How a consumer's script is called, and what it gives back; needs NumPy alone.

    python NAME.py EXPORTED RECORDINGS.npz RESULT.npz

RECORDINGS.npz   steps (recording,), how many each runs; step, channel, count (spike,), offset (recording + 1,);
                 channels ()
RESULT.npz       version; for each population P that fires P/step, P/neuron (spike,) and P/offset (recording + 1,) in
                 our time; for a readout whose membrane it gives, membrane/P (step of all recordings, neuron);
                 choices (recording,) where the consumer decides for itself; P is written as in an address (%2F for /)
"""

import json
import sys
from pathlib import Path
from urllib.parse import quote

import numpy as np


class Recordings:
    """Spikes to feed, one row at most per step and channel."""

    def __init__(self, path):
        stored = np.load(path)
        self.steps, self.channels = stored["steps"], int(stored["channels"])
        self._step, self._channel, self._offset = stored["step"], stored["channel"], stored["offset"]
        self._count = stored["count"]

    def __len__(self):
        return len(self.steps)

    def spikes(self, number):
        """Return the steps and channels of a recording's spikes."""
        part = slice(self._offset[number], self._offset[number + 1])
        return self._step[part], self._channel[part]

    def counts(self, number):
        """Return how many spikes each of `spikes` stands for; more than 1 only where the consumer takes counts."""
        return self._count[self._offset[number] : self._offset[number + 1]]

    def single(self, number):
        """Return the steps and channels of all spikes, those that share both one after another."""
        count = self.counts(number)
        return tuple(np.repeat(part, count) for part in self.spikes(number))

    def most(self):
        """Return the most spikes of a channel in a step, of all recordings."""
        return int(self._count.max(initial=1))

    def frames(self, number):
        """Return the number of spikes (step, channel) of a recording."""
        frames = np.zeros((self.steps[number], self.channels))
        frames[self.spikes(number)] = self.counts(number)
        return frames


def read_arrays(path):
    """Return the header and the arrays of a file of plain arrays (snnsim.export.arrays), as they are."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    header = json.loads(arrays.pop("header").tobytes())
    for name, there in header.get("names", {}).items():
        parts = [each for each in arrays if each.startswith(f"population/{there}/")]
        arrays |= {f"population/{name}/{each.split('/')[2]}": arrays[each] for each in parts}
    if header["lateness"] is None:
        raise ValueError("a loop of this program is too short for a machine on which every synapse takes a step")
    return header, arrays


def read_plain(path):
    """Return the header and the arrays of a file of plain arrays for a machine in floats.

    A Program in integers becomes one in floats as in snnsim.export.dequantize: w 2^shift, β / 2^bits, θ − ½.
    """
    header, arrays = read_arrays(path)
    fixed = header["fixed"]
    if fixed is None:
        return header, arrays
    for name, rule in header["populations"]:
        arrays[f"population/{name}/decay"] = arrays[f"population/{name}/decay"] / 2 ** fixed["decay_bits"]
        if rule != "readout":
            arrays[f"population/{name}/threshold"] = arrays[f"population/{name}/threshold"] - 0.5
    for number in range(len(header["edges"])):
        arrays[f"edge/{number}/weight"] = arrays[f"edge/{number}/weight"].astype(float) * 2 ** fixed["weight_shift"]
    return header, arrays


def main(run, version):
    """Call run(exported, recordings) and write what it returns.

    It returns the steps and neurons of each population's spikes, recording by recording, {name: [(step, neuron), ...]},
    and membranes, {name: [(step, neuron) array, ...]}, which may be empty; a third part, if any, are its choices.
    """
    exported, recordings, result = sys.argv[1:]
    spikes, membranes, *choices = run(Path(exported), Recordings(recordings))
    found = {"version": np.array(version)}
    if choices:
        found["choices"] = np.asarray(choices[0])
    for name, trains in spikes.items():
        name = quote(name, safe=" ", errors="surrogatepass")
        found[f"{name}/offset"] = np.cumsum([0, *(len(step) for step, _ in trains)])
        for place, part in enumerate(("step", "neuron")):
            found[f"{name}/{part}"] = np.concatenate([np.asarray(train[place], np.int64) for train in trains])
    for name, parts in membranes.items():
        found[f"membrane/{quote(name, safe=' ', errors='surrogatepass')}"] = np.concatenate(parts)
    np.savez(result, **found)
