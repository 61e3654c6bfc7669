"""Networks that learned the last N bits along curricula: largest N, time constants, lesions, perturbations, larger N.

A row is the result of one training: curriculum, learned (the learned parts), seed, passed (the largest N), history (a
row per epoch), measured (a row per measured N) and beyond. A line is the mean over seeds, dots are single seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsim.plots.style import WIDTH_INCH, common_legend, layer_color, style

Rows = Sequence[Mapping[str, Any]]
LINES = {"single": "-", "multi": "--", "sliding": ":", "none": "-."}


def levels(rows: Rows) -> Figure | None:
    """Return a figure of the largest N that has passed, by epoch; None without an epoch.

    Args:
        rows: Results, one for each training.
    """
    if not any(row["history"] for row in rows):
        return None

    def draw(axes: Axes) -> None:
        for row, options in _styled(rows):
            passed = [epoch["passed"] or 1 for epoch in row["history"]]
            axes.plot(range(1, len(passed) + 1), passed, drawstyle="steps-post", linewidth=0.7, **options)
        axes.set_xlabel("epoch")
        axes.set_ylabel("largest N that has passed")

    return _figure([draw])


def time_constants(rows: Rows) -> Figure | None:
    """Return a figure of single-neuron and network time constants against N; None without a measurement.

    Args:
        rows: Results, one for each training.
    """
    if not any(row["measured"] for row in rows):
        return None

    def draw(axes: Axes, ylabel: str, of: Callable[[Mapping[str, Any]], float | None]) -> None:
        for row, options in _styled(rows):
            points = [(measured["level"], of(measured)) for measured in row["measured"]]
            curve = [(level, value) for level, value in points if value is not None]
            if curve:
                axes.plot(*np.array(curve).T, marker="o", markersize=2, **options)
        axes.set_xlabel("N")
        axes.set_ylabel(ylabel)

    return _figure(
        [
            lambda axes: draw(axes, "mean tau (bits)", lambda one: one.get("tau mean")),
            lambda axes: draw(
                axes, "mean network tau (bits)", lambda one: next(iter(one["network tau"].values()))["mean"]
            ),
        ]
    )


def lesions(rows: Rows) -> Figure | None:
    """Return a figure of the relative accuracy without the fastest and the slowest units; None without a lesion.

    Args:
        rows: Results, one for each training; the largest measured N of each counts.
    """
    ends = [
        (row, row["measured"][-1]["lesions"]) for row in rows if row["measured"] and "lesions" in row["measured"][-1]
    ]
    if not ends:
        return None
    names = list(dict.fromkeys(_name(row) for row, _ in ends))

    def draw(axes: Axes) -> None:
        for number, side in enumerate(("fastest", "slowest")):
            values = [[one[side]["relative"] for row, one in ends if _name(row) == name] for name in names]
            x = np.arange(len(names)) + 0.4 * (number - 0.5)
            seeds = [[value for value in each if value is not None] for each in values]
            means = [np.mean(each) if each else 0.0 for each in seeds]
            axes.bar(x, means, width=0.36, color=layer_color(number + 1), label=f"without one of the {side}")
            for position, each in zip(x, seeds, strict=True):
                axes.plot([position] * len(each), each, ".", color=layer_color(0), markersize=2)
        axes.set_xticks(range(len(names)), [name.replace(", ", "\n") for name in names])
        axes.set_ylabel("relative accuracy")

    return _figure([draw])


def perturbations(rows: Rows) -> Figure | None:
    """Return a figure of the relative accuracy with noise on weights and on time constants; None without a curve.

    Args:
        rows: Results, one for each training; the largest measured N of each counts.
    """
    ends = [row for row in rows if row["measured"] and "perturbation" in row["measured"][-1]]
    if not ends:
        return None

    def draw(axes: Axes, part: str) -> None:
        for row, options in _styled(ends):
            curve = [(size, value) for size, value in row["measured"][-1]["perturbation"][part] if value is not None]
            if curve:
                axes.semilogx(*np.array(curve).T, **options)
        axes.set_xlabel(f"noise on {part}, of its norm")
        axes.set_ylabel("relative accuracy")

    return _figure([lambda axes: draw(axes, "weights"), lambda axes: draw(axes, "tau")])


def beyond(rows: Rows) -> Figure | None:
    """Return a figure of the accuracy at larger N after some epochs with a new head; None without a measurement.

    Args:
        rows: Results, one for each training.
    """
    trained = [row for row in rows if row["beyond"]]
    if not trained:
        return None

    def draw(axes: Axes) -> None:
        for row, options in _styled(trained):
            level, accuracy = row["beyond"]["level"], row["beyond"]["accuracy"]
            points = [(int(larger) - level, 100 * value) for larger, value in accuracy.items()]
            axes.plot(*np.array(points).T, marker="o", markersize=2, **options)
        axes.set_xlabel("N beyond the largest one")
        axes.set_ylabel("accuracy (%)")

    return _figure([draw])


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['curriculum']}, {row['learned']}"


def _styled(rows: Rows) -> list[tuple[Mapping[str, Any], dict[str, Any]]]:
    """Return each row with its options: a color for the learned parts, a line for the curriculum, and a label."""
    sets = list(dict.fromkeys(row["learned"] for row in rows))
    result = []
    for row in rows:
        color = layer_color(1 + sets.index(row["learned"]))
        result.append((row, {"color": color, "linestyle": LINES[row["curriculum"]], "label": _name(row)}))
    return result


def _figure(draws: Sequence[Callable[[Axes], None]]) -> Figure:
    with style():
        figure = Figure(figsize=(WIDTH_INCH, 2.2), layout="constrained")
        panels = figure.subplots(1, len(draws), squeeze=False)[0]
        for axes, draw in zip(panels, draws, strict=True):
            draw(axes)
        common_legend(figure, ncols=3)
    return figure
