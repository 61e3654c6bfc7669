"""Time and peak memory of a training step as one of its sizes grows, in snnsim and in spikingjelly + dcls.

    steps    length of the recordings T          delays   steps of delay K, the longest delay + 1
    width    neurons of both hidden layers       batch    recordings in a step

The other sizes are those of the `shd` preset with T = 100, K = 25, 2 x 256 neurons, batch 64 and no extra steps. The
width of the delay windows is that of three quarters of the training. Times are taken in turns in one process after a
warm-up, memory in fresh processes. Each size has a figure; one JSON file has all samples.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import add_allocator, measurement_parser, plan, write
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from snnsim import presets
from snnsim.bench import baselines, compare, tables, train_step
from snnsim.plots.style import BLUE, NOTE_POINTS, VERMILION, WIDTH_INCH, save, style

BASELINE = "spikingjelly"
BASE = {"steps": 100, "delays": 25, "width": 256, "batch": 64}
SIZES: dict[str, list[int]] = {
    "steps": [25, 50, 100, 200, 400],
    "delays": [5, 13, 25, 49, 97],
    "width": [64, 128, 256, 512],
    "batch": [16, 32, 64, 128, 256],
}
LABELS = {"steps": "steps T", "delays": "steps of delay K", "width": "neurons per layer", "batch": "recordings"}
FIXED = {"steps": "T = {}", "delays": "K = {}", "width": "2 x {} neurons", "batch": "batch {}"}
COLORS = {baselines.OURS: BLUE, BASELINE: VERMILION}


def case(sizes: Mapping[str, int], sigma: float | None) -> train_step.Case:
    """Return the network and the recordings of a training step.

    Args:
        sizes: Steps, delays, width and batch, as in BASE.
        sigma: Width of the delay windows in steps; None takes the last width of the schedule.
    """
    shd = presets.named("shd")
    values = {
        "network.max_delay_ms": (sizes["delays"] - 1) * shd.data.time_step_ms,
        "network.hidden": [sizes["width"]] * 2,
        "network.extra_ms": 0.0,
        "training.batch_size": sizes["batch"],
    }
    return train_step.Case(train_step.with_width(shd.with_values(values), sigma), sizes["steps"])


def figure(name: str, results: Sequence[Mapping[str, Any]]) -> Figure:
    """Return time and peak memory over the values of one size, both axes logarithmic.

    Args:
        name: The size on the horizontal axis, a key of SIZES.
        results: Comparisons, one for each value of the size.
    """
    with style():
        panels = Figure(figsize=(WIDTH_INCH, 2.1), layout="constrained")
        left, right = panels.subplots(1, 2)
        _panel(left, name, results, cost="seconds", ratio="time_ratio", scale=1.0)
        _panel(right, name, results, cost="bytes", ratio="memory_ratio", scale=2.0**-20)
        sizes = results[0]["sizes"]
        others = ", ".join(text.format(sizes[key]) for key, text in FIXED.items() if key != name)
        left.set_title(others)
        right.set_title("numbers: multiples of snnsim")
        left.set_ylabel("seconds per step")
        right.set_ylabel("peak memory (MiB)")
        left.legend(loc="upper left")
    return panels


def _panel(
    axes: Axes, name: str, results: Sequence[Mapping[str, Any]], *, cost: str, ratio: str, scale: float
) -> None:  # fmt: skip
    values = [result["sizes"][name] for result in results]
    for part, color in COLORS.items():
        costs = [result[cost][part] * scale for result in results]
        axes.plot(values, costs, "o-", color=color, markersize=3, label=baselines.title(part))
    for value, result in zip(values, results, strict=True):
        top = max(result[cost].values()) * scale
        text = f"{result[ratio][BASELINE]:.1f}x"
        offset = {"xytext": (0, 4), "textcoords": "offset points", "ha": "center", "va": "bottom"}
        axes.annotate(text, (value, top), color=VERMILION, fontsize=NOTE_POINTS, **offset)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(x=0.08, y=0.15)
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel(LABELS[name])


def shown(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the results as a table with a line for every size.

    Args:
        results: Comparisons of all sizes.
    """
    rows = []
    for result in results:
        cost = [f"{taken:.3f}" for taken in result["seconds"].values()]
        need = [tables.megabytes(size) for size in result["bytes"].values()]
        ratios = [tables.times(result[ratio][BASELINE]) for ratio in ("time_ratio", "memory_ratio")]
        rows.append((result["grows"], result["sizes"][result["grows"]], *cost, ratios[0], *need, ratios[1]))
    title = baselines.title(BASELINE)
    return tables.table(("grows", "to", "snnsim s/step", title, "ratio", "snnsim peak MiB", title, "ratio"), rows)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line.

    Args:
        words: Words of the command line; None takes those of the process.
    """
    parser = measurement_parser(__doc__, json="figures/bench-growth.json")
    add_allocator(parser)
    parser.set_defaults(repeats=3)
    parser.add_argument("--grow", nargs="+", choices=SIZES, default=list(SIZES), help="which sizes")
    parser.add_argument("--sigma", type=float, help="width of the windows; by default the narrow end")
    parser.add_argument("--draw", action="store_true", help="draw the figures of the JSON file again")
    return parser.parse_args(words)


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a comparison for every value of every size; each is written at once.

    Args:
        options: Options of `arguments`.
    """
    results: list[dict[str, Any]] = []
    for name in options.grow:
        for value in SIZES[name]:
            sizes = BASE | {name: value}
            compare.say(f"{LABELS[name]}: {value}")
            result = compare.compare(case(sizes, options.sigma), [BASELINE], plan(options, options.allocator))
            results.append({"grows": name, "sizes": sizes, "allocator": options.allocator, **result})
            write(options.json, {"results": results}, names=[BASELINE])
    return results


def main() -> None:
    """Measure, or read the results of before; print a table and draw."""
    options = arguments()
    results = _read(options.json) if options.draw else measure(options)
    print(shown(results))
    for name in dict.fromkeys(result["grows"] for result in results):
        path = options.json.with_name(f"{options.json.stem}-{name}.png")
        save(figure(name, [result for result in results if result["grows"] == name]), path)
        print(path)


def _read(path: Path) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return results


if __name__ == "__main__":
    main()
