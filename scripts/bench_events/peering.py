"""What the benchmarks of programs share: times, the file of figures, networks for the peers, and their answers."""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.program import INPUT, Program
from snnsim.program.parts import model_in_file
from snnsim.simulation import Events, Result
from snnsim.training.run_folder import RunFolder, environment

PEERS = ("brian2-cython", "brian2-standalone", "nest")


def least(call: Callable[[], Any], repeats: int) -> float:
    """Return the seconds of the fastest of some calls, after one that does not count."""
    call()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


def write(path: Path, results: dict[str, Any]) -> None:
    """Write results as JSON, beside what a reader needs to know to repeat them."""
    RunFolder(path.parent).write_json(path, {**environment(0), **results})


def read(path: Path) -> dict[str, Any]:
    """Return the results of a file that `write` wrote."""
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def written(path: Path, program: Program, events: Events, *, record: bool) -> None:
    """Write a program and one recording for peers.py; spikes that share a step come from copies of their channel."""
    copies = int(events.count.max(initial=1))
    names = [part.name for part in program.populations]
    header = {
        "channels": program.channels * copies,
        "populations": len(names),
        "rules": [model_in_file(part.model) for part in program.populations],
        "edges": [[-1 if e.source == INPUT else names.index(e.source), names.index(e.target)] for e in program.edges],
        "time_step_ms": program.time_step_ms,
        "steps": int(events.length[0]) + program.extra_steps,
        "record": record,
    }
    arrays: dict[str, np.ndarray] = {}
    for place, part in enumerate(program.populations):
        for name in ("decay", "threshold", "bias"):
            arrays[f"{name}{place}"] = getattr(part, name)
    for number, edge in enumerate(program.edges):
        times = copies if edge.source == INPUT else 1
        shift = np.repeat(np.arange(times) * program.channels, len(edge.weight))
        arrays[f"pre{number}"] = np.tile(edge.pre(), times) + shift
        for name in ("post", "delay", "weight"):
            arrays[f"{name}{number}"] = np.tile(getattr(edge, name), times)
    copy = np.concatenate([np.zeros(0, int), *(np.arange(count) for count in events.count.astype(int))])
    step, channel = (np.repeat(part, events.count.astype(int)) for part in (events.step, events.channel))
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, header=text, step=step, channel=channel + copy * program.channels, **arrays)


def peer(which: str, python: Path, program: Program, events: Events, *, record: bool = True) -> dict[str, Any]:
    """Return what a peer found, with its spikes by population as (step, neuron)."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "network.npz", Path(folder) / "found.npz"
        written(source, program, events, record=record)
        script = Path(__file__).with_name("peers.py").resolve()
        ran = subprocess.run(
            [python, script, which, source, target], cwd=folder, capture_output=True, text=True, check=False
        )
        if ran.returncode:
            return {"error": ran.stderr.strip().splitlines()[-1:]}
        with np.load(target) as stored:
            found: dict[str, Any] = json.loads(stored["found"].tobytes())
            found["spikes"] = {
                part.name: (stored[f"step{place}"], stored[f"neuron{place}"])
                for place, part in enumerate(program.populations)
                if f"step{place}" in stored
            }
    return found


def same_spikes(reference: Result, spikes: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, int | None]:
    """Return how many spikes (step, neuron) both have, how many only one of them has, and the first step with such."""
    both, alone, steps = 0, [0, 0], []
    for name, other in spikes.items():
        size = reference.program.population(name).size
        keys = [step.astype(np.int64) * size + neuron for step, neuron in (reference.spikes(name), other)]
        both += len(np.intersect1d(*keys))
        for place, differ in enumerate((np.setdiff1d(*keys), np.setdiff1d(*keys[::-1]))):
            alone[place] += len(differ)
            steps += (differ // size).tolist()
    return {
        "same": both, "only_reference": alone[0], "only_here": alone[1], "first_difference": min(steps, default=None)
    }  # fmt: skip
