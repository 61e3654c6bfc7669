"""The cortical microcircuit: seconds of computation for a simulated second, beside NEST on the same description.

Each turn runs every simulator with every number of threads for the same simulated time, behind a warm-up of 0.1 s.
snnsim is built once and goes on from turn to turn; NEST is a new process in each turn. Seconds are those of the clock
and those of the processor: other programs prolong the former, so the least one of many short turns counts on a busy
machine. Other values are medians over turns. Build times are those of
synapses and neurons, without compilation. The same command with other scales and simulators adds to the file.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from common import write

from snnsim import circuit
from snnsim.bench import tables
from snnsim.circuit import potjans_diesmann
from snnsim.experiment.microcircuit.beside_nest import run_nest

WARM_UP = 1000
"""Steps before the first turn."""


def measured(scale: float, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return build times and seconds of all turns, for each simulator and number of threads.

    Args:
        scale: Share of neurons, and of synapses into each.
        options: Options of the command line.
    """
    spec = potjans_diesmann.spec(scale, options.drive)
    steps = round(options.seconds * 1000 / spec.time_step_ms)
    kinds = [(simulator, threads) for simulator in options.simulators for threads in options.threads]
    turns: dict[tuple[str, int], list[Turn]] = {kind: [] for kind in kinds}
    ours = Ours(spec, max(options.threads)) if "snnsim" in options.simulators else None
    for seed in range(options.repeats):
        for simulator, threads in kinds:
            turn = ours.turn(steps, threads) if simulator == "snnsim" and ours else nest(spec, seed, steps, threads)
            turns[simulator, threads].append(turn)
    memory = ours.network.bytes_per_synapse if ours else None
    return [
        {
            "scale": scale, "drive": options.drive, "simulator": simulator, "threads": threads,
            "simulated_seconds": options.seconds, "neurons": spec.neurons,
            "synapses": sum(map(sum, spec.synapses)), "bytes_per_synapse": memory if simulator == "snnsim" else None,
            **{name: [getattr(turn, name) for turn in mine] for name in Turn._fields},
        }
        for (simulator, threads), mine in turns.items()
    ]  # fmt: skip


class Turn(NamedTuple):
    """Times of a turn."""

    build: float
    clock: float
    processor: float
    spikes: int


class Ours:
    """A network of snnsim, built and warmed up.

    Args:
        spec: The description.
        threads: Number of threads that build it.
    """

    def __init__(self, spec: circuit.Spec, threads: int) -> None:
        _compile(threads)
        began = time.perf_counter()
        self.network = circuit.build(spec, seed=0, threads=threads)
        self.build, self.step = time.perf_counter() - began, WARM_UP
        self.state = circuit.at_start(self.network)
        circuit.run(self.network, self.state, first=0, count=WARM_UP, threads=threads)

    def turn(self, steps: int, threads: int) -> Turn:
        """Return the times of further steps.

        Args:
            steps: Number of steps.
            threads: Number of threads.
        """
        start, spent = time.perf_counter(), time.process_time()
        spikes = circuit.run(self.network, self.state, first=self.step, count=steps, threads=threads)
        self.step += steps
        return Turn(self.build, time.perf_counter() - start, time.process_time() - spent, len(spikes.step))


def nest(spec: circuit.Spec, seed: int, steps: int, threads: int) -> Turn:
    """Return the times of NEST.

    Args:
        spec: The description.
        seed: Seed of NEST.
        steps: Number of steps behind the warm-up.
        threads: Number of threads.
    """
    peer = run_nest(spec, seed=seed, steps=WARM_UP + steps, threads=threads, warm_up=WARM_UP)
    spikes = int((peer.step >= WARM_UP).sum())
    return Turn(peer.build_seconds, peer.run_seconds, peer.processor_seconds, spikes)


def _compile(threads: int) -> None:
    small = circuit.build(potjans_diesmann.spec(0.002), seed=0, threads=threads)
    circuit.run(small, circuit.at_start(small), first=0, count=10, threads=threads)


def shown(results: list[dict[str, Any]]) -> str:
    """Return the table of results.

    Args:
        results: What `measured` returned.
    """
    rows = []
    for each in sorted(results, key=lambda result: (result["scale"], result["simulator"], result["threads"])):
        length = each["simulated_seconds"]
        build, clock, processor, spikes = (median(each[name]) for name in Turn._fields)
        # not seconds of the processor, in which waiting threads count, those without work too
        events = spikes * each["synapses"] / each["neurons"] / clock / 1e6
        memory = each["bytes_per_synapse"]
        rows.append((
            f"{each['scale']:g}, {each['drive']}", each["simulator"], each["threads"], f"{each['synapses']:,}",
            f"{clock / length:.2f}",
            f"{min(each['clock']) / length:.2f}", f"{processor / length:.2f}", f"{events:.1f}", f"{build:.1f}",
            f"{memory:.1f}" if memory else "-",
        ))  # fmt: skip
    head = (
        "scale", "simulator", "threads", "synapses", "real-time factor", "least", "processor", "million events/s",
        "build, s",
        "bytes/synapse",
    )  # fmt: skip
    return tables.table(head, rows)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line.

    Args:
        words: Words of the command line; None takes those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="turns")
    parser.add_argument(
        "--json", type=Path, default=Path("figures/bench-microcircuit.json"), help="file for the figures"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="numbers of threads")
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
        new = measured(scale, options)
        keys = {_key(each) for each in new}
        results = [each for each in results if _key(each) not in keys] + new
        write(path, {"results": results}, names=[])
    print(shown(results))


def _key(result: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(result[name] for name in ("scale", "drive", "simulator", "threads"))


if __name__ == "__main__":
    main()
