"""The optical flow that a detector of motion sees: direction as hue at every position, and its decision over time.

Shapes   events (step, row, column), on minus off · velocity (step, row, column, 2), rows and columns, NaN for none
         probability (step, class)
Units    velocities in pixels per ms
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure

from snnsim.plots.style import NOTE_POINTS, WIDTH_INCH, check_time_step, style

MOMENTS = 5
"""Columns of the figure."""


def colors(velocity: np.ndarray, fastest: float) -> np.ndarray:
    """Return a color for each velocity (..., 3): hue for the direction, saturation for the speed, white for none.

    Args:
        velocity: Velocities (..., 2), NaN for none.
        fastest: Speed of the full saturation.
    """
    size = np.linalg.norm(velocity, axis=-1)
    hue = np.mod(np.arctan2(velocity[..., 0], velocity[..., 1]) / (2 * np.pi), 1.0)
    parts = np.stack([hue, np.clip(0.3 + 0.7 * size / fastest, 0, 1), np.full_like(hue, 0.95)], axis=-1)
    known = ~np.isnan(size)
    result = np.ones((*size.shape, 3))
    result[known] = hsv_to_rgb(parts[known])
    return result


def flow(
    events: np.ndarray,
    velocity: np.ndarray,
    probability: np.ndarray,
    names: Sequence[str],
    *,
    time_step_ms: float,
    label: np.ndarray | None = None,
) -> Figure:
    """Return a figure of events, flow and decision at some moments, and of the decision over time.

    Args:
        events: On minus off events (step, row, column).
        velocity: Velocity of the decision at every position, (step, row, column, 2), NaN for none.
        probability: Probability of each class in each step.
        names: Names of the classes.
        time_step_ms: Duration of a step.
        label: Class of each step, if it is known.

    Raises:
        ValueError: If the numbers of steps or classes differ.
    """
    check_time_step(time_step_ms, "flow")
    if not len(events) == len(velocity) == len(probability) or probability.shape[1] != len(names):
        raise ValueError(
            f"flow: events, velocity and probability must have the same steps, and {len(names)} classes; got "
            f"{events.shape}, {velocity.shape} and {probability.shape}"
        )
    moments = np.linspace(0, len(events) - 1, MOMENTS + 1).round().astype(int)[1:]
    fastest = float(np.nanmax(np.linalg.norm(velocity, axis=-1), initial=1e-9))
    with style():
        figure = Figure(figsize=(WIDTH_INCH, 4.2), layout="constrained")
        grid = figure.add_gridspec(3, MOMENTS + 1, height_ratios=(1, 1, 1.3), width_ratios=(1,) * MOMENTS + (0.6,))
        for column, step in enumerate(moments):
            _image(figure.add_subplot(grid[0, column]), events[step], f"{step * time_step_ms:g} ms")
            axes = figure.add_subplot(grid[1, column])
            axes.imshow(colors(velocity[step], fastest), interpolation="nearest")
            _bare(axes)
        _wheel(figure.add_subplot(grid[1, MOMENTS]))
        _decision(figure.add_subplot(grid[2, :]), probability, time_step_ms, label)
    return figure


def _image(axes: Axes, values: np.ndarray, title: str) -> None:
    axes.imshow(values, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    axes.set_title(title, loc="center", fontsize=NOTE_POINTS)
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])


def _wheel(axes: Axes) -> None:
    """Draw the color of each direction."""
    row, column = np.mgrid[-1:1:41j, -1:1:41j]
    velocity = np.stack([row, column], axis=-1)
    velocity[np.hypot(row, column) > 1] = np.nan
    axes.imshow(colors(velocity, 1.0))
    axes.set_title("direction", loc="center", fontsize=NOTE_POINTS)
    axes.axis("off")


def _decision(axes: Axes, probability: np.ndarray, time_step_ms: float, label: np.ndarray | None) -> None:
    extent = (0.0, len(probability) * time_step_ms, probability.shape[1] - 0.5, -0.5)
    axes.imshow(probability.T, cmap="Greys", vmin=0, aspect="auto", extent=extent, interpolation="nearest")
    if label is not None:
        time = (np.arange(len(label)) + 0.5) * time_step_ms
        axes.plot(time, label, color="#d55e00", linewidth=0.8, label="motion")
        axes.legend(loc="lower right")
    axes.set_xlabel("time (ms)")
    axes.set_ylabel("class")
