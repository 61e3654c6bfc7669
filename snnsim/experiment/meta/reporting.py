"""The results: a line per cell and decision (CSV), a table of means with intervals (Markdown), and a figure.

gain = accuracy with learned parameters − accuracy with fixed ones, seed by seed      interval: Student's t over seeds
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnsim.analysis.intervals import of_mean
from snnsim.experiment.meta.settings import DECISIONS
from snnsim.plots.gains import Gain, gains
from snnsim.plots.style import save
from snnsim.training.run_folder import RunFolder

Rows = Sequence[Mapping[str, Any]]
COLUMNS = ("source", "neuron", "rule", "learned", "seed", "decision", "valid", "test", "seconds", "trial")
HEAD = (
    "| source | neuron | rule | decision | fixed (%) | learned (%) | gain (points, 95 %) | seconds, fixed / learned |"
)


def write(folder: RunFolder, rows: Rows) -> None:
    """Write results.csv, table.md and gains.png into a folder.

    Args:
        folder: Folder of the experiment; existing files are replaced.
        rows: Results, one mapping per cell: source, neuron, rule, learned, seed, seconds, and the decisions'
            accuracies.
    """
    folder.write_texts({"results.csv": as_csv(rows), "table.md": table(rows)})
    compared = comparisons(rows)
    if compared:
        save(gains(compared), folder.path / "gains.png")


def as_csv(rows: Rows) -> str:
    """Return the results as CSV, a line for every cell and decision.

    Args:
        rows: Results, one mapping per cell.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        for decision, result in row["decisions"].items():
            trial = " ".join(f"{name}={value:.3g}" for name, value in result["trial"].items())
            own = {"decision": decision, "valid": result["valid"], "test": result["test"], "trial": trial}
            writer.writerow({name: row[name] for name in COLUMNS if name in row} | own)
    return text.getvalue()


def comparisons(rows: Rows) -> list[Gain]:
    """Return the gains of every source, neuron, rule and decision, in the order of the rows.

    Args:
        rows: Results, one mapping per cell; each comparison has as many fixed cells as learned ones, in the order of
            the seeds.
    """
    sides: dict[tuple[str, str, str, str], dict[bool, list[tuple[float, float]]]] = {}
    for row in rows:
        for decision in DECISIONS:
            if decision in row["decisions"] and row["rule"] != "none":
                key = row["source"], row["neuron"], row["rule"], decision
                sides.setdefault(key, {False: [], True: []})[row["learned"]].append(
                    (row["decisions"][decision]["test"], row["seconds"])
                )
    result = []
    for key, side in sides.items():
        (fixed, before), (learned, after) = (np.array(side[which]).T for which in (False, True))
        seconds = float(before.mean()), float(after.mean())
        result.append(Gain(*key, fixed, learned, of_mean(learned - fixed), seconds))
    return result


def table(rows: Rows) -> str:
    """Return the table: the sources' own trains first, then every comparison.

    Args:
        rows: Results, one mapping per cell.
    """
    lines = ["Accuracy on the test split: mean ± standard deviation over seeds.", ""]
    lines += ["| source | decided on the source's own trains by rate (%) | by lz (%) |", "| --- | --- | --- |"]
    for source in dict.fromkeys(row["source"] for row in rows):
        mine = [row["decisions"] for row in rows if row["source"] == source and row["rule"] == "none"]
        shown = [_spread([row[kind]["test"] for row in mine]) for kind in DECISIONS[:2]]
        lines.append(f"| {source} | {' | '.join(shown)} |")
    lines += ["", HEAD, "| " + " | ".join(["---"] * 8) + " |"]
    for gain in comparisons(rows):
        low, high = gain.interval
        middle = 100 * (gain.learned - gain.fixed).mean()
        change = f"{middle:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        cells = gain.source, gain.neuron, gain.rule, gain.decision, _spread(gain.fixed), _spread(gain.learned), change
        lines.append(f"| {' | '.join(cells)} | {gain.seconds[0]:.1f} / {gain.seconds[1]:.1f} |")
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float] | np.ndarray) -> str:
    percent = 100 * np.asarray(values)
    return f"{percent.mean():.1f} ± {percent.std(ddof=1):.1f}" if len(percent) > 1 else f"{percent.mean():.1f}"
