"""The C runtime: an exported folder is compiled with cc, and its `run` gets the recordings on its standard input."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from exchange import Membranes, Recordings, Spikes, main, timed

COMPILER = os.environ.get("CC", "cc")
STRICT = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")


def run(path: Path, recordings: Recordings) -> tuple[Any, ...]:
    """Return the spikes of every population, the membranes of the readout, and the classes.

    Args:
        path: The folder in C99.
        recordings: The recordings, with the count of each spike.
    """
    text = (path / "network.h").read_text()
    header = json.loads(text[text.index("{") : text.index("\n */")])
    sizes = {name: len(unit) for (name, _), unit in zip(header["populations"], header["units"], strict=True)}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "run"
        sources = [str(path / name) for name in ("run.c", "snn.c", "network.c")]
        subprocess.run([COMPILER, *STRICT, "-o", str(program), *sources], check=True)
        with timed():
            done = subprocess.run([str(program)], input=_encoded(recordings), stdout=subprocess.PIPE, check=True)
    numbers = np.frombuffer(done.stdout, np.int32)
    return _decoded(numbers, recordings.steps, sizes, header)


def _encoded(recordings: Recordings) -> bytes:
    """Return recordings as `run` reads them."""
    parts = []
    for number in range(len(recordings)):
        step, channel = recordings.spikes(number)
        parts.append(np.array([recordings.steps[number], len(step)]))
        parts.append(np.stack([step, channel, recordings.counts(number)], 1).ravel())
    encoding: bytes = np.concatenate(parts).astype(np.int32).tobytes()
    return encoding


def _decoded(
    numbers: np.ndarray, lengths: np.ndarray, sizes: dict[str, int], header: dict[str, Any]
) -> tuple[Any, ...]:
    """Return the output of `run`, by population."""
    bounds = np.cumsum([0, *sizes.values()])
    readout = sizes.get(header["readout"], 0)
    spikes: Spikes = {name: [] for name, model in header["populations"] if model != "readout"}
    traces, choices, position = [], [], 0
    for length in lengths:
        step, neuron = [np.zeros(0, int)], [np.zeros(0, np.int32)]
        trace = np.zeros((length, readout))
        for each in range(length):
            count = int(numbers[position])
            neuron.append(numbers[position + 1 : position + 1 + count])
            step.append(np.full(count, each))
            position += 1 + count
            trace[each] = numbers[position : position + readout]
            position += readout
        choices.append(int(numbers[position]))
        position += 1
        steps, neurons = np.concatenate(step), np.concatenate(neuron)
        for trains, start, end in zip(spikes.values(), bounds, bounds[1:], strict=False):
            mask = (neurons >= start) & (neurons < end)
            trains.append((steps[mask], neurons[mask] - start))
        traces.append(trace)
    membranes: Membranes = {header["readout"]: traces} if readout else {}
    return spikes, membranes, *([choices] if header["decision"] else [])


if __name__ == "__main__":
    main(run, subprocess.run([COMPILER, "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip())
