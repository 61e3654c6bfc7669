"""Curves of a detector: accuracy over time, against the share of weights, and against properties of textures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from snnsim.plots.style import BLUE, GRAY, GREEN, LAYER_COLORS, ORANGE, VERMILION, WIDTH_INCH, style

_COLORS = (BLUE, VERMILION, GREEN, ORANGE, LAYER_COLORS[3], LAYER_COLORS[5])


@dataclass(frozen=True)
class Curve:
    """Accuracies against a number, over seeds."""

    name: str
    x: np.ndarray
    """(value,)."""
    y: np.ndarray
    """(seed, value), from 0 to 1."""
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """Curves with one horizontal axis."""

    label: str
    curves: Sequence[Curve]
    title: str = ""
    logarithmic: bool = False
    y_label: str = "accuracy (%)"
    percent: bool = True
    chance: float | None = None
    ticks: Mapping[float, str] | None = None


def panels(parts: Sequence[Panel], *, columns: int = 2) -> Figure:
    """Return a figure of panels; lines are means over seeds, bands go from the least to the highest seed.

    Args:
        parts: The panels.
        columns: Panels side by side.

    Raises:
        ValueError: If there is no panel.
    """
    if not parts:
        raise ValueError("panels: there must be one panel or more, and there are none")
    columns = min(columns, len(parts))
    rows = -(-len(parts) // columns)
    with style():
        figure = Figure(figsize=(WIDTH_INCH, 1.9 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for each, part in zip(axes, parts, strict=False):
            _draw(each, part)
        for each in axes[len(parts) :]:
            each.remove()
    return figure


def _draw(axes: Axes, part: Panel) -> None:
    factor = 100 if part.percent else 1
    names = list(dict.fromkeys(curve.name for curve in part.curves))
    for curve in part.curves:
        color = _COLORS[names.index(curve.name) % len(_COLORS)]
        y = factor * np.atleast_2d(curve.y)
        label = f"_{curve.name}" if curve.dashed else curve.name
        axes.plot(curve.x, y.mean(0), "--" if curve.dashed else "-", color=color, label=label, marker=".", markersize=3)
        if len(y) > 1:
            axes.fill_between(curve.x, y.min(0), y.max(0), color=color, alpha=0.2, linewidth=0)
    if part.chance is not None:
        axes.axhline(factor * part.chance, color=GRAY, linewidth=0.6)
    if part.logarithmic:
        _logarithmic(axes)
    if part.ticks is not None:
        axes.set_xticks(list(part.ticks), list(part.ticks.values()))
        axes.minorticks_off()
    axes.set_xlabel(part.label)
    axes.set_ylabel(part.y_label)
    axes.set_title(part.title)
    if part.percent:
        axes.set_ylim(0, 101)
    if len(names) > 1:
        axes.legend()


def _logarithmic(axes: Axes) -> None:
    axes.set_xscale("log")
    least, most = axes.get_xlim()
    if most < 100 * least:
        # one, two and five times each power of ten, as numbers
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
