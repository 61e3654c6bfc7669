"""Lempel-Ziv complexity of random trains against their entropy rates, and the time of its computation.

scripts/meta/complexity.py [--seeds 0 1 2 3 4] [--symbols 1000000]
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm import tqdm

from snnsim import lz76
from snnsim.analysis import complexity, information
from snnsim.data.synthetic.point_processes import Bernoulli, Markov, Source
from snnsim.files import write_json
from snnsim.plots.style import BLUE, GRAY, INK, VERMILION, WIDTH_INCH, save, style
from snnsim.training.run_folder import environment

SOURCES: dict[str, list[Source]] = {
    "Bernoulli": [Bernoulli(p) for p in (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)],
    # one rate, 0.2, and memories of different length
    "Markov": [Markov(0.2 * leave, 0.8 * leave) for leave in (0.05, 0.1, 0.25, 0.5, 1.0)],
}
SHOWN = ("Bernoulli(0.05)", "Bernoulli(0.2)", "Bernoulli(0.5)", "Markov(0.02, 0.08)")


def name(source: Source) -> str:
    """Return the name of a source in tables.

    Args:
        source: Source of random trains, of Bernoulli or Markov.
    """
    if isinstance(source, Bernoulli):
        return f"Bernoulli({source.probability:g})"
    return f"Markov({source.start:g}, {source.stop:g})"


def lengths(longest: int) -> list[int]:
    """Return 13 lengths of strings from 100 to the longest, evenly spaced on a logarithmic axis.

    Args:
        longest: Length of the longest string, more than 100 symbols.
    """
    return sorted({int(n) for n in np.geomspace(100, longest, 13)})


def estimates(source: Source, seeds: list[int], longest: int) -> dict[str, Any]:
    """Return the normalized complexity of the beginnings of one string of each seed, (seed, length).

    Args:
        source: Source of random trains.
        seeds: Seeds of the strings.
        longest: Length of the longest beginning.
    """
    strings = [source.spikes((longest,), np.random.default_rng(seed)) for seed in seeds]
    rates = [[information.entropy_rate(string[:n]) for n in lengths(longest)] for string in strings]
    return {"source": name(source), "entropy_rate": source.entropy_rate(), "lengths": lengths(longest), "found": rates}


def seconds(longest: int) -> dict[str, Any]:
    """Return the time of strings of Bernoulli symbols with p = 0.5 and p = 0.05, the shortest of three calls.

    Args:
        longest: Length of the longest string.
    """
    rng, times = np.random.default_rng(0), {}
    for probability in (0.5, 0.05):
        string = rng.random(longest) < probability
        complexity.of_trains(string)
        taken = []
        for n in lengths(longest):
            tries = []
            for _ in range(3):
                began = time.perf_counter()
                lz76(string[:n])
                tries.append(time.perf_counter() - began)
            taken.append(min(tries))
        times[f"{probability:g}"] = taken
    return {"lengths": lengths(longest), "seconds": times}


def _draw_convergence(axes: Axes, rows: list[dict[str, Any]]) -> None:
    chosen = [row for row in rows if row["source"] in SHOWN]
    for row, color in zip(chosen, (BLUE, GRAY, INK, VERMILION), strict=True):
        rates = np.array(row["found"])
        axes.plot(row["lengths"], rates.mean(0), color=color, label=row["source"])
        axes.fill_between(row["lengths"], rates.min(0), rates.max(0), color=color, alpha=0.2, linewidth=0)
        axes.axhline(row["entropy_rate"], color=color, linestyle=":", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.9)
    axes.set_xlabel("symbols n")
    axes.set_ylabel("c log₂(n) / n (bits)")
    axes.legend(loc="upper right")


def _draw_agreement(axes: Axes, rows: list[dict[str, Any]]) -> None:
    axes.plot([0, 1], [0, 1], color=GRAY, linewidth=0.6, zorder=0)
    for kind, color, marker in (("Bernoulli", INK, "o"), ("Markov", VERMILION, "s")):
        mine = [row for row in rows if row["source"].startswith(kind)]
        exact = [row["entropy_rate"] for row in mine]
        axes.plot(exact, [np.mean(row["found"], 0)[-1] for row in mine], marker, color=color, markersize=3, label=kind)
    axes.set_xlabel("entropy rate (bits)")
    axes.set_ylabel(f"c log₂(n) / n, n = 10$^{{{np.log10(rows[0]['lengths'][-1]):.2g}}}$")
    axes.legend(loc="upper left")


def _draw_time(axes: Axes, timed: dict[str, Any]) -> None:
    n = np.array(timed["lengths"])
    for (probability, taken), color in zip(timed["seconds"].items(), (INK, BLUE), strict=True):
        axes.plot(n, taken, color=color, marker="o", markersize=2, label=f"p = {probability}")
    # n log n through the last point of the slower one
    last = max(taken[-1] for taken in timed["seconds"].values())
    axes.plot(n, last * n * np.log(n) / (n[-1] * np.log(n[-1])), color=GRAY, linestyle=":", label="n log n")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("symbols n")
    axes.set_ylabel("seconds")
    axes.legend(loc="upper left")


def figure(rows: list[dict[str, Any]], timed: dict[str, Any]) -> Figure:
    """Return convergence with n, agreement with the entropy rate, and time.

    Args:
        rows: Results of `estimates`, one for each source.
        timed: Result of `seconds`.
    """
    with style():
        panels = Figure(figsize=(WIDTH_INCH, 1.9), layout="constrained")
        left, middle, right = panels.subplots(1, 3)
        _draw_convergence(left, rows)
        _draw_agreement(middle, rows)
        _draw_time(right, timed)
    return panels


def main() -> None:
    """Measure, print, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--symbols", type=int, default=1_000_000, help="length of the longest strings")
    parser.add_argument("--json", type=Path, default=Path("figures/meta-complexity.json"))
    options = parser.parse_args()
    every = [source for kind in SOURCES.values() for source in kind]
    rows = [estimates(source, options.seeds, options.symbols) for source in tqdm(every, disable=None)]
    timed = seconds(options.symbols)
    print(f"{'source':20s} entropy rate   complexity (mean, spread)   ratio")
    for row in rows:
        last = np.array(row["found"])[:, -1]
        ratio = last.mean() / row["entropy_rate"]
        print(f"{row['source']:20s} {row['entropy_rate']:12.4f}   {last.mean():.4f} ± {last.std():.4f}   {ratio:18.3f}")
    for probability, taken in timed["seconds"].items():
        many = np.array(timed["lengths"]) >= options.symbols / 100
        power = np.polyfit(np.log(timed["lengths"])[many], np.log(taken)[many], 1)[0]
        print(f"{options.symbols:,} symbols, p = {probability}: {taken[-1]:.2f} s; grows as n^{power:.2f} before that")
    content = {**environment(options.seeds[0]), "seeds": options.seeds, "estimates": rows, "time": timed}
    write_json(options.json, content)
    save(figure(rows, timed), options.json.with_suffix(".png"))


if __name__ == "__main__":
    main()
