"""Cost of learning rules: peak memory as recordings grow longer, and the time of a step.

    bptt           surrogate gradients through time
    sltt           without gradient paths through the membrane, complete recordings
    sltt windows   the same in chunks of time: forward and backward of a chunk follow each other
    sltt cut       complete recordings, no gradient paths over delays
    sltt-k         complete recordings, gradients of a fifth of the steps

The network is that of the `shd` preset, batch 64, with the width of the delay windows of three quarters of the
training. Each rule has the allocator of `snnsim train` (tuned; lean in chunks of time), or that of the system. Memory
is the highest resident size during three steps above that before them, in a fresh process. Times are taken in turns in
one process after a warm-up, and a ratio is the median over turns of a rule / bptt.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

from common import add_allocators, measurement_parser, write
from matplotlib.figure import Figure

from snnsim import presets
from snnsim.bench import baselines, compare, isolated, tables, timing, train_step
from snnsim.plots.style import BLUE, GREEN, VERMILION, WIDTH_INCH, save, style

LENGTHS = [100, 1_000, 10_000]
RULES: dict[str, dict[str, Any]] = {
    "bptt": {},
    "sltt": {"training.rule": "sltt"},
    "sltt windows": {"training.rule": "sltt"},
    "sltt cut": {"training.rule": "sltt", "training.delayed": "cut"},
    "sltt-k": {"training.rule": "sltt-k"},
}
COLORS = {"bptt": VERMILION, "sltt": GREEN, "sltt windows": BLUE}
GROWING = ("bptt", "sltt", "sltt windows")


def case(rule: str, length: int, options: argparse.Namespace) -> train_step.Case:
    """Return the network of a rule, and its recordings.

    Args:
        rule: Name of the rule in RULES.
        length: Steps of the recordings.
        options: Options of `arguments`; the batch size and the length of chunks count.
    """
    values = RULES[rule] | {"training.batch_size": options.batch}
    if rule == "sltt windows":
        values["training.window_ms"] = options.window_ms
    if rule == "sltt-k":
        values["training.k"] = length // 5
    return train_step.Case(train_step.with_width(presets.named("shd").with_values(values), None), length)


def seconds(cases: Mapping[str, train_step.Case], repeats: int, loops: int) -> timing.Samples:
    """Return the seconds per step in every turn, by rule.

    Args:
        cases: Network and recordings of each rule, all with the same batch.
        repeats: Number of turns.
        loops: Steps of a turn.
    """
    batch = next(iter(cases.values())).batch()
    works = {rule: partial(train_step.Training(baselines.OURS, one).step, batch) for rule, one in cases.items()}
    return timing.in_turns(works, repeats=repeats, loops=loops)


def measure(options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Return memory by length and time by batch, under each allocator; each is written at once.

    Args:
        options: Options of `arguments`.
    """
    results: dict[str, list[dict[str, Any]]] = {"time": [], "memory": []}
    for allocator in options.allocator:
        surroundings = isolated.Surroundings(options.threads, allocator)
        compare.say(f"time, {allocator} allocator")
        cases = {rule: case(rule, LENGTHS[0], options) for rule in RULES}
        samples = isolated.call(seconds, cases, options.repeats, options.loops, surroundings=surroundings)
        ratios = {rule: 1 / timing.ratio(taken, samples["bptt"]) for rule, taken in samples.items()}
        medians = {rule: median(taken) for rule, taken in samples.items()}
        results["time"].append({"allocator": allocator, "seconds": medians, "ratio": ratios, "samples": samples})
        for length in options.lengths:
            for rule in GROWING:
                compare.say(f"memory of {rule}, {length} steps, {allocator} allocator")
                chosen = "lean" if rule == "sltt windows" and allocator == "tuned" else allocator
                peak = isolated.call(
                    train_step.peak,
                    baselines.OURS,
                    case(rule, length, options),
                    surroundings=replace(surroundings, allocator=chosen),
                )
                results["memory"].append({"allocator": allocator, "rule": rule, "steps": length, "bytes": peak})
                write(options.json, {"batch": options.batch, "window_ms": options.window_ms, **results}, names=[])
    return results


def figure(memory: Sequence[Mapping[str, Any]]) -> Figure:
    """Return peak memory over the length of recordings, both axes logarithmic.

    Args:
        memory: Rows of `measure` with peak memory, by rule and length.
    """
    with style():
        panel = Figure(figsize=(WIDTH_INCH * 0.6, 2.4), layout="constrained")
        axes = panel.subplots()
        for rule in GROWING:
            points = [(row["steps"], row["bytes"] / 2**20) for row in memory if row["rule"] == rule]
            axes.loglog(*zip(*points, strict=True), "o-", color=COLORS[rule], markersize=3, label=rule)
        axes.set_xlabel("steps of a recording")
        axes.set_ylabel("peak memory of a step (MiB)")
        axes.legend(loc="upper left")
    return panel


def shown(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the results as two tables.

    Args:
        results: Results of `measure`.
    """
    base = {
        (row["allocator"], row["steps"]): row["bytes"] for row in results["memory"] if row["rule"] == "bptt"
    }  # fmt: skip
    memory = [
        (row["allocator"], row["steps"], row["rule"], tables.megabytes(row["bytes"]),
         f"{row['bytes'] / base[row['allocator'], row['steps']]:.1%}")
        for row in results["memory"]
    ]  # fmt: skip
    time = [
        (row["allocator"], rule, f"{taken:.3f}", f"{row['ratio'][rule]:.2f}")
        for row in results["time"]
        for rule, taken in row["seconds"].items()
    ]
    return "\n".join(
        [
            tables.table(("allocator", "steps", "rule", "peak MiB", "of bptt"), memory),
            tables.table(("allocator", "rule", "s/step", "/ bptt"), time),
        ]
    )


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line.

    Args:
        words: Words of the command line; None takes those of the process.
    """
    parser = measurement_parser(__doc__, json="figures/bench-streaming.json")
    add_allocators(parser)
    parser.add_argument("--batch", type=int, default=64, help="recordings per step")
    parser.add_argument("--window-ms", type=float, default=80.0, help="chunks of time of sltt; a step is 10 ms")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="steps of the recordings")
    parser.add_argument("--draw", action="store_true", help="draw the figure of the JSON file again")
    return parser.parse_args(words)


def main() -> None:
    """Measure, print tables, draw, and write all samples."""
    options = arguments()
    results = json.loads(options.json.read_text(encoding="utf-8")) if options.draw else measure(options)
    first = results["memory"][0]["allocator"]
    save(figure([row for row in results["memory"] if row["allocator"] == first]), options.json.with_suffix(".png"))
    print(shown(results))


if __name__ == "__main__":
    main()
