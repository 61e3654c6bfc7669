"""The results: a line per network and number of steps (CSV), a table of means over seeds (Markdown), and a figure.

Accuracies are those of validation pictures after the last epoch; energies count multiplications and additions of 32-bit
floats alone, see conversion/costs.py. The latency is the processor's time for a picture in the event-driven engine.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnsim.plots.few_steps import Curve, few_steps
from snnsim.plots.style import save
from snnsim.training.run_folder import RunFolder

Rows = Sequence[Mapping[str, Any]]
COLUMNS = (
    "arm", "rule", "steps", "seed", "accuracy", "spikes_per_neuron", "operations", "multiplications", "energy_nj",
    "latency_ms",
)  # fmt: skip
HEAD = "| network | T | accuracy (%) | spikes per neuron | operations | multiplications | energy (nJ) | latency (ms) |"
NAMES = {
    "ann": "ANN, ReLU", "qcfs": "ANN, QCFS", "ladder": "IIR ladder", "binary": "binary activations",
    "scratch": "T = 1 from random weights", "converted": "converted",
}  # fmt: skip


def write(folder: RunFolder, rows: Rows) -> None:
    """Write results.csv, table.md and few-steps.png into a folder.

    Args:
        folder: Folder of the experiment; existing files are replaced.
        rows: Results, one mapping per network and number of steps.
    """
    folder.write_texts({"results.csv": as_csv(rows), "table.md": table(rows)})
    save(few_steps(curves(rows)), folder.path / "few-steps.png")


def as_csv(rows: Rows) -> str:
    """Return the results as CSV.

    Args:
        rows: Results, one mapping per network and number of steps.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: row[name] for name in COLUMNS})
    return text.getvalue()


def grouped(rows: Rows) -> dict[tuple[str, int], list[Mapping[str, Any]]]:
    """Return the rows of each network and number of steps, over seeds; 0 steps stand for a network without spikes.

    Args:
        rows: Results, one mapping per network and number of steps.
    """
    groups: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((_name(row), row["steps"]), []).append(row)
    return groups


def _name(row: Mapping[str, Any]) -> str:
    name = NAMES[row["arm"]]
    if row["arm"] == "qcfs" and row["steps"]:
        return "converted, QCFS"
    return f"{name}, {row['rule']}" if row["rule"] else name


def table(rows: Rows) -> str:
    """Return the table of means over seeds.

    Args:
        rows: Results, one mapping per network and number of steps.
    """
    seeds = len({row["seed"] for row in rows})
    lines = [f"Accuracy on validation pictures: mean ± standard deviation over {seeds} seeds.", "", HEAD]
    lines.append("| " + " | ".join(["---"] * 8) + " |")
    for (name, steps), group in grouped(rows).items():
        accuracy = 100 * np.array([row["accuracy"] for row in group])
        spread = f" ± {accuracy.std(ddof=1):.2f}" if len(accuracy) > 1 else ""
        means = {column: float(np.mean([row[column] for row in group])) for column in COLUMNS[5:-1]}
        latencies = [row["latency_ms"] for row in group if row["latency_ms"] is not None]
        latency = f"{np.mean(latencies):.2f}" if latencies else "-"
        lines.append(
            f"| {name} | {steps or '-'} | {accuracy.mean():.2f}{spread} | {means['spikes_per_neuron']:.3f} | "
            f"{means['operations']:,.0f} | {means['multiplications']:,.0f} | {means['energy_nj']:,.0f} | "
            f"{latency} |"
        )
    return "\n".join(lines) + "\n"


def curves(rows: Rows) -> list[Curve]:
    """Return accuracy and energy of each network over the numbers of steps.

    Args:
        rows: Results, one mapping per network and number of steps.
    """
    by_name: dict[str, dict[int, list[Mapping[str, Any]]]] = {}
    for (name, steps), group in grouped(rows).items():
        by_name.setdefault(name, {})[steps] = group
    result = []
    for name, by_steps in by_name.items():
        ascending = sorted(by_steps)
        accuracy = [np.array([row["accuracy"] for row in by_steps[number]]) for number in ascending]
        energy = [float(np.mean([row["energy_nj"] for row in by_steps[number]])) for number in ascending]
        result.append(Curve(name, tuple(ascending), tuple(accuracy), tuple(energy)))
    return result
