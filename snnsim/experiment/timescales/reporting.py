"""The results: a line per epoch and one per measured network (CSV), a table (Markdown), and figures."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from snnsim.experiment.cells import Row
from snnsim.plots import timescales
from snnsim.plots.style import save
from snnsim.training.run_folder import RunFolder

KEY = ("curriculum", "learned", "delays", "seed")
EPOCH = (*KEY, "epoch", "newest", "passed", "accuracy", "newest accuracy", "loss", "seconds")
QUANTITIES = ("tau mean", "tau sd", "weight mean", "weight sd", "delay mean", "delay sd")
FIGURES = {
    "levels.png": timescales.levels,
    "timescales.png": timescales.time_constants,
    "lesions.png": timescales.lesions,
    "perturbations.png": timescales.perturbations,
    "beyond.png": timescales.beyond,
}


def write(folder: RunFolder, rows: Sequence[Row]) -> None:
    """Write epochs.csv, networks.csv, table.md and the figures into a folder.

    Args:
        folder: Folder of the experiment; existing files are replaced.
        rows: Results, one mapping per cell.
    """
    texts = {
        "epochs.csv": as_csv((*EPOCH, *QUANTITIES), epochs(rows)),
        "networks.csv": networks_csv(rows),
        "table.md": table(rows),
    }
    folder.write_texts(texts)
    for name, draw in FIGURES.items():
        figure = draw(rows)
        if figure is not None:
            save(figure, folder.path / name)


def as_csv(columns: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    """Return lines as CSV; a missing value is empty.

    Args:
        columns: Names of the columns.
        lines: Values by the names of the columns.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in line.items()})
    return text.getvalue()


def epochs(rows: Sequence[Row]) -> list[Row]:
    """Return a line for every cell and epoch.

    Args:
        rows: Results, one mapping per cell.
    """
    lines = []
    for row in rows:
        for epoch in row["history"]:
            newest = epoch["levels"][-1]
            accuracy = {
                "accuracy": fmean(epoch["accuracy"].values()),
                "newest accuracy": epoch["accuracy"][str(newest)],
            }
            lines.append({name: row[name] for name in KEY} | epoch | {"newest": newest} | accuracy)
    return lines


def networks_csv(rows: Sequence[Row]) -> str:
    """Return a line of CSV for every measured network.

    Args:
        rows: Results, one mapping per cell.
    """
    lines = [{name: row[name] for name in KEY} | _flat(measured) for row in rows for measured in row["measured"]]
    columns = dict.fromkeys(name for line in lines for name in line)
    return as_csv([*columns] or KEY, lines)


def table(rows: Sequence[Row]) -> str:
    """Return the table: a line for each curriculum and set of learned parts, means over seeds.

    Args:
        rows: Results, one mapping per cell.
    """
    head = (
        "curriculum", "learned", "delays", "largest N of each seed (epochs)", "tau at the end (bits)",
        "network tau (bits)", "without the fastest / slowest (relative)",
    )  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "| " + " | ".join(["---"] * len(head)) + " |"]
    for key in dict.fromkeys(tuple(row[name] for name in KEY[:3]) for row in rows):
        mine = [row for row in rows if tuple(row[name] for name in KEY[:3]) == key]
        largest = ", ".join(f"{row['passed'] or 'none'} ({row['epochs']})" for row in mine)
        ends = [row["measured"][-1] for row in mine if row["measured"]]
        taus = [row["history"][-1].get("tau mean") for row in mine]
        network = [next(iter(end["network tau"].values()))["mean"] for end in ends]
        lesions = [
            _mean([end["lesions"][side]["relative"] for end in ends if "lesions" in end], 3)
            for side in ("fastest", "slowest")
        ]
        lines.append(f"| {' | '.join([*key, largest, _mean(taus, 2), _mean(network, 2), ' / '.join(lesions)])} |")
    return "\n".join(lines) + "\n"


def _mean(values: Sequence[float | None], digits: int) -> str:
    numbers = [value for value in values if value is not None]
    return f"{fmean(numbers):.{digits}f}" if numbers else "-"


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested numbers by the names of all tables above them; curves stay out."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            result |= _flat(value, f"{before}{name} ")
        elif not isinstance(value, list):
            result[before + name] = value
    return result
