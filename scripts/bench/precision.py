"""Time of a training step with products of float32 and of bfloat16, and of the research stack in both, in turns.

    scripts/bench/precision.py --threads 2

The cases are the recipe with the first and the last width of its windows, and the same network with one delay for each
source. The baseline is spikingjelly + dcls in the recipe's own composition. Its products and convolutions have the
setting of ours, torch.backends.mkldnn.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import product
from statistics import median
from typing import Any

from common import add_allocator, measurement_parser, plan, write

from snnsim import presets
from snnsim.bench import baselines, isolated, tables, timing, train_step
from snnsim.kernels.common.short_products import short_products

CASES = {"shd, first width": ("shd", 12.0), "shd, last width": ("shd", None), "shd-axonal": ("shd-axonal", None)}
PEER = "recipe"
PRECISIONS = "float32", "bfloat16"
HEAD = ["case", "batch", "float32 (ms)", "bfloat16 (ms)", "gain", "recipe / ours, float32", "recipe / ours, bfloat16"]


def case(name: str, batch: int) -> train_step.Case:
    """Return the network and the recordings of a case.

    Args:
        name: Name of the case.
        batch: Number of recordings.
    """
    preset, width = CASES[name]
    config = presets.named(preset).with_values({"training.batch_size": batch})
    return train_step.Case(train_step.with_width(config, width))


def _in_precision(work: Callable[[], object], *, short: bool) -> None:
    with short_products() if short else nullcontext():
        work()


def seconds(name: str, batch: int, repeats: int, loops: int) -> timing.Samples:
    """Return the seconds per step in every turn, by side and precision.

    Args:
        name: Name of the case.
        batch: Number of recordings.
        repeats: Number of turns.
        loops: Steps of a turn.
    """
    chosen = case(name, batch)
    sides = [baselines.OURS] if name == "shd-axonal" else [baselines.OURS, PEER]
    recordings = chosen.batch()
    works = {}
    for side in sides:
        step = partial(train_step.Training(side, chosen).step, recordings)
        for precision in PRECISIONS:
            works[f"{side} {precision}"] = partial(_in_precision, step, short=precision == PRECISIONS[1])
    return timing.in_turns(works, repeats=repeats, loops=loops)


def row(name: str, batch: int, samples: timing.Samples) -> list[object]:
    """Return a row of the table; the research stack has no kernels of one delay for each source.

    Args:
        name: Name of the case.
        batch: Number of recordings.
        samples: The seconds by side and precision.
    """
    ours = [samples[f"{baselines.OURS} {precision}"] for precision in PRECISIONS]
    peers = [samples.get(f"{PEER} {precision}") for precision in PRECISIONS]
    ratios = [None if theirs is None else timing.ratio(one, theirs) for one, theirs in zip(ours, peers, strict=True)]
    times = [f"{1e3 * median(one):.0f}" for one in ours]
    return [name, batch, *times, tables.times(timing.ratio(ours[1], ours[0])), *map(tables.times, ratios)]


def main() -> None:
    """Print a table and write the samples as JSON."""
    parser = measurement_parser(__doc__, json="figures/bench-precision.json")
    parser.add_argument("--batches", nargs="+", type=int, default=[128, 256], help="recordings of a batch")
    add_allocator(parser)
    options = parser.parse_args()
    surroundings = plan(options, options.allocator).surroundings
    results: list[dict[str, Any]] = []
    for name, batch in product(CASES, options.batches):
        samples = isolated.call(seconds, name, batch, options.repeats, options.loops, surroundings=surroundings)
        results.append({"case": name, "batch": batch, "seconds": samples})
    rows = [row(one["case"], one["batch"], one["seconds"]) for one in results]
    print(tables.table(HEAD, rows))
    write(options.json, {"threads": options.threads, "allocator": options.allocator, "cases": results}, names=[PEER])


if __name__ == "__main__":
    main()
