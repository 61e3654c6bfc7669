"""The C runtime: an exported folder is compiled with cc, and its `run` is fed the recordings."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from exchange import main

COMPILER = os.environ.get("CC", "cc")
STRICT = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")


def run(path, recordings):
    """Return the spikes of every population, the membranes of the readout, and the classes."""
    text = (path / "network.h").read_text()
    header = json.loads(text[text.index("{") : text.index("\n */")])
    sizes = {name: len(unit) for (name, _), unit in zip(header["populations"], header["units"], strict=True)}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "run"
        sources = [str(path / name) for name in ("run.c", "snn.c", "network.c")]
        subprocess.run([COMPILER, *STRICT, "-o", str(program), *sources], check=True)
        done = subprocess.run([str(program)], input=given(recordings), stdout=subprocess.PIPE, check=True)
    numbers = np.frombuffer(done.stdout, np.int32)
    return told(numbers, recordings.steps, sizes, header)


def given(recordings):
    """Return recordings as `run` reads them."""
    parts = []
    for number in range(len(recordings)):
        step, channel = recordings.spikes(number)
        parts.append(np.array([recordings.steps[number], len(step)]))
        parts.append(np.stack([step, channel, recordings.counts(number)], 1).ravel())
    return np.concatenate(parts).astype(np.int32).tobytes()


def told(numbers, lengths, sizes, header):
    """Return what `run` wrote, by population."""
    bounds = np.cumsum([0, *sizes.values()])
    readout = sizes.get(header["readout"], 0)
    spikes = {name: [] for name, rule in header["populations"] if rule != "readout"}
    membranes, choices, place = [], [], 0
    for length in lengths:
        step, neuron = [], []
        membrane = np.zeros((length, readout))
        for each in range(length):
            count = int(numbers[place])
            neuron.append(numbers[place + 1 : place + 1 + count])
            step.append(np.full(count, each))
            place += 1 + count
            membrane[each] = numbers[place : place + readout]
            place += readout
        choices.append(int(numbers[place]))
        place += 1
        step, neuron = np.concatenate(step), np.concatenate(neuron)
        for trains, start, end in zip(spikes.values(), bounds, bounds[1:], strict=False):
            here = (neuron >= start) & (neuron < end)
            trains.append((step[here], neuron[here] - start))
        membranes.append(membrane)
    decided = [choices] if header["decision"] else []
    return spikes, {header["readout"]: membranes} if readout else {}, *decided


if __name__ == "__main__":
    main(run, subprocess.run([COMPILER, "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip())
