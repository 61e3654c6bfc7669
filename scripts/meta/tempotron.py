"""Capacity of a Tempotron: the number of random spike patterns that it learns.

scripts/meta/tempotron.py [--sources 50 100] [--seeds 20] [--epochs 3000]

The task of Gütig & Sompolinsky 2006: N afferents fire once each, at a random time within 500 ms; of α N such patterns
the neuron must fire at a random half. A seed has learned if every pattern is right within the given number of epochs.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from snnsim.files import write_json
from snnsim.learning import tempotron
from snnsim.plots.style import BLUE, GRAY, INK, VERMILION, WIDTH_INCH, save, style
from snnsim.training.evaluation import wilson
from snnsim.training.run_folder import environment

RULE = tempotron.Tempotron()
DURATION_MS = 500.0
LOADS = (0.5, 1.0, 1.5, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5)


def one(sources: int, load: float, seed: int, epochs: int) -> tuple[int | None, float]:
    """Return the epochs until all patterns were right, or None, and the final share of right patterns.

    Args:
        sources: Number N of afferents.
        load: Patterns per afferent, α.
        seed: Seed of patterns and weights.
        epochs: The most epochs.
    """
    generator = np.random.default_rng((seed, sources, round(100 * load)))
    patterns = round(load * sources)
    trains = tempotron.from_times(generator.uniform(0, DURATION_MS, (patterns, sources)))
    wanted = generator.permutation(np.arange(patterns) % 2 == 0)[:, None]
    start = generator.normal(0, 0.01, (1, sources))
    result = tempotron.fit(start, trains, wanted, generator, rule=RULE, epochs=epochs)
    fires = tempotron.peaks(result.weight, trains, rule=RULE).value >= RULE.threshold
    share = float((fires == wanted).mean())
    return (int((result.wrong[:, 0] > 0).sum()) if share == 1 else None), share


def cell(sources: int, load: float, seeds: int, epochs: int) -> dict[str, Any]:
    """Return the results of one load over all seeds.

    Args:
        sources: Number N of afferents.
        load: Patterns per afferent, α.
        seeds: Number of seeds, from 0.
        epochs: The most epochs of each seed.
    """
    began = time.perf_counter()
    results = [one(sources, load, seed, epochs) for seed in range(seeds)]
    taken = [epoch for epoch, _ in results if epoch is not None]
    return {
        "sources": sources,
        "load": load,
        "learned": len(taken),
        "seeds": seeds,
        "ci95": wilson(len(taken), seeds),
        "epochs_median": float(np.median(taken)) if taken else None,
        "correct": [share for _, share in results],
        "seconds": round(time.perf_counter() - began, 1),
    }


def figure(rows: list[dict[str, Any]]) -> Figure:
    """Return a figure of the share of seeds that learned, the share of right patterns, and the epochs.

    Args:
        rows: Results of `cell`, of several sources and loads.
    """
    with style():
        panels = Figure(figsize=(WIDTH_INCH, 1.9), layout="constrained")
        left, middle, right = panels.subplots(1, 3)
        for sources, color in zip(sorted({row["sources"] for row in rows}), (BLUE, INK, VERMILION, GRAY), strict=False):
            mine = [row for row in rows if row["sources"] == sources]
            load = [row["load"] for row in mine]
            share = np.array([row["learned"] / row["seeds"] for row in mine])
            ends = np.array([row["ci95"] for row in mine])
            left.errorbar(load, share, np.abs(ends.T - share), color=color, marker="o", markersize=2, elinewidth=0.6)
            correct = np.array([row["correct"] for row in mine])
            middle.plot(load, correct.mean(1), color=color, marker="o", markersize=2, label=f"N = {sources}")
            middle.fill_between(load, correct.min(1), correct.max(1), color=color, alpha=0.2, linewidth=0)
            known = [(row["load"], row["epochs_median"]) for row in mine if row["epochs_median"] is not None]
            right.plot(*zip(*known, strict=True), color=color, marker="o", markersize=2)
        left.set_ylabel("share of seeds with all right")
        middle.set_ylabel("share of patterns right")
        right.set_ylabel("epochs to learn all (median)")
        right.set_yscale("log")
        middle.legend(loc="lower left")
        for axes in (left, middle, right):
            axes.set_xlabel("load α, patterns per synapse")
    return panels


def main() -> None:
    """Measure, print, write and draw; results in the file are not measured again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", nargs="+", type=int, default=[50, 100])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=3000)
    parser.add_argument("--json", type=Path, default=Path("figures/meta-tempotron.json"))
    options = parser.parse_args()
    settings = {"seeds": options.seeds, "epochs": options.epochs}
    earlier = json.loads(options.json.read_text(encoding="utf-8")) if options.json.is_file() else {}
    same = {name: earlier.get(name) for name in settings} == settings
    known = {(row["sources"], row["load"]): row for row in earlier["results"]} if same else {}
    # before the first file is written, because the file changes the git revision to a dirty one
    conditions, rows = environment(0), list[dict[str, Any]]()
    plan = [(sources, load) for sources in options.sources for load in LOADS]
    for key in tqdm(plan, disable=None):
        rows.append(known[key] if key in known else cell(*key, options.seeds, options.epochs))
        write_json(options.json, {**conditions, **settings, "results": rows})
    print("   N  load  learned (95 % interval)  patterns right (least)  epochs (median)  seconds")
    for row in rows:
        low, high = row["ci95"]
        learned = f"{row['learned']}/{row['seeds']} ({low:.0%} to {high:.0%})"
        right = f"{np.mean(row['correct']):.1%} ({min(row['correct']):.1%})"
        median = "-" if row["epochs_median"] is None else f"{row['epochs_median']:.0f}"
        print(
            f"{row['sources']:4d}  {row['load']:4.2f}  {learned:>22s}  {right:>22s}  {median:>15s}  {row['seconds']:5g}"
        )
    save(figure(rows), options.json.with_suffix(".png"))


if __name__ == "__main__":
    main()
