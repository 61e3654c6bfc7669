"""Kernels over space and delays: a strip of slices, one for each delay, and the same as an animation.

Shapes   kernels (kernel, delay, row, column), such as weights of on events minus weights of off events
Units    delays in steps
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import animation
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsim.files import written_whole
from snnsim.plots.style import NOTE_POINTS, WIDTH_INCH, check_suffix, check_time_step, style

MOST_SLICES = 12
"""Columns of a strip; of more delays, some are left out."""
FRAMES_PER_SECOND = 6


def kernels(values: np.ndarray, names: Sequence[str], *, time_step_ms: float) -> Figure:
    """Return a figure with a row for each kernel and a column for each delay.

    Args:
        values: Kernels (kernel, delay, row, column).
        names: Name of each kernel.
        time_step_ms: Duration of a step.

    Raises:
        ValueError: If the shapes do not match.
    """
    values = _checked(values, names, time_step_ms)
    shown = np.unique(np.linspace(0, values.shape[1] - 1, min(MOST_SLICES, values.shape[1])).round().astype(int))
    with style():
        side = WIDTH_INCH / len(shown)
        figure = Figure(figsize=(WIDTH_INCH, side * len(values) * 1.1 + 0.3), layout="constrained")
        panels = figure.subplots(len(values), len(shown), squeeze=False)
        # time runs from left to right: the longest delay is the earliest event
        for row, kernel in enumerate(values):
            for column, delay in enumerate(shown[::-1]):
                _draw(panels[row, column], kernel[delay], float(np.abs(kernel).max()))
                if row == 0:
                    panels[row, column].set_title(f"−{delay * time_step_ms:g} ms", loc="center", fontsize=NOTE_POINTS)
            panels[row, 0].set_ylabel(names[row].replace(", ", ",\n"), fontsize=NOTE_POINTS)
    return figure


def animate_kernels(values: np.ndarray, names: Sequence[str], path: Path, *, time_step_ms: float) -> None:
    """Write kernels as a film over delays, from the longest one to none.

    Args:
        values: Kernels (kernel, delay, row, column).
        names: Name of each kernel.
        path: The file, .gif.
        time_step_ms: Duration of a step.
    """
    values = _checked(values, names, time_step_ms)
    check_suffix(path, [".gif"], "animate_kernels")
    columns = min(6, len(values))
    rows = -(-len(values) // columns)
    writer: Any = animation.PillowWriter(fps=FRAMES_PER_SECOND)
    with style():
        figure = Figure(figsize=(WIDTH_INCH, WIDTH_INCH / columns * rows * 1.2 + 0.2), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        pictures = [
            _draw(axes, kernel[-1], float(np.abs(kernel).max())) for axes, kernel in zip(panels, values, strict=False)
        ]
        for axes, name in zip(panels, names, strict=False):
            axes.set_title(name.replace(", ", ",\n"), fontsize=NOTE_POINTS)
        for axes in panels[len(values) :]:
            axes.remove()
        with written_whole(path) as partial, writer.saving(figure, partial, dpi=80):
            for delay in range(values.shape[1] - 1, -1, -1):
                for picture, kernel in zip(pictures, values, strict=True):
                    picture.set_data(kernel[delay])
                figure.suptitle(f"events {delay * time_step_ms:g} ms ago")
                writer.grab_frame()


def _draw(axes: Axes, slice_: np.ndarray, largest: float) -> Any:
    # a kernel of zeros alone is white, the middle of the colors
    limit = largest or 1.0
    picture = axes.imshow(slice_, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    return picture


def _checked(values: np.ndarray, names: Sequence[str], time_step_ms: float) -> np.ndarray:
    check_time_step(time_step_ms, "kernels")
    values = np.asarray(values)
    if values.ndim != 4 or len(values) != len(names) or not values.size:
        raise ValueError(
            f"kernels: values must be (kernel, delay, row, column) for {len(names)} names, not {values.shape}"
        )
    return values
