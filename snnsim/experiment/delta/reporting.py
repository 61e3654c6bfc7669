"""The results: a line per cell (CSV), tables (Markdown), and a figure of accuracy against operations.

    accuracy        mean over the heads of a task
    choice          of each method and seed, the value with fewest operations by validation recordings, among those that
                    lose at most one point of validation accuracy against the dense network of the seed; without one,
                    the value with the best validation accuracy
    gain            operations of the dense network after its zeros, over those of the method's events, first frame
                    included; in parts without motion, after all lags have passed
    interval        mean ± standard deviation over seeds

Operations are multiplications for each recording; those of a coded network are one per event and fan-out.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnsim.plots.operation_curves import Curve, operation_curves
from snnsim.plots.style import save
from snnsim.training.run_folder import RunFolder

Row = Mapping[str, Any]
LOSS = 0.01
"""Validation accuracy that a chosen value may lose."""
COLUMNS = (
    "task", "method", "value", "seed", "valid", "test", "test_by_head", "dense", "nonzero", "change", "event",
    "first_nonzero", "first_event", "events", "positive_events", "still_nonzero", "still_event", "state_words",
    "state_accesses", "message_bits", "steps", "seconds",
)  # fmt: skip
_SUMS = COLUMNS[7:15]
PROBED = ("delta", "sigma-delta")
"""Methods of the table of clips that differ from the test clips."""


def write(folder: RunFolder, rows: Sequence[Row]) -> None:
    """Write results.csv, table.md and curves.png into a folder.

    Args:
        folder: Folder of the experiment; existing files are replaced.
        rows: Results, one mapping per cell, as running.py returns them.
    """
    folder.write_texts({"results.csv": as_csv(rows), "table.md": tables(rows)})
    save(operation_curves(curves(rows)), folder.path / "curves.png")


def as_csv(rows: Sequence[Row]) -> str:
    """Return the results as CSV, a line for every cell; counts are those of the test recordings, for each recording.

    Args:
        rows: Results, one mapping per cell.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        layers = row["counts"]["test"]
        count = layers[0]["recordings"]
        writer.writerow(
            {name: row[name] for name in ("task", "method", "value", "seed", "seconds")}
            | {"valid": f"{accuracy(row, 'valid'):.4f}", "test": f"{accuracy(row, 'test'):.4f}"}
            | {"test_by_head": _joined(row["accuracy"]["test"])}
            | {name: round(operations(row, name), 1) for name in _SUMS}
            | {f"still_{name}": round(row["still"]["test"][name] / count, 1) for name in ("nonzero", "event")}
            | {"state_words": sum(layer["state_words"] for layer in layers)}
            | {"state_accesses": round(operations(row, "state_accesses"), 1)}
            | {"message_bits": max(layer["message_bits"] for layer in layers), "steps": _joined(row["steps"])}
        )
    return text.getvalue()


def accuracy(row: Row, split: str) -> float:
    """Return the mean accuracy of the heads.

    Args:
        row: Result of a cell.
        split: "valid" or "test".
    """
    return float(np.mean(list(row["accuracy"][split].values())))


def operations(row: Row, name: str, part: str = "test") -> float:
    """Return a count of all layers for each recording; "event" includes the first frame.

    Args:
        row: Result of a cell.
        name: Name of a count.
        part: Recordings: "valid", "test" or the name of a probe.
    """
    layers = row["counts"][part]
    names = (name, "first_event") if name == "event" else (name,)
    return sum(float(layer[each]) for layer in layers for each in names) / float(layers[0]["recordings"])


