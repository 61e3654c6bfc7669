"""One recording of a trained network, end to end: snnsim, torch, Brian2 and NEST; and many, recordings a second.

python scripts/bench_events/recording.py RUN --peer-python ENV/bin/python

All run on one core, in turns; a time is the least of its repeats. Ours begins at the recording's events in
milliseconds (bin, all layers, decision); torch begins at its frames; the peers only run, after all has been built.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from peering import PEERS, peer, same_spikes, write

from snnsim.data import binning, heidelberg
from snnsim.data.events import Recordings
from snnsim.experiment import evaluating, parts, programs
from snnsim.learning import decisions
from snnsim.program import Program
from snnsim.simulation import PRECISIONS, Events, Record, Simulator, simulate


def least(call: Callable[[], Any], repeats: int) -> float:
    """Return the seconds of the fastest of some calls."""
    call()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


def ours(program: Program, recording: Recordings, precision: str, repeats: int) -> float:
    """Return the seconds from events in milliseconds to a decision."""
    simulator = Simulator(program, precision=precision, threads=1)
    grid = {"time_step_ms": program.time_step_ms, "channels": program.channels}

    def decided() -> int:
        binned = binning.bin_events(recording, **grid)
        return int(simulator.run(programs.to_events(binned)).predictions()[0])

    return least(decided, repeats)


@torch.no_grad()
def in_torch(loaded: evaluating.Loaded, index: int, repeats: int) -> float:
    """Return the seconds from frames to a decision, at batch 1."""
    torch.set_num_threads(1)
    frames, lengths = (torch.from_numpy(part) for part in loaded.part.binned.dense(loaded.part.indices[[index]]))
    decide = decisions.named(loaded.config.training.decision)
    network = loaded.network
    return least(lambda: decide(network(frames, lengths.long()), network.valid(lengths.long())).argmax(), repeats)


def rates(program: Program, events: Events) -> dict[str, float]:
    """Return the recordings a second of one core, decisions included."""
    found = {}
    for precision in PRECISIONS:
        simulator = Simulator(program, precision=precision, threads=1)
        found[precision] = len(events) / least(partial(_decide, simulator, events), 3)
    return found


def _decide(simulator: Simulator, events: Events) -> np.ndarray:
    return simulator.run(events).predictions()


def peers(program: Program, one: Events, python: Path | None) -> dict[str, Any]:
    """Return what each peer found, and whether its spikes are ours."""
    result, all_found = simulate(program, one, record=Record(spikes=True)), {}
    for which in PEERS if python else ():
        found = peer(which, python, program, one)
        if "error" not in found:
            found |= same_spikes(result, found)
        found.pop("spikes", None)
        all_found[which] = found
    return all_found


def drawn(seconds: dict[str, float], path: Path) -> None:
    """Draw the times as bars."""
    figure, axis = plt.subplots(figsize=(6, 2.4), layout="constrained")
    bars = axis.barh(list(seconds)[::-1], [1e3 * value for value in list(seconds.values())[::-1]])
    axis.bar_label(bars, fmt="%.2f ms", padding=3)
    axis.set_xscale("log")
    axis.set_xlabel("one recording, ms")
    axis.margins(x=0.3)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--index", type=int, default=0, help="recording of the test split")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--many", type=int, default=500, help="recordings for the rate")
    parser.add_argument("--peer-python", type=Path, help="interpreter with brian2 and nest-simulator")
    parser.add_argument("--json", type=Path, default=Path("figures/bench-recording.json"))
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    options = arguments()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    program, loaded = programs.freeze(options.run), evaluating.load(options.run, "test")
    given = programs.recordings(program, None, "test")
    file = heidelberg.find(parts.data_folder(loaded.config), loaded.config.data.name)["test"]
    raw = heidelberg.read(file).select(loaded.part.indices[[options.index]])
    seconds = {f"snnsim {kind}": ours(program, raw, kind, options.repeats) for kind in PRECISIONS}
    seconds["torch"] = in_torch(loaded, options.index, options.repeats)
    rate = rates(program, given.events.select(np.arange(min(options.many, len(given.label)))))
    one = given.events.select(np.array([options.index]))
    found = peers(program, one, options.peer_python)
    seconds |= {which: each["seconds"] for which, each in found.items() if "seconds" in each}
    for name, value in seconds.items():
        print(f"{name:20s} {value * 1e3:9.3f} ms  {value / seconds['snnsim float32']:8.1f} x")
    print("recordings a second, one core:", {kind: round(value) for kind, value in rate.items()})
    print(found)
    drawn(seconds, options.json.with_suffix(".png"))
    write(options.json, {"run": str(options.run), "recordings_per_second": rate, "peers": found, "seconds": seconds})


if __name__ == "__main__":
    main()
