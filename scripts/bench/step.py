"""Time and peak memory of a training step of the published recipes, in snnsim and in baselines.

    shd      2 x 256, K = 25, 20 classes, batches of 128 and 256
    ssc      3 x 512, K = 31, 35 classes, batches of 64

each at the window widths of the start (12 steps), the middle (3) and the last three quarters of training (0.5),
with the allocator of `snnsim train` and with that of the C library, against

    spikingjelly   LIFNode and Dcls1d in a network that is the same function of the same parameters
    recipe         the same parts composed as in the recipe: a sequence becomes longer from layer to layer

Times are taken in turns in one process after a warm-up; a ratio is the median over turns of baseline / snnsim. Memory
is the highest resident size during three steps, above libraries, parameters, gradients and optimizers, in fresh
processes. A step is that of the training loop: forward, backward, both optimizers, constraints. Recordings have 50 to
100 steps, the longest 100. The result of each measurement is written at once.
"""

import argparse
from typing import Any

from common import add_allocators, measurement_parser, plan, write

from snnsim import presets
from snnsim.bench import baselines, compare, tables, train_step

BATCHES = {"shd": [128, 256], "ssc": [64]}


def measured(options: argparse.Namespace, preset: str, size: int, sigma: float, allocator: str) -> dict[str, Any]:
    """Return one comparison with its settings.

    Args:
        options: Options of `arguments`.
        preset: Name of the preset.
        size: Recordings in a step.
        sigma: Width of the delay windows in steps.
        allocator: The allocator of the processes.
    """
    config = presets.named(preset).with_values({"training.batch_size": size})
    case = train_step.Case(train_step.with_width(config, sigma), options.steps)
    result = compare.compare(case, options.baseline, plan(options, allocator))
    return {"preset": preset, "batch": size, "sigma": sigma, "allocator": allocator, **result}


def shown(results: list[dict[str, Any]]) -> str:
    """Return the results as a table with a line for every part.

    Args:
        results: Comparisons, as `measured` returns them.
    """
    head = ("preset", "batch", "sigma", "allocator", "part", "s/step", "/ snnsim", "peak MiB", "/ snnsim")
    rows = []
    for result in results:
        settings = result["preset"], result["batch"], f"{result['sigma']:g}", result["allocator"]
        for name, taken in result["seconds"].items():
            cost = f"{taken:.3f}", tables.times(result["time_ratio"].get(name))
            size = tables.megabytes(result["bytes"][name]), tables.times(result["memory_ratio"].get(name))
            rows.append((*settings, baselines.title(name), *cost, *size))
    return tables.table(head, rows)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line.

    Args:
        words: Words of the command line; None takes those of the process.
    """
    parser = measurement_parser(__doc__, json="figures/bench-step.json")
    add_allocators(parser)
    parser.add_argument("--preset", nargs="+", default=list(BATCHES), help="presets of the networks")
    parser.add_argument("--batch", type=int, nargs="+", help="recordings per step; 128 and 256 for shd, 64 for ssc")
    parser.add_argument("--sigma", type=float, nargs="+", default=[12.0, 3.0, 0.5], help="widths of the windows")
    parser.add_argument("--steps", type=int, default=train_step.USUAL_STEPS, help="length of the longest recordings")
    # --peer is the option's old name
    parser.add_argument(
        "--baseline", "--peer", nargs="+", choices=baselines.BASELINES, default=["spikingjelly", "recipe"]
    )
    parser.add_argument("--processes", type=int, default=1, help="processes for the memory of each candidate")
    parser.add_argument("--quick", action="store_true", help="3 turns of shd at batch 128, width 0.5, for a first look")
    options = parser.parse_args(words)
    if options.quick:
        options.preset, options.batch, options.sigma, options.repeats = ["shd"], [128], [0.5], 3
    return options


def main() -> None:
    """Measure, print a table, and write all samples."""
    options = arguments()
    results: list[dict[str, Any]] = []
    for preset in options.preset:
        for size in options.batch or BATCHES.get(preset, [presets.named(preset).training.batch_size]):
            for allocator in options.allocator:
                for sigma in options.sigma:
                    compare.say(f"{preset}, batch {size}, {allocator} allocator, sigma {sigma:g}")
                    results.append(measured(options, preset, size, sigma, allocator))
                    write(options.json, {"results": results}, names=options.baseline)
    print(shown(results))


if __name__ == "__main__":
    main()