def chosen(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return the dense network and the chosen network of each task, method and seed.

    Args:
        rows: Results, one mapping per cell.
    """
    dense = {(row["task"], row["seed"]): row for row in rows if row["method"] == "dense"}
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["method"], row["seed"]), []).append(row)
    pairs = []
    for (task, _, seed), members in groups.items():
        own = dense[task, seed]
        within = [row for row in members if accuracy(row, "valid") >= accuracy(own, "valid") - LOSS - 1e-9]
        fewest = min(within, key=lambda row: operations(row, "event", "valid"), default=None)
        pairs.append((own, fewest or max(members, key=lambda row: accuracy(row, "valid"))))
    return pairs


def tables(rows: Sequence[Row]) -> str:
    """Return the tables: chosen networks, their layers, and probes.

    Args:
        rows: Results, one mapping per cell.
    """
    groups: dict[tuple[str, str], list[tuple[Row, Row]]] = {}
    for dense, row in chosen(rows):
        groups.setdefault((row["task"], row["method"]), []).append((dense, row))
    return "\n".join([*_chosen_table(groups), "", *_layer_table(groups), "", *_probe_table(groups)]) + "\n"


def _chosen_table(groups: Mapping[tuple[str, str], list[tuple[Row, Row]]]) -> list[str]:
    head = "task", "method", "values", "test accuracy (%)", "change (points)", "operations a recording", "gain"
    lines = [*_head(*head, "gain without motion")]
    for (task, method), pairs in groups.items():
        before, after = (100 * np.array([accuracy(row, "test") for row in side]) for side in zip(*pairs, strict=True))
        gain = [operations(dense, "nonzero") / operations(row, "event") for dense, row in pairs]
        still = [_ratio(dense["still"]["test"]["nonzero"], row["still"]["test"]["event"]) for dense, row in pairs]
        values = " ".join(f"{row['value']:g}" for _, row in pairs)
        cells = task, method, values, _spread(after), _spread(after - before), _spread(
            [operations(row, "event") for _, row in pairs], 0
        ), _spread(gain, 2), _spread(still, 2) if np.isfinite(still).all() else "none"  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _layer_table(groups: Mapping[tuple[str, str], list[tuple[Row, Row]]]) -> list[str]:
    """Return the four counts of each layer of the networks with the method delta, means over seeds."""
    names = ("dense", "nonzero", "change", "event")
    lines = [*_head("task", "layer", *names, "first event", "positive", "bits", "state words")]
    for (task, method), pairs in groups.items():
        if method != "delta":
            continue
        layers = [[{**layer, "first": layer["first_event"]} for layer in row["counts"]["test"]] for _, row in pairs]
        for same in zip(*layers, strict=True):
            mean = {name: np.mean([layer[name] / layer["recordings"] for layer in same]) for name in (*names, "first")}
            positive = np.mean([_ratio(layer["positive_events"], layer["events"]) for layer in same])
            cells = [f"{mean[name]:,.0f}" for name in (*names, "first")] + [f"{100 * positive:.0f} %"]
            bits = max(layer["message_bits"] for layer in same)
            lines.append(f"| {task} | {same[0]['layer']} | {' | '.join(cells)} | {bits} | {same[0]['state_words']:,} |")
    return lines


def _probe_table(groups: Mapping[tuple[str, str], list[tuple[Row, Row]]]) -> list[str]:
    """Return the operations at events for each step, of clips that differ from the test clips in one respect."""
    lines = [*_head("task", "clips", "method", "operations a frame, dense network after zeros", "events", "ratio")]
    for (task, method), pairs in groups.items():
        if method not in PROBED:
            continue
        for part in (name for name in pairs[0][1]["counts"] if name != "valid"):
            dense, event = (
                np.array([_later(row, name, part) for row in side])
                for name, side in zip(("nonzero", "event"), zip(*pairs, strict=True), strict=True)
            )
            ratio = _spread(dense / np.maximum(event, 1e-9), 2)
            lines.append(f"| {' | '.join((task, part, method, _spread(dense, 0), _spread(event, 0), ratio))} |")
    return lines


def _later(row: Row, name: str, part: str) -> float:
    """Return a count for each frame behind the first."""
    layers = row["counts"][part]
    frames = layers[0]["steps"] - layers[0]["recordings"]
    first = "first_nonzero" if name == "nonzero" else None
    later = sum(layer[name] - (layer[first] if first else 0) for layer in layers)
    return float(later / max(frames, 1))


def curves(rows: Sequence[Row]) -> list[Curve]:
    """Return accuracies and operations of every task, head and method, means over seeds.

    Args:
        rows: Results, one mapping per cell.
    """
    groups: dict[tuple[str, str, str], dict[float, list[Row]]] = {}
    for row in rows:
        for head in row["accuracy"]["test"]:
            groups.setdefault((row["task"], head, row["method"]), {}).setdefault(row["value"], []).append(row)
    result = []
    for (task, head, method), values in groups.items():
        name = "nonzero" if method == "dense" else "event"
        points = [
            (
                float(np.mean([operations(row, name) for row in members])),
                [100 * row["accuracy"]["test"][head] for row in members],
            )
            for members in values.values()
        ]
        result.append(Curve(f"{task}: {head}", method, points))
    return result


def _head(*names: str) -> list[str]:
    return [f"| {' | '.join(names)} |", f"| {' | '.join(['---'] * len(names))} |"]


def _ratio(first: float, second: float) -> float:
    return first / second if second else float("inf")


def _spread(values: Sequence[float] | np.ndarray, digits: int = 1) -> str:
    array = np.asarray(values)
    mean = f"{array.mean():,.{digits}f}"
    return f"{mean} ± {array.std(ddof=1):,.{digits}f}" if len(array) > 1 else mean


def _joined(values: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:.3g}" for name, value in values.items())
