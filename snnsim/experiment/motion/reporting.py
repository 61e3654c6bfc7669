"""The results: cells and curves as CSV, a table (Markdown), and figures of accuracy, pruning and tuning."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnsim.experiment.motion.measures import STRIDE
from snnsim.experiment.motion.settings import Budget
from snnsim.plots.detection import Curve, Panel, panels
from snnsim.plots.style import save
from snnsim.training.run_folder import RunFolder

Rows = Sequence[Mapping[str, Any]]
COLUMNS = ("model", "seed", "weights", "valid", "test", "test by step", "training seconds", "seconds")


def write(folder: RunFolder, rows: Rows, budget: Budget) -> None:
    """Write results.csv, curves.csv, table.md and the figures into a folder.

    Args:
        folder: Folder of the experiment; existing files are replaced.
        rows: Results, one mapping per cell.
        budget: Sizes of the experiment.
    """
    chance = 1 / budget.recipe().motions.count
    texts = {"results.csv": as_csv(rows), "curves.csv": curves_csv(rows), "table.md": table(rows)}
    folder.write_texts(texts)
    save(panels(_over_time(rows, chance)), folder.path / "accuracy.png")
    if any("pruning" in row for row in rows):
        save(panels(_pruned(rows, chance)), folder.path / "pruning.png")
        save(panels(_tuned(rows, chance), columns=3), folder.path / "tuning.png")


def as_csv(rows: Rows) -> str:
    """Return the accuracies as CSV, a line for every cell.

    Args:
        rows: Results, one mapping per cell.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        measured = {"valid": row["valid"]["evidence"], "test": row["test"]["evidence"]}
        own = {name: row[name] for name in COLUMNS if name in row and name not in measured}
        writer.writerow(own | measured | {"test by step": row["test"]["step"]})
    return text.getvalue()


