"""One recording of a trained network, end to end: snnsim, torch, Brian2 and NEST; and many, recordings a second.

python scripts/bench_events/recording.py RUN --python ENV/bin/python
python scripts/bench_events/recording.py --draw

All run on one core, in turns; a time is the least of its repeats. Ours begins at the recording's events in
milliseconds (bin, all layers, decision); torch begins at its frames; that of the baselines is the loop over steps
alone, after the network is built and compiled.
"""

import argparse
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_common import BASELINES, compare_spikes, least_seconds, read, run_baseline, write
from matplotlib.figure import Figure

from snnsim.data import binning, heidelberg
from snnsim.data.recordings import Recordings
from snnsim.experiment import datasets, evaluate_run, programs
from snnsim.learning import decisions
from snnsim.plots.style import BLUE, GRAY, NOTE_POINTS, WIDTH_INCH, save, style
from snnsim.program import Program
from snnsim.simulation import PRECISIONS, Events, Probe, Simulator, simulate


def ours(program: Program, recording: Recordings, precision: str, repeats: int) -> float:
    """Return the seconds from events in milliseconds to a decision.

    Args:
        program: The trained network.
        recording: One recording, in milliseconds.
        precision: Name of a precision.
        repeats: Number of calls, of which the fastest counts.
    """
    simulator = Simulator(program, precision=precision, threads=1)
    grid = {"time_step_ms": program.time_step_ms, "channels": program.channels}

    def decided() -> int:
        binned = binning.bin_events(recording, **grid)
        return int(simulator.run(programs.to_events(binned)).predictions()[0])

    return least_seconds(decided, repeats)


@torch.no_grad()
def in_torch(loaded: evaluate_run.Loaded, index: int, repeats: int) -> float:
    """Return the seconds from frames to a decision, at batch 1.

    Args:
        loaded: Trained network with its test split.
        index: Index of the recording in the split.
        repeats: Number of calls, of which the fastest counts.
    """
    torch.set_num_threads(1)
    frames, lengths = (torch.from_numpy(part) for part in loaded.part.binned.dense(loaded.part.indices[[index]]))
    decide = decisions.get_decision(loaded.config.training.decision)
    network = loaded.network
    return least_seconds(
        lambda: decide(network(frames, lengths.long()), network.valid(lengths.long())).argmax(), repeats
    )


def rates(program: Program, events: Events) -> dict[str, float]:
    """Return the recordings a second of one core by precision, decisions included.

    Args:
        program: The trained network.
        events: Recordings, computed together.
    """
    rate = {}
    for precision in PRECISIONS:
        simulator = Simulator(program, precision=precision, threads=1)
        rate[precision] = len(events) / least_seconds(partial(_decide, simulator, events), 3)
    return rate


def _decide(simulator: Simulator, events: Events) -> np.ndarray:
    return simulator.run(events).predictions()


def baseline_figures(program: Program, one: Events, python: Path | None, repeats: int) -> dict[str, Any]:
    """Return the figures of each baseline in the fastest of its processes, and the number of equal spikes.

    Args:
        program: The trained network.
        one: One recording.
        python: Interpreter of the environment of the baselines; None runs no baseline.
        repeats: Number of processes.
    """
    result, all_figures = simulate(program, one, record=Probe(spikes=True)), {}
    for name in BASELINES if python else ():
        runs = [run_baseline(name, python, program, one) for _ in range(repeats)]
        figures, spikes = min(runs, key=lambda run: run[0].get("seconds", np.inf))
        all_figures[name] = figures | (compare_spikes(result, spikes) if spikes else {})
    return all_figures


def figure(seconds: dict[str, float]) -> Figure:
    """Return the times as bars, ours in color, each with how many times the shortest it is.

    Args:
        seconds: Seconds by the name of the simulator. Names that begin with snnsim are in color.
    """
    with style():
        drawn = Figure(figsize=(WIDTH_INCH, 1.5), layout="constrained")
        axes = drawn.subplots()
        names, times = list(seconds)[::-1], [1e3 * value for value in list(seconds.values())[::-1]]
        colors = [BLUE if name.startswith("snnsim") else GRAY for name in names]
        bars = axes.barh(names, times, color=colors, height=0.7)
        labels = [f"{value:.3g} ms, {value / min(times):.3g} x" for value in times]
        axes.bar_label(bars, labels, padding=3, fontsize=NOTE_POINTS)
        axes.set_xscale("log")
        axes.set_xlim(0.1, 5 * max(times))
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("one recording (ms)")
    return drawn


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--index", type=int, default=0, help="recording of the test split")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--baseline-repeats", type=int, default=3, help="processes of each baseline")
    parser.add_argument("--many", type=int, default=500, help="recordings for the rate")
    parser.add_argument("--python", type=Path, help="interpreter with brian2 and nest-simulator")
    parser.add_argument("--json", type=Path, default=Path("figures/bench-recording.json"))
    parser.add_argument("--draw", action="store_true", help="draw the figure of the JSON file anew")
    options = parser.parse_args()
    if (options.run is None) != options.draw:
        parser.error("give the folder of a run, or --draw")
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return all times and the figures of the baselines, printed.

    Args:
        options: Options of the command line.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    program, loaded = programs.freeze(options.run), evaluate_run.load(options.run, "test")
    recorded = programs.recordings(program, None, "test")
    file = heidelberg.find(datasets.data_folder(loaded.config.data), loaded.config.data.name)["test"]
    raw = heidelberg.read(file).select(loaded.part.indices[[options.index]])
    seconds = {f"snnsim {kind}": ours(program, raw, kind, options.repeats) for kind in PRECISIONS}
    seconds["torch"] = in_torch(loaded, options.index, options.repeats)
    rate = rates(program, recorded.events.select(np.arange(min(options.many, len(recorded)))))
    one = recorded.events.select(np.array([options.index]))
    baselines = baseline_figures(program, one, options.python, options.baseline_repeats)
    seconds |= {which: each["seconds"] for which, each in baselines.items() if "seconds" in each}
    for name, value in seconds.items():
        print(f"{name:20s} {value * 1e3:9.3f} ms  {value / seconds['snnsim float32']:8.1f} x")
    print("recordings a second, one core:", {kind: round(value) for kind, value in rate.items()})
    print(baselines)
    return {"run": str(options.run), "recordings_per_second": rate, "peers": baselines, "seconds": seconds}


def main() -> None:
    """Measure and write, or read what was measured; draw."""
    options = arguments()
    if not options.draw:
        write(options.json, measure(options))
    save(figure(read(options.json)["seconds"]), options.json.with_suffix(".png"))


if __name__ == "__main__":
    main()
