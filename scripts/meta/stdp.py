"""One neuron finds a spike pattern in noise by plasticity alone, and fires at it earlier and earlier.

scripts/meta/stdp.py [--seeds 0 1 2 ...] [--seconds 450]

The set-up of Masquelier, Guyonneau & Thorpe 2008 with their numbers: 2000 afferents at 64 Hz, a pattern of 50 ms of
half of them in a quarter of the time, jittered by 1 ms. A seed has found the pattern if in the last 150 s at least 98 %
of the patterns have a spike and no spike is outside of a pattern.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm import tqdm

from snnsim.data.synthetic import embedded_pattern
from snnsim.files import write_json
from snnsim.learning import stdp_layer
from snnsim.learning.stdp import STDP
from snnsim.plots.style import GRAY, INK, VERMILION, WIDTH_INCH, save, style
from snnsim.training.evaluation import wilson
from snnsim.training.run_folder import environment

RECIPE = embedded_pattern.Recipe()
PER_MS = RECIPE.steps_per_ms
NEURON = stdp_layer.Neurons(tau=10.0 * PER_MS, tau_s=2.5 * PER_MS, threshold=500.0, after=(2.0, 4.0))
RULE = STDP(0.03125, 0.85 * 0.03125, 16.8 * PER_MS, 33.7 * PER_MS, pairing="adjacent")
START = 0.475
WINDOWS = 200
LAST_SECONDS = 150
BLOCK = 25


def one(seed: int, seconds: float) -> dict[str, Any]:
    """Return the latency at every presentation, the hits of the last seconds, and the final weights.

    Args:
        seed: Seed of the spikes.
        seconds: Duration of the simulated stream.
    """
    state, latency, windows, false = stdp_layer.initial_state(np.full((1, RECIPE.afferents), START)), [], [], []
    stream = embedded_pattern.stream(np.random.default_rng(seed), RECIPE, windows=WINDOWS)
    piece_seconds = WINDOWS * RECIPE.window_ms / 1000
    began = time.perf_counter()
    for _ in tqdm(range(round(seconds / piece_seconds)), desc=f"seed {seed}", leave=False, disable=None):
        piece = next(stream)
        state, (fired, _) = stdp_layer.run(state, (piece.step, piece.afferent), piece.steps, neurons=NEURON, rule=RULE)
        since = fired[:, None] - piece.windows
        inside = (since >= 0) & (since < RECIPE.window_ms * PER_MS)
        first = np.where(inside, since, np.iinfo(np.int64).max).min(0, initial=np.iinfo(np.int64).max)
        latency += [steps / PER_MS if hit else None for steps, hit in zip(first.tolist(), inside.any(0), strict=True)]
        windows += (piece.windows / PER_MS / 1000).tolist()
        false += (fired[~inside.any(1)] / PER_MS / 1000).tolist()
    return {
        "seed": seed,
        "latency_ms": latency,
        "block_latency_ms": blocks(latency),
        "strong": int((state.weight > 0.5).sum()),
        "strong_repeating": int((state.weight[:, : RECIPE.repeating] > 0.5).sum()),
        "seconds": round(time.perf_counter() - began, 1),
        **judged(latency, windows, false, seconds),
    }


def judged(latency: list[float | None], windows: list[float], false: list[float], seconds: float) -> dict[str, Any]:
    """Return hits, false spikes and latency of the last LAST_SECONDS, and the time of the last false spike before them.

    Args:
        latency: Milliseconds from the beginning of each presentation to the first spike in it; None where it was
            missed.
        windows: Time of each presentation in seconds.
        false: Times of spikes outside of presentations, in seconds.
        seconds: Duration of the stream.
    """
    late = [value for value, at in zip(latency, windows, strict=True) if at >= seconds - LAST_SECONDS]
    hits = [value for value in late if value is not None]
    wrong = sum(at >= seconds - LAST_SECONDS for at in false)
    share = len(hits) / len(late)
    quiet = [at for at in false if at < seconds - LAST_SECONDS]
    return {
        "hits": share,
        "false": wrong,
        "late_latency_ms": float(np.mean(hits)) if hits else None,
        "last_false_before_s": max(quiet, default=0.0),
        "found": share >= 0.98 and wrong == 0,
    }


def blocks(latency: list[float | None]) -> list[float | None]:
    """Return the mean latency of every BLOCK presentations, None where all were missed.

    Args:
        latency: Milliseconds of each presentation; None where it was missed.
    """
    starts = range(0, len(latency), BLOCK)
    groups = [[value for value in latency[start : start + BLOCK] if value is not None] for start in starts]
    return [round(float(np.mean(group)), 2) if group else None for group in groups]


def _draw_first(axes: Axes, row: dict[str, Any]) -> None:
    missed = [number for number, value in enumerate(row["latency_ms"]) if value is None]
    hits = [(number, value) for number, value in enumerate(row["latency_ms"]) if value is not None]
    axes.plot(*zip(*hits, strict=True), ".", color=INK, markersize=1, label="first spike")
    axes.plot(missed, np.full(len(missed), RECIPE.window_ms + 2), "|", color=VERMILION, markersize=3, label="missed")
    axes.set_ylim(0, RECIPE.window_ms + 5)
    axes.set_title(f"one neuron (seed {row['seed']})")
    axes.set_ylabel("latency in the pattern (ms)")
    axes.set_xlabel("presentation of the pattern")


def figure(rows: list[dict[str, Any]]) -> Figure:
    """Return a figure of the latencies of the first seed, and of the mean latencies of all seeds.

    Args:
        rows: Results of `one`, one for each seed.
    """
    with style():
        panels = Figure(figsize=(WIDTH_INCH, 2.1), layout="constrained")
        left, right = panels.subplots(1, 2, sharey=True)
        _draw_first(left, rows[0])
        for number, row in enumerate(rows):
            middle = BLOCK * (np.arange(len(row["block_latency_ms"])) + 0.5)
            mean = np.array(row["block_latency_ms"], float)
            right.plot(middle, mean, "-" if row["found"] else ":", color=GRAY if number else INK, linewidth=0.8)
        right.set_title(f"{len(rows)} neurons, means of {BLOCK} presentations")
        right.set_xlabel("presentation of the pattern")
    return panels


def main() -> None:
    """Run, print, write and draw; seeds in the file are not run again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(10)))
    parser.add_argument("--seconds", type=float, default=450.0, help="duration of a stream")
    parser.add_argument("--json", type=Path, default=Path("figures/meta-stdp.json"))
    options = parser.parse_args()
    earlier = json.loads(options.json.read_text(encoding="utf-8")) if options.json.is_file() else {}
    known = {row["seed"]: row for row in earlier.get("results", []) if earlier["seconds"] == options.seconds}
    # before the first file is written, because the file changes the git revision to a dirty one
    conditions, rows = environment(options.seeds[0]), list[dict[str, Any]]()
    print("seed  hits of the last 150 s  false  latency then (ms)  strong synapses (of repeating afferents)  found")
    for seed in options.seeds:
        # the file has every single latency of the first seed alone
        row = known[seed] if seed in known and (rows or "latency_ms" in known[seed]) else one(seed, options.seconds)
        rows.append({name: value for name, value in row.items() if name != "latency_ms" or not rows})
        latency = "-" if row["late_latency_ms"] is None else f"{row['late_latency_ms']:.1f}"
        strong = f"{row['strong']} ({row['strong_repeating']})"
        print(f"{seed:4d}  {row['hits']:22.1%}  {row['false']:5d}  {latency:>18s}  {strong:>40s}  {row['found']}")
        share = wilson(sum(done["found"] for done in rows), len(rows))
        content = {**conditions, "seconds": options.seconds, "found_ci95": share, "results": rows}
        write_json(options.json, content)
    print(
        f"found by {sum(row['found'] for row in rows)} of {len(rows)}, 95 % interval {share[0]:.0%} to {share[1]:.0%}"
    )
    save(figure(rows), options.json.with_suffix(".png"))


if __name__ == "__main__":
    main()
