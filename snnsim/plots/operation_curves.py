"""Accuracy against operations: a panel for each task and head, a curve for each method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from snnsim.plots.style import NOTE_POINTS, WIDTH_INCH, style


@dataclass(frozen=True)
class Curve:
    """Results of one method in one panel."""

    panel: str
    method: str
    points: Sequence[tuple[float, Sequence[float]]]
    """Operations of a recording, and accuracies over seeds in percent."""


def operation_curves(curves: Sequence[Curve]) -> Figure:
    """Return the figure; a method with one point is a mark, all others are lines with standard deviations.

    Args:
        curves: The results, at least one.

    Raises:
        ValueError: If there is no curve.
    """
    if not curves:
        raise ValueError("operation_curves: there must be at least one curve")
    panels = list(dict.fromkeys(curve.panel for curve in curves))
    methods = list(dict.fromkeys(curve.method for curve in curves))
    with style():
        figure = Figure(figsize=(WIDTH_INCH, 2.6), layout="constrained")
        for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False).ravel(), strict=True):
            for curve in (curve for curve in curves if curve.panel == panel):
                points = sorted(curve.points)
                operations = [point[0] for point in points]
                mean = [np.mean(point[1]) for point in points]
                spread = [np.std(point[1], ddof=1) if len(point[1]) > 1 else 0.0 for point in points]
                marker = "s" if len(points) == 1 else "o"
                color = f"C{methods.index(curve.method)}"
                axes.errorbar(
                    operations, mean, spread, marker=marker, markersize=3, color=color, label=curve.method, linewidth=1
                )
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(EngFormatter())
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_title(panel)
            axes.set_xlabel("operations a recording")
        figure.axes[0].set_ylabel("test accuracy (%)")
        figure.axes[-1].legend(loc="lower right", fontsize=NOTE_POINTS)
    return figure
