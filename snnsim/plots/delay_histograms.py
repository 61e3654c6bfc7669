"""Delays before and after training: their distribution, their change, and the weights at each delay.

Shapes   before, after, weight: any one shape for all three, one value per synapse
Units    delays in steps, from 0 to max_delay; the axes show step · time_step_ms
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from snnsim.plots.style import GRAY, INK, WIDTH_INCH, check_time_step, layer_color, note, style

WEIGHT_BINS = 24
CHANGE_BINS = 20
"""Least number of bins to either side of zero."""


@dataclass(frozen=True)
class LayerDelays:
    """The delays of one layer's synapses before and after training, and its weights after it."""

    name: str
    before: np.ndarray
    after: np.ndarray
    weight: np.ndarray
    max_delay: int
    """The longest delay that the layer allows, in steps."""

    def __post_init__(self) -> None:
        shapes = {part: np.shape(getattr(self, part)) for part in ("before", "after", "weight")}
        if len(set(shapes.values())) > 1 or np.size(self.before) == 0:
            raise ValueError(
                f"LayerDelays: before, after and weight of {self.name!r} must hold one value per synapse; "
                f"their shapes are {shapes}"
            )
        for part in ("before", "after"):
            values = np.asarray(getattr(self, part))
            if not (values.min() >= 0 and values.max() <= self.max_delay):
                raise ValueError(
                    f"LayerDelays: {part} of {self.name!r} must lie in 0..{self.max_delay} steps; "
                    f"it goes from {values.min():g} to {values.max():g}; are they in ms?"
                )


def delays(layers: Sequence[LayerDelays], *, time_step_ms: float) -> Figure:
    """Return a figure with a row per layer: delays before and after, their change, and the weights.

    Args:
        layers: Delays and weights of each layer.
        time_step_ms: Duration of a step.

    Raises:
        ValueError: If there is no layer, or the duration is not positive.
    """
    if not layers:
        raise ValueError("delays: at least one layer with delays is needed; none came")
    check_time_step(time_step_ms, "delays")
    with style():
        figure = Figure(figsize=(WIDTH_INCH, 1.45 * len(layers) + 0.35), layout="constrained")
        rows = figure.subplots(len(layers), 3, squeeze=False, width_ratios=[1.5, 1, 1.2])
        for index, (row, layer) in enumerate(zip(rows, layers, strict=True), start=1):
            _draw_distribution(row[0], layer, time_step_ms, layer_color(index))
            _draw_change(row[1], layer, time_step_ms, layer_color(index))
            _draw_weights(row[2], layer, time_step_ms, layer_color(index))
        rows[0, 0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
        for axes, text in zip(rows[-1], ("delay (ms)", "change of delay (ms)", "delay (ms)"), strict=True):
            axes.set_xlabel(text)
        figure.align_ylabels(rows[:, 0])
    return figure


def _edges(max_delay: int) -> np.ndarray:
    """Return the borders of one bin per integer delay, 0 to max_delay."""
    return np.asarray(np.arange(max_delay + 2) - 0.5)


def _nearest(delay: np.ndarray) -> np.ndarray:
    """Return delays rounded to integers, as in evaluation."""
    return np.asarray(np.rint(np.ravel(delay)).astype(int))


def _draw_distribution(axes: Axes, layer: LayerDelays, time_step_ms: float, color: str) -> None:
    edges_ms = _edges(layer.max_delay) * time_step_ms
    counts = [np.bincount(_nearest(part), minlength=layer.max_delay + 1) for part in (layer.before, layer.after)]
    axes.stairs(counts[1], edges_ms, fill=True, color=color, alpha=0.45, label="after")
    axes.stairs(counts[0], edges_ms, color=INK, linewidth=0.8, label="before")
    axes.set_ylim(0, 1.3 * max(map(np.max, counts)))
    for x, side, step in ((0.02, "left", 0), (0.98, "right", layer.max_delay)):
        shares = [f"{count[step] / count.sum():.1%}" for count in counts]
        text = f"at {step * time_step_ms:g} ms\n{shares[0]} → {shares[1]}"
        note(axes, x, 0.98, text, ha=side, va="top")
    axes.set_ylabel(f"{layer.name}\nsynapses")
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))


def _draw_change(axes: Axes, layer: LayerDelays, time_step_ms: float, color: str) -> None:
    change = np.ravel(layer.after).astype(float) - np.ravel(layer.before)
    # an integer number of bins per step, so that integer changes are in the middle of a bin
    reach = max(np.abs(change).max(), 0.5)
    per_step = int(np.ceil(CHANGE_BINS / reach))
    most = int(np.ceil(reach * per_step))
    edges = (np.arange(-most, most + 2) - 0.5) / per_step
    counts, _ = np.histogram(change, edges)
    axes.stairs(counts, edges * time_step_ms, fill=True, color=color, alpha=0.45)
    axes.axvline(0, color=GRAY, linewidth=0.5)
    moved = np.mean(_nearest(layer.after) != _nearest(layer.before))
    axes.set_title(f"{moved:.0%} changed step", color=GRAY)
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))


def _draw_weights(axes: Axes, layer: LayerDelays, time_step_ms: float, color: str) -> None:
    step, size = _nearest(layer.after), np.abs(np.ravel(layer.weight))
    edges = _edges(layer.max_delay)
    heights = np.linspace(0, size.max() or 1, WEIGHT_BINS + 1)
    counts, _, _ = np.histogram2d(step, size, bins=(edges, heights))
    red, green, blue = (0.85 + 0.15 * part for part in to_rgb(color))
    shades = LinearSegmentedColormap.from_list("shades", [(0.0, (red, green, blue)), (1.0, to_rgb(color))])
    # an empty cell is white, because 0 has no color on a logarithmic scale
    cells = np.ma.masked_where(counts.T == 0, counts.T)  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {"cmap": shades, "norm": LogNorm(vmin=1, vmax=max(counts.max(), 10)), "rasterized": True}
    image = axes.pcolormesh(edges * time_step_ms, heights, cells, **options)
    synapses = np.bincount(step, minlength=layer.max_delay + 1)
    used = np.nonzero(synapses)[0]
    mean = np.bincount(step, size, minlength=layer.max_delay + 1)[used] / synapses[used]
    axes.plot(used * time_step_ms, mean, color=INK, linewidth=0.9)
    axes.set_ylabel("|weight|")
    axes.set_title("line: mean", color=GRAY)
    bar = axes.figure.colorbar(image, ax=axes, label="synapses", pad=0.02, aspect=18)
    bar.outline.set_visible(False)
