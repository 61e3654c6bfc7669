"""Panels below a raster: the labels of steps beside the predicted ones, and numbers beside their targets.

Shapes   label, predicted (time,) · values, target (time, target), or target (target,) of a recording
Units    arrays count time in steps; the axis shows step · time_step_ms
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, hsv_to_rgb

from snnsim.plots.style import INK, LAYER_COLORS, NOTE_POINTS, note

_COLORS = tuple(color for color in LAYER_COLORS if color != INK)
_LINE = 0.12
"""Height of a name, as a share of a raster's height."""


@dataclass(frozen=True)
class StepLabels:
    """The class of every step, as it is and as it is predicted."""

    label: np.ndarray
    """(time,), -1 for no label."""
    predicted: np.ndarray
    """(time,)."""
    classes: Sequence[str]
    """Names of the classes."""

    @property
    def height(self) -> float:
        """Height of the panel, as a share of a raster's: a line for the name of each class that it shows."""
        return max(0.6, _LINE * len(self.shown()))

    def shown(self) -> list[int]:
        """Return the classes whose names are written: all, or those of the recording if there are many."""
        if len(self.classes) <= len(_COLORS):
            return list(range(len(self.classes)))
        present = np.unique(np.concatenate([self.label, self.predicted]).astype(int))
        return [int(number) for number in present if number >= 0]

    def __len__(self) -> int:
        return len(self.predicted)


@dataclass(frozen=True)
class Numbers:
    """Numbers over one recording, with their targets."""

    values: np.ndarray
    """(time, target)."""
    target: np.ndarray
    """(time, target), or (target,) for one value of the recording; NaN for none."""
    names: Sequence[str]
    """Names of the targets."""

    height: float = 1.2
    """Height of the panel, as a share of a raster's."""

    def __len__(self) -> int:
        return len(self.values)


def draw_labels(axes: Axes, labels: StepLabels, time_step_ms: float) -> None:
    """Draw two strips of colors, the labels above the predictions, with the names of the classes.

    Args:
        axes: The panel.
        labels: The labels and predictions.
        time_step_ms: Duration of a step.
    """
    rows = np.stack([labels.label, labels.predicted]).astype(float)
    rows[rows < 0] = np.nan
    count, shown = len(labels.classes), labels.shown()
    # more classes than colors of layers have the colors of a wheel, so that no two are alike
    wheel = [hsv_to_rgb((number / count, 1.0, 0.85)) for number in range(count)]
    colors = ListedColormap(wheel if count > len(_COLORS) else _COLORS[:count])
    extent = (-0.5 * time_step_ms, (len(labels) - 0.5) * time_step_ms, 2.0, 0.0)
    axes.imshow(rows, aspect="auto", interpolation="nearest", cmap=colors, vmin=-0.5, vmax=count - 0.5, extent=extent)
    axes.set_yticks([0.5, 1.5], ["label", "predicted"])
    for line, number in enumerate(shown):
        height = 1 - (line + 0.5) / len(shown)
        note(axes, 1.01, height, str(labels.classes[number]), color=colors(number), va="center")


def draw_numbers(axes: Axes, numbers: Numbers, time_step_ms: float) -> None:
    """Draw the numbers as lines and their targets as dashed lines.

    Args:
        axes: The panel.
        numbers: The numbers and targets.
        time_step_ms: Duration of a step.
    """
    time_ms = np.arange(len(numbers)) * time_step_ms
    target = np.broadcast_to(numbers.target, np.shape(numbers.values))
    for number, name in enumerate(numbers.names):
        color = _COLORS[number % len(_COLORS)]
        axes.plot(time_ms, numbers.values[:, number], color=color, linewidth=1.0)
        axes.plot(time_ms, target[:, number], color=color, linewidth=0.8, linestyle="--")
        note(axes, 1.01, 1 - (number + 0.5) / max(2, len(numbers.names)), str(name), color=color, va="center")
    axes.set_ylabel("output (—),\ntarget (--)", fontsize=NOTE_POINTS)