def curves_csv(rows: Rows) -> str:
    """Return all curves as CSV: model, seed, curve, variable, value, measure, number.

    Args:
        rows: Results, one mapping per cell.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "seed", "curve", "variable", "value", "measure", "number"))
    for row in rows:
        cell = row["model"], row["seed"]
        for name in ("by step", "by evidence"):
            for number, value in enumerate(row["test"][name]):
                writer.writerow((*cell, "time", "step", number * STRIDE[0], name, value))
        for name, value in row.get("generalization", {}).items():
            writer.writerow((*cell, "generalization", "movies", name, "accuracy", value))
        curves = {name: row[name] for name in ("pruning", "shortening") if name in row} | row.get("tuning", {})
        for name, points in curves.items():
            for point in points:
                (variable, value), *measures = point.items()
                for measure, number in measures:
                    writer.writerow((*cell, name, variable, value, measure, number))
    return text.getvalue()


def table(rows: Rows) -> str:
    """Return the table: accuracies of every model, then what was measured besides.

    Args:
        rows: Results, one mapping per cell.
    """
    lines = ["Accuracy on held-out images (%): mean ± standard deviation over seeds.", ""]
    lines += ["| model | weights | one step | all evidence | training (s) |", "| --- | --- | --- | --- | --- |"]
    for model, own in _by_model(rows).items():
        step, evidence = (_spread([row["test"][name] for row in own]) for name in ("step", "evidence"))
        seconds = np.mean([row["training seconds"] for row in own])
        lines.append(f"| {model} | {own[0]['weights']:,} | {step} | {evidence} | {seconds:.0f} |")
    changed = {model: own for model, own in _by_model(rows).items() if "generalization" in own[0]}
    if changed:
        names = list(next(iter(changed.values()))[0]["generalization"])
        lines += ["", f"| model | {' | '.join(names)} |", "| --- " * (len(names) + 1) + "|"]
        for model, own in changed.items():
            cells = [_spread([row["generalization"][name] for row in own]) for name in names]
            lines.append(f"| {model} | {' | '.join(cells)} |")
    for row in rows:
        if "half-saturation" in row:
            lines += ["", _pruning_line(row)]
    return "\n".join(lines) + "\n"


def _pruning_line(row: Mapping[str, Any]) -> str:
    fit, shares = row["half-saturation"], row["pruning"]
    near = next(point for point in shares if point["share"] <= 1 / 31)
    per_class = fit["half"] * shares[0]["per_class"]
    return (
        f"Seed {row['seed']}: {100 * shares[0]['accuracy']:.1f} % with all {shares[0]['per_class']:,.0f} weights of a "
        f"class, {100 * near['accuracy']:.1f} % with 1/{1 / near['share']:.0f} of them; half-saturation at "
        f"{per_class:,.0f} weights, a share of {fit['half']:.2g}."
    )


def _by_model(rows: Rows) -> dict[str, list[Mapping[str, Any]]]:
    models: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        models.setdefault(row["model"], []).append(row)
    return models


def _spread(values: Sequence[float]) -> str:
    percent = 100 * np.asarray(values)
    return f"{percent.mean():.1f} ± {percent.std(ddof=1):.1f}" if len(percent) > 1 else f"{percent.mean():.1f}"


def _over_time(rows: Rows, chance: float) -> list[Panel]:
    parts = []
    for name, title in (("by step", "one step"), ("by evidence", "all evidence up to a step")):
        drawn = []
        for model, own in _by_model(rows).items():
            y = np.array([row["test"][name] for row in own])
            drawn.append(Curve(model, STRIDE[0] * np.arange(y.shape[1]), y))
        parts.append(Panel("time (ms)", drawn, title, chance=chance))
    return parts


def _pruned(rows: Rows, chance: float) -> list[Panel]:
    own = [row for row in rows if "pruning" in row]
    drawn = []
    for name, title in (("pruning", "largest weights kept"), ("shortening", "shortest delays kept")):
        x = np.array([point["share"] for point in own[0][name]])
        drawn.append(Curve(title, x, np.array([[point["accuracy"] for point in row[name]] for row in own])))
    longest = np.array([point["longest"] for point in own[0]["shortening"]])
    by_delay = Curve("shortest delays kept", longest, drawn[1].y)
    return [
        Panel("share of the weights", drawn, logarithmic=True, chance=chance),
        Panel("longest delay kept (ms)", [by_delay], chance=chance),
    ]


_AXES = {
    "frequency": ("frequency", "frequency (cycles/pixel)"),
    "orientation": ("angle", "stripes to motion (degrees)"),
    "bandwidth": ("bandwidth", "bandwidth of speed (px/ms)"),
}


def _tuned(rows: Rows, chance: float) -> list[Panel]:
    own = [row["tuning"] for row in rows if "tuning" in row]
    parts = []
    for name, (variable, label) in _AXES.items():
        x = np.array([point[variable] for point in own[0][name]])
        drawn = [
            Curve(measure, x, np.array([[point[measure] for point in each[name]] for each in own]))
            for measure in ("accuracy", "direction", "speed")
        ]
        parts.append(Panel(label, drawn, chance=chance, logarithmic=name == "frequency"))
    kinds = [point["orientation"] for point in own[0]["grating"]]
    y = np.array([[point["accuracy"] for point in each["grating"]] for each in own])
    bars = Curve("accuracy", np.arange(len(kinds)), y)
    parts.append(Panel("stripes of a grating", [bars], chance=chance, ticks=dict(enumerate(kinds))))
    speed = np.array([point["speed"] for point in own[0]["speed"]])
    shares = [name for name in own[0]["speed"][0] if name.startswith("share")]
    drawn = [
        Curve(name, speed, np.array([[point[name] for point in each["speed"]] for each in own])) for name in shares
    ]
    parts.append(Panel("speed (px/ms)", drawn, "decisions by speed", logarithmic=True, y_label="share (%)"))
    right = Curve("direction", speed, np.array([[point["direction"] for point in each["speed"]] for each in own]))
    parts.append(Panel("speed (px/ms)", [right], "right direction", logarithmic=True))
    return parts
