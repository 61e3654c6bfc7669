"""Time of a training step in this tree, in another tree of the project, and in a baseline, in turns.

    git worktree add ../before COMMIT
    scripts/bench/before.py ../before

Each side is a process of its own, and a turn asks one after the other for a step. Times are processor time of one
thread, which other processes of the machine disturb little. Cases are named `size=value`, as in growth.py. `shd=B` is
the recipe at batch B with the last width of the windows, `wide=B` with the first. `whole=T` and `windows=T` are SLTT on
recordings of T steps, complete or in chunks of 250 ms. The baseline is spikingjelly + dcls, for `shd` and `wide` in the
recipe's own composition.
"""

import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import growth
import torch
from common import add_allocator, measurement_parser, write

from snnsim import allocator, presets
from snnsim.bench import baselines, compare, tables, train_step

CASES = [
    "whole=100",
    "windows=100",
    "wide=128",
    "shd=128",
    "batch=1",
    "batch=16",
    "steps=25",
    "delays=3",
    "delays=5",
    "width=64",
]
WINDOW_MS, STREAMED_BATCH, WIDE = 250.0, 64, 12.0


def case(name: str) -> train_step.Case:
    """Return the network and the recordings of a case.

    Args:
        name: Size and value, as the module names them.
    """
    size, value = name.split("=")
    if size in growth.BASE:
        return growth.case(growth.BASE | {size: int(value)}, None)
    recipe = size in ("shd", "wide")
    batch = int(value) if recipe else STREAMED_BATCH
    values: dict[str, object] = {"training.batch_size": batch}
    if size in ("whole", "windows"):
        values["training.rule"] = "sltt"
    if size == "windows":
        values["training.window_ms"] = WINDOW_MS
    width = WIDE if size == "wide" else None
    config = train_step.with_width(presets.named("shd").with_values(values), width)
    return train_step.Case(config, train_step.USUAL_STEPS if recipe else int(value))


def answer(name: str) -> None:
    """Print the seconds of a step for every line of the input, which names a case; the first step is not counted.

    Args:
        name: "snnsim", or the name of a baseline.
    """
    steps: dict[str, Callable[[], None]] = {}
    for line in sys.stdin:
        chosen = line.strip()
        if chosen not in steps:
            steps.clear()
            composed = "recipe" if name != baselines.OURS and chosen.startswith(("shd", "wide")) else name
            training = train_step.Training(composed, case(chosen))
            steps[chosen] = partial(training.step, case(chosen).batch())
            steps[chosen]()
        began = time.process_time()
        steps[chosen]()
        print(time.process_time() - began, flush=True)


class Side:
    """A process that answers.

    Args:
        tree: Folder of the tree of its snnsim.
        name: "snnsim", or the name of a baseline.
        allocator: Its allocator, one of allocator.CHOICES.
    """

    def __init__(self, tree: Path, name: str, allocator: str) -> None:
        command = [sys.executable, __file__, str(tree), "--answer", name, "--allocator", allocator]
        surroundings = {**os.environ, "PYTHONPATH": str(tree)}
        self.process = subprocess.Popen(
            command, env=surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def seconds(self, chosen: str) -> float:
        """Return the seconds of a step.

        Args:
            chosen: Name of the case.

        Raises:
            RuntimeError: If the process has no pipes.
        """
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the process of a side has no pipes")
        print(chosen, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def measure(options: Namespace) -> list[dict[str, Any]]:
    """Return the samples of every case; each is written at once.

    Args:
        options: Options of `arguments`.
    """
    tree, results = Path(__file__).parents[2], list[dict[str, Any]]()
    sides = {
        "after": Side(tree, baselines.OURS, options.allocator),
        "before": Side(options.before.resolve(), baselines.OURS, options.allocator),
        "baseline": Side(tree, growth.BASELINE, options.allocator),
    }
    for chosen in options.cases:
        compare.say(chosen)
        asked = [side for side in sides if side != "baseline" or not chosen.startswith(("whole", "windows"))]
        samples: dict[str, list[float]] = {side: [] for side in asked}
        for _ in range(options.repeats):
            for side in asked:
                samples[side].append(sides[side].seconds(chosen))
        seconds = {side: median(taken) for side, taken in samples.items()}
        results.append({"case": chosen, "allocator": options.allocator, "seconds": seconds, "samples": samples})
        write(options.json, {"results": results}, names=[growth.BASELINE])
    for side in sides.values():
        side.process.terminate()
    return results


def shown(results: list[dict[str, Any]]) -> str:
    """Return the results as a table with a line for every case.

    Args:
        results: Results of `measure`.
    """
    rows = []
    for result in results:
        seconds = result["seconds"]
        other = seconds.get("baseline")
        ratios = seconds["before"] / seconds["after"], None if other is None else other / seconds["after"]
        cells = (f"{seconds['after']:.3f}", f"{seconds['before']:.3f}", "" if other is None else f"{other:.3f}")
        rows.append((result["case"], result["allocator"], *cells, *map(tables.times, ratios)))
    return tables.table(
        ("case", "allocator", "after s", "before s", "baseline s", "before/after", "baseline/after"), rows
    )


def arguments() -> Namespace:
    """Return the options of the command line."""
    parser = measurement_parser(__doc__, json="figures/bench-before.json")
    add_allocator(parser)
    parser.set_defaults(repeats=3)
    parser.add_argument("before", type=Path, help="folder of the other tree")
    parser.add_argument("--cases", nargs="+", default=CASES, metavar="SIZE=VALUE", help="which cases")
    parser.add_argument("--answer", metavar="NAME", help="print times, as the processes of the sides do")
    return parser.parse_args()


def main() -> None:
    """Measure and print a table, or answer."""
    options = arguments()
    if options.answer is None:
        print(shown(measure(options)))
        return
    if options.allocator == "tuned":
        allocator.keep_memory()
    torch.set_num_threads(1)
    answer(options.answer)


if __name__ == "__main__":
    main()
