"""Synaptic events a second on one core, over activity, fan-out, delays and size; beside the bound of memory bandwidth.

python scripts/bench_events/speed.py [--draw]

One layer: `sources` channels that fire at random, each with `fan-out` synapses to the targets at delays of 0 to K − 1
steps; the targets do not fire. The time is the least of the repeats of a whole run, neurons and decisions included.
The floor is the time to read each delivered synapse's bytes (where it adds to, and its weight) once, at the rate at
which this core sums an array as long as the layer's synapses.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench_common import least_seconds, read, write
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from snnsim.plots.style import BLUE, VERMILION, WIDTH_INCH, save, style
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import Events, Simulator

STANDARD = {"sources": 256, "fan_out": 256, "delays": 25, "activity": 0.1}
SWEEPS: dict[str, tuple[float, ...]] = {
    "activity": (0.001, 0.01, 0.05, 0.1, 0.2),
    "fan_out": (16, 64, 256, 1024),
    "delays": (1, 10, 25, 100),
    "sources": (64, 256, 1024, 4096),
}
LABELS = {
    "activity": "activity (spikes per step)",
    "fan_out": "synapses per channel",
    "delays": "delays K (steps)",
    "sources": "channels",
}
TICKS = {"activity": (0.001, 0.01, 0.1)}
COLORS = {"float32": BLUE, "float64": VERMILION}
STEPS = 200


def layer(rng: np.random.Generator, sources: int, fan_out: int, delays: int) -> Program:
    """Return a layer with as many targets as a source has synapses.

    Args:
        rng: Source of delays and weights.
        sources: Number of channels.
        fan_out: Synapses of each channel, and number of neurons.
        delays: Number of different delays K, from 0 to K − 1 steps.
    """
    pre, post = (index.ravel() for index in np.indices((sources, fan_out)))
    synapses = (pre, post, rng.integers(0, delays, len(pre)), rng.normal(0, 1, len(pre)))
    neurons = Population.of("targets", fan_out, decay=0.9, threshold=1e30)
    edge = Edge.of(INPUT, "targets", synapses, sources=sources)
    return Program(channels=sources, populations=(neurons,), edges=(edge,), time_step_ms=1.0)


def measured(setting: dict[str, Any], precision: str, repeats: int) -> dict[str, Any]:
    """Return events a second and nanoseconds per event, by the engine and by memory alone.

    Args:
        setting: Sources, fan_out, delays and activity, as in STANDARD.
        precision: Name of a precision.
        repeats: Number of calls, of which the fastest counts.
    """
    rng = np.random.default_rng(0)
    program = layer(rng, int(setting["sources"]), int(setting["fan_out"]), int(setting["delays"]))
    events = Events.from_frames(rng.random((STEPS, 1, program.channels)) < setting["activity"])
    simulator = Simulator(program, precision=precision, threads=1)
    seconds = least_seconds(lambda: simulator.run(events), repeats)
    delivered = int(simulator.run(events).synaptic_events().sum())
    network = simulator.network
    size = network.offset().itemsize + network.synapses.weight.itemsize
    row = np.zeros(max(1, program.synapses * size // 8))
    bandwidth = row.nbytes / least_seconds(row.sum, repeats)
    return setting | {
        "precision": precision,
        "synaptic_events": delivered,
        "events_per_second": delivered / seconds,
        "nanoseconds": seconds / delivered * 1e9,
        "floor_nanoseconds": size / bandwidth * 1e9,
        "bytes_per_event": size,
    }


def figure(rows: Sequence[dict[str, Any]]) -> Figure:
    """Return events a second over each setting that was varied.

    Args:
        rows: Results of `measure`.
    """
    with style():
        drawn = Figure(figsize=(WIDTH_INCH, 1.8), layout="constrained")
        panels = drawn.subplots(1, len(SWEEPS), sharey=True)
        for axes, name in zip(panels, SWEEPS, strict=True):
            for precision, color in COLORS.items():
                selected = [row for row in rows if row["varied"] == name and row["precision"] == precision]
                speed = [row["events_per_second"] / 1e9 for row in selected]
                axes.plot([row[name] for row in selected], speed, "o-", color=color, markersize=3, label=precision)
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator(TICKS.get(name, SWEEPS[name])))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.set_xlabel(LABELS[name])
        panels[0].set_ylabel("10⁹ synaptic events / s")
        panels[0].set_ylim(bottom=0)
        panels[-1].legend(loc="lower right")
    return drawn


def measure(repeats: int) -> list[dict[str, Any]]:
    """Return a row for every value of every setting, printed as they come.

    Args:
        repeats: Number of calls, of which the fastest counts.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    rows = []
    for varied, values in SWEEPS.items():
        for value in values:
            for precision in COLORS:
                row = {"varied": varied} | measured(STANDARD | {varied: value}, precision, repeats)
                rows.append(row)
                print(
                    f"{varied:9s} {value:<7g} {precision}  {row['events_per_second'] / 1e9:.2f}e9 events/s  "
                    f"{row['nanoseconds']:.2f} ns an event, floor {row['floor_nanoseconds']:.2f} ns"
                )
    return rows


def main() -> None:
    """Measure and write, or read what was measured; draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--json", type=Path, default=Path("figures/bench-events.json"))
    parser.add_argument("--draw", action="store_true", help="draw the figure of the JSON file anew")
    options = parser.parse_args()
    if not options.draw:
        write(options.json, {"standard": STANDARD, "steps": STEPS, "rows": measure(options.repeats)})
    save(figure(read(options.json)["rows"]), options.json.with_suffix(".png"))


if __name__ == "__main__":
    main()
