"""Spikes of every layer over one recording, with the class probabilities of the readout.

Shapes   spikes (time, neuron), one array per layer · probability (time, class)
Units    arrays count time in steps; the axis shows step · time_step_ms
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from snnsim.plots.arrivals import Arrivals, draw_arrivals
from snnsim.plots.readout_panels import Numbers, StepLabels, draw_labels, draw_numbers
from snnsim.plots.style import BLUE, PALE, VERMILION, WIDTH_INCH, check_time_step, layer_color, note, style

Layers = Sequence[tuple[str, np.ndarray]]

PANEL_INCH = 0.95
"""Height of one raster."""


@dataclass(frozen=True)
class Readout:
    """Class probabilities over one recording, and the decision."""

    probability: np.ndarray
    """(time, class), from 0 to 1."""
    classes: Sequence[str] | None = None
    """Names of the classes; None names them by their numbers."""
    label: int | None = None
    """The true class, if known."""
    decided: int | None = None
    """The decided class; None takes the one with the largest sum of probabilities."""

    def __post_init__(self) -> None:
        shape = np.shape(self.probability)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"Readout: probability must be (time, class); its shape is {shape}")
        lowest, highest = np.min(self.probability), np.max(self.probability)
        # a softmax may exceed 1 by rounding; comparisons with nan are false
        if not (lowest >= 0 and highest <= 1 + 1e-4):
            raise ValueError(
                f"Readout: a probability must lie in 0..1; they go from {lowest:g} to {highest:g}; "
                "was the softmax taken?"
            )
        if self.classes is not None and len(self.classes) != shape[1]:
            raise ValueError(f"Readout: {shape[1]} classes have a probability, {len(self.classes)} a name")
        for which, chosen in (("label", self.label), ("decided", self.decided)):
            if chosen is not None and not 0 <= chosen < shape[1]:
                raise ValueError(f"Readout: {which} must be one of the {shape[1]} classes, from 0; not {chosen}")

    @property
    def height(self) -> float:
        """Height of the panel, as a share of a raster's."""
        return 1.0

    def __len__(self) -> int:
        return len(self.probability)

    def decision(self) -> int:
        """Return the decided class."""
        return int(np.sum(self.probability, axis=0).argmax()) if self.decided is None else self.decided

    def class_name(self, index: int) -> str:
        """Return the name of a class, or its index as text where the classes have no names.

        Args:
            index: Index of the class, from 0.
        """
        return str(index if self.classes is None else self.classes[index])


Panel = Readout | StepLabels | Numbers
"""A panel below a raster."""


def raster(
    layers: Layers,
    *,
    time_step_ms: float,
    readout: Panel | Sequence[Panel] | None = None,
    arrivals: Arrivals | None = None,
    title: str | None = None,
) -> Figure:
    """Return a figure with the spikes of each layer, the delayed inputs of one neuron, and the readout.

    Args:
        layers: Name and spikes (time, neuron) of each layer.
        time_step_ms: Duration of a step.
        readout: Class probabilities, labels of steps or numbers, a panel for each; None leaves the panel out.
        arrivals: Inputs and voltage of one neuron; None leaves the panels out.
        title: Title of the figure.

    Raises:
        ValueError: If the arrays have different numbers of steps, or a layer is empty.
    """
    steps = check_layers(layers, time_step_ms, "raster")
    below = [] if readout is None else [readout] if isinstance(readout, Panel) else list(readout)
    lengths = [("readout", len(panel)) for panel in below]
    lengths += [] if arrivals is None else [("arrivals", len(arrivals.voltage))]
    for name, length in lengths:
        if length != steps:
            raise ValueError(f"raster: the layers have {steps} steps, but {name} has {length}")
    heights = [1.0] * len(layers) + [1.9, 0.8] * (arrivals is not None) + [panel.height for panel in below]
    with style():
        figure = Figure(figsize=(WIDTH_INCH, PANEL_INCH * sum(heights) + 0.5), layout="constrained")
        panels = list(figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)[:, 0])
        if title:
            figure.suptitle(title)
        label_panels(panels, layers, time_step_ms)
        for index, (axes, (_, spikes)) in enumerate(zip(panels, layers, strict=False)):
            draw_spikes(axes, spikes, time_step_ms=time_step_ms, color=layer_color(index))
        if arrivals is not None:
            draw_arrivals(panels[len(layers) : len(layers) + 2], arrivals, time_step_ms=time_step_ms)
        for axes, panel in zip(panels[len(panels) - len(below) :], below, strict=True):
            _draw_panel(axes, panel, time_step_ms)
        figure.align_ylabels(panels)
    return figure


