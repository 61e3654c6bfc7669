"""Predictions of a task: the confusion of classes, and numbers against their targets.

Shapes   confusion (class, predicted class) · predicted, target (value, target)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsim.plots.style import BLUE, GRAY, NOTE_POINTS, WIDTH_INCH, style

_MOST_NAMED = 40
"""More classes than this have no names at the axes."""


@dataclass(frozen=True)
class Confusion:
    """How often each class was taken for each."""

    counts: np.ndarray
    """(class, predicted class)."""
    classes: Sequence[str]
    title: str = ""

    def __post_init__(self) -> None:
        if np.shape(self.counts) != (len(self.classes), len(self.classes)):
            raise ValueError(
                f"Confusion: counts must be (class, class) for {len(self.classes)} classes; their shape is "
                f"{np.shape(self.counts)}"
            )


@dataclass(frozen=True)
class Scatter:
    """Predicted numbers and their targets."""

    predicted: np.ndarray
    """(value, target)."""
    target: np.ndarray
    """(value, target), NaN for none."""
    names: Sequence[str]
    title: str = ""

    def __post_init__(self) -> None:
        if np.shape(self.predicted) != np.shape(self.target) or np.shape(self.target)[1:] != (len(self.names),):
            raise ValueError(
                f"Scatter: predicted and target must be (value, {len(self.names)}); their shapes are "
                f"{np.shape(self.predicted)} and {np.shape(self.target)}"
            )


def predictions(parts: Sequence[Confusion | Scatter]) -> Figure:
    """Return a figure with the confusion of classes, and the numbers against their targets.

    Args:
        parts: The predictions of each readout.

    Raises:
        ValueError: If there is none.
    """
    panels = [panel for part in parts for panel in _panels(part)]
    if not panels:
        raise ValueError("predictions: there must be the predictions of one readout or more, and there are none")
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    with style():
        figure = Figure(figsize=(WIDTH_INCH, WIDTH_INCH / 2 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for each, (part, number) in zip(axes, panels, strict=False):
            if isinstance(part, Confusion):
                _draw_confusion(each, part)
            else:
                _draw_scatter(each, part, number)
        for each in axes[len(panels) :]:
            each.remove()
    return figure


def _panels(part: Confusion | Scatter) -> list[tuple[Confusion | Scatter, int]]:
    return [(part, number) for number in range(1 if isinstance(part, Confusion) else len(part.names))]


def _draw_confusion(axes: Axes, part: Confusion) -> None:
    counts = np.asarray(part.counts, float)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if len(part.classes) <= _MOST_NAMED:
        numbers = range(len(part.classes))
        axes.set_xticks(numbers, part.classes, rotation=90, fontsize=NOTE_POINTS)
        axes.set_yticks(numbers, part.classes, fontsize=NOTE_POINTS)
    if len(part.classes) <= 10:
        for row, column in np.ndindex(counts.shape):
            color = "white" if share[row, column] > 0.5 else "black"
            text = f"{counts[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=NOTE_POINTS)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("class")
    axes.set_title(part.title)


def _draw_scatter(axes: Axes, part: Scatter, number: int) -> None:
    present = ~np.isnan(part.target[:, number])
    target, predicted = part.target[present, number], part.predicted[present, number]
    axes.plot(target, predicted, ".", color=BLUE, markersize=2, alpha=0.4, rasterized=True)
    if len(target):
        ends = [min(target.min(), predicted.min()), max(target.max(), predicted.max())]
        axes.plot(ends, ends, color=GRAY, linewidth=0.8)
    axes.set_xlabel(f"target {part.names[number]}")
    axes.set_ylabel("output")
    axes.set_title(part.title)
