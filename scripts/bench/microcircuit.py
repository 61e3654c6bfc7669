"""The cortical microcircuit: seconds of computation for a simulated second, beside NEST on the same description.

Each turn runs every simulator for the same simulated time, behind a warm-up of 0.1 s. snnsim is built once and goes on
from turn to turn; NEST is a new process in each turn. A ratio is the median over turns. Build times are those of
synapses and neurons, without compilation. The same command with other options of --scale and --threads adds to the
file.
"""

import argparse
import json
import time
from statistics import median
from typing import Any

import numpy as np
from common import measurement_parser, write

from snnsim import circuit
from snnsim.bench import tables, timing
from snnsim.circuit import potjans_diesmann
from snnsim.experiment.microcircuit.beside_nest import run_nest

WARM_UP = 1000
"""Steps before the first turn."""


def measured(scale: float, threads: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return build times, seconds of all turns, rates and memory.

    Args:
        scale: Share of neurons, and of synapses into each.
        threads: Number of threads of all simulators.
        options: Options of the command line.
    """
    spec = potjans_diesmann.spec(scale, options.drive)
    steps = round(options.seconds * 1000 / spec.time_step_ms)
    _compile(threads)
    began = time.perf_counter()
    network = circuit.build(spec, seed=0, threads=threads)
    build: dict[str, list[float]] = {"snnsim": [time.perf_counter() - began], "nest": []}
    state, first = circuit.at_start(network), WARM_UP
    circuit.run(network, state, first=0, count=WARM_UP, threads=threads)
    seconds: dict[str, list[float]] = {"snnsim": [], "nest": []}
    spikes = 0
    for turn in range(options.repeats):
        start = time.perf_counter()
        spikes += len(circuit.run(network, state, first=first, count=steps, threads=threads).step)
        seconds["snnsim"].append(time.perf_counter() - start)
        first += steps
        if "nest" in options.simulators:
            peer = run_nest(spec, seed=turn, steps=WARM_UP + steps, threads=threads, warm_up=WARM_UP)
            seconds["nest"].append(peer.run_seconds)
            build["nest"].append(peer.build_seconds)
    events = spikes * network.synapses / spec.neurons / (options.repeats * options.seconds)
    return {
        "scale": scale, "threads": threads, "drive": options.drive, "simulated_seconds": options.seconds,
        "neurons": spec.neurons, "synapses": network.synapses, "bytes_per_synapse": network.bytes_per_synapse,
        "events_per_second": events, "build_seconds": build, "seconds": seconds,
    }  # fmt: skip


def _compile(threads: int) -> None:
    small = circuit.build(potjans_diesmann.spec(0.002), seed=0, threads=threads)
    circuit.run(small, circuit.at_start(small), first=0, count=10, threads=threads)


def shown(results: list[dict[str, Any]]) -> str:
    """Return the table of results.

    Args:
        results: What `measured` returned, for each scale and number of threads.
    """
    rows = []
    for result in results:
        length = result["simulated_seconds"]
        factors = {name: np.array(values) / length for name, values in result["seconds"].items()}
        ours, theirs = factors["snnsim"], factors["nest"]
        ratio = tables.times(timing.ratio(list(ours), list(theirs))) if len(theirs) else "-"
        builds = [f"{median(values):.1f}" if values else "-" for values in result["build_seconds"].values()]
        cells = [f"{result['scale']:g}, {result['drive']}", str(result["threads"]), f"{result['synapses']:,}"]
        cells += [f"{median(ours):.2f}", f"{median(theirs):.2f}" if len(theirs) else "-", ratio, *builds]
        rate = result["events_per_second"] / median(ours) / 1e6
        rows.append((*cells, f"{rate:.0f}", f"{result['bytes_per_synapse']:.1f}"))
    head = (
        "scale", "threads", "synapses", "snnsim", "NEST", "NEST / snnsim", "build, s", "NEST's build, s",
        "million events/s", "bytes/synapse",
    )  # fmt: skip
    return tables.table(head, rows)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line.

    Args:
        words: Words of the command line; None takes those of the process.
    """
    parser = measurement_parser(__doc__, json="figures/bench-microcircuit.json")
    parser.set_defaults(repeats=3, threads=1)
    parser.add_argument("--scale", type=float, nargs="+", default=[0.1], help="shares of the neurons")
    parser.add_argument("--seconds", type=float, default=1.0, help="simulated seconds of a turn")
    parser.add_argument("--drive", choices=potjans_diesmann.DRIVES, default="poisson", help="input from outside")
    parser.add_argument("--simulators", nargs="+", choices=["snnsim", "nest"], default=["snnsim", "nest"])
    return parser.parse_args(words)


def main() -> None:
    """Measure, print a table, and write all samples."""
    options = arguments()
    path = options.json
    results = json.loads(path.read_text(encoding="utf-8"))["results"] if path.is_file() else []
    for scale in options.scale:
        result = measured(scale, options.threads, options)
        key = ("scale", "threads", "drive")
        results = [each for each in results if any(each[name] != result[name] for name in key)] + [result]
        write(path, {"results": results}, names=[])
    print(shown(results))


if __name__ == "__main__":
    main()