def check_layers(layers: Layers, time_step_ms: float, who: str) -> int:
    """Return the number of steps of all layers.

    Args:
        layers: Name and spikes (time, neuron) of each layer.
        time_step_ms: Duration of a step.
        who: Name of the function that was called, for the message.

    Raises:
        ValueError: If there is no layer, or the layers are empty or have different numbers of steps.
    """
    if not layers:
        raise ValueError(f"{who}: at least one layer is needed, as (name, spikes); none came")
    check_time_step(time_step_ms, who)
    for name, spikes in layers:
        shape = np.shape(spikes)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(
                f"{who}: spikes of {name!r} must be (time, neuron) and not empty; their shape is {shape}; "
                "select one recording of the batch"
            )
    steps = {name: len(spikes) for name, spikes in layers}
    if len(set(steps.values())) > 1:
        raise ValueError(f"{who}: all layers must have the same number of steps; they have {steps}")
    return len(layers[0][1])


def label_panels(panels: Sequence[Axes], layers: Layers, time_step_ms: float) -> None:
    """Label each panel with the name, size and rate of its layer, and the last one with the time.

    Args:
        panels: The panels, one per layer at least.
        layers: Name and spikes (time, neuron) of each layer.
        time_step_ms: Duration of a step.
    """
    for axes, (name, spikes) in zip(panels, layers, strict=False):
        steps, neurons = np.shape(spikes)
        axes.set_ylim(-0.03 * neurons - 0.5, 1.03 * neurons)
        axes.set_yticks([0, neurons])
        axes.set_ylabel(name)
        rate = np.count_nonzero(spikes) / (steps * neurons)
        note(axes, 1.01, 0.5, f"{rate:.3f} spikes\nper neuron\nand step", va="center")
    panels[-1].set_xlim(-0.5 * time_step_ms, steps * time_step_ms)
    panels[-1].set_xlabel("time (ms)")


def draw_spikes(axes: Axes, spikes: np.ndarray, *, time_step_ms: float, **options: object) -> PathCollection:
    """Draw a dot per spike at (ms, neuron), and return the dots.

    Args:
        axes: The panel.
        spikes: Spikes (time, neuron).
        time_step_ms: Duration of a step.
        options: Options of matplotlib's `scatter`.
    """
    # imported late, because snntorch imports torch and pandas, which takes seconds
    import torch
    from snntorch import spikeplot

    # a dot has the height of its row, within readable bounds
    points = np.clip(72 * PANEL_INCH / np.shape(spikes)[1], 1.0, 3.0)
    fired = torch.from_numpy(np.asarray(spikes) != 0)
    dots: PathCollection = spikeplot.raster(fired, axes, **{"s": points**2, "linewidths": 0, **options})
    dots.set_offsets(np.asarray(dots.get_offsets()) * [time_step_ms, 1])
    return dots


def _draw_panel(axes: Axes, panel: Panel, time_step_ms: float) -> None:
    if isinstance(panel, Readout):
        _draw_readout(axes, panel, time_step_ms)
    elif isinstance(panel, StepLabels):
        draw_labels(axes, panel, time_step_ms)
    else:
        draw_numbers(axes, panel, time_step_ms)


def _draw_readout(axes: Axes, readout: Readout, time_step_ms: float) -> None:
    """Draw every class in gray, and the true and the decided class in color, with their names."""
    probability = np.asarray(readout.probability)
    time_ms = np.arange(len(probability)) * time_step_ms
    decided, true = readout.decision(), readout.label
    if decided == true:
        shown = {decided: (BLUE, "true and decided")}
    else:
        shown = {decided: (VERMILION, "decided")} | ({} if true is None else {true: (BLUE, "true")})
    others = [index for index in range(probability.shape[1]) if index not in shown]
    axes.plot(time_ms, probability[:, others], color=PALE, linewidth=0.5)
    heights = _apart([probability[-1, index] for index in shown])
    for (index, (color, role)), height in zip(shown.items(), heights, strict=True):
        axes.plot(time_ms, probability[:, index], color=color, linewidth=1.2)
        text = f"“{readout.class_name(index)}”\n{role}"
        note(axes, 1.01, height, text, color=color, va="center")
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_ylabel("class probability")


def _apart(heights: list[float], gap: float = 0.36) -> list[float]:
    """Return up to two heights of labels in 0..1, moved apart where they would overlap."""
    heights = [min(max(height, gap / 2), 1 - gap / 2) for height in heights]
    if len(heights) < 2 or abs(heights[0] - heights[1]) >= gap:
        return heights
    middle = min(max(sum(heights) / 2, gap), 1 - gap)
    first = gap / 2 if heights[0] >= heights[1] else -gap / 2
    return [middle + first, middle - first]
