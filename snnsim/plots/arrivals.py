"""Figure of delayed spikes at one neuron: the time of each input spike and of its arrival.

    arrival = fired + delay      the spike of event e arrives at step fired[e] + delay[e]

Shapes   source, fired, delay, weight (event,) · voltage (time,) · spikes (spike,)
Units    fired, delay, spikes in steps · weight, voltage, threshold in the network's own units
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import CenteredNorm, LinearSegmentedColormap

from snnsim.plots.style import BLUE, GRAY, INK, PALE, VERMILION

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#d8d8d8", VERMILION])
"""Inhibition in blue, excitation in vermilion, zero in gray."""

GATHERED_STEPS = 1
"""Arrivals at most this many steps before an output spike are drawn opaque, as they contribute to it."""
FAINT = 0.13
"""Opacity of all other arrivals."""


@dataclass(frozen=True)
class Arrivals:
    """Input spikes, voltage and output spikes of one neuron during one recording."""

    source: np.ndarray
    """(event,) index of the input neuron."""
    fired: np.ndarray
    """(event,) step of the input spike."""
    delay: np.ndarray
    """(event,) steps until the arrival."""
    weight: np.ndarray
    """(event,) contribution to the current at the arrival."""
    voltage: np.ndarray
    """(time,) voltage of the neuron."""
    threshold: float
    spikes: np.ndarray
    """(spike,) steps of the output spikes."""
    name: str
    """Name of the neuron, such as 'hidden 1, neuron 17'."""

    def __post_init__(self) -> None:
        shapes = {name: np.shape(getattr(self, name)) for name in ("source", "fired", "delay", "weight")}
        if len(set(shapes.values())) > 1 or len(shapes["source"]) != 1:
            raise ValueError(f"Arrivals: source, fired, delay, weight must have one value per event, not {shapes}")
        if np.ndim(self.voltage) != 1 or np.ndim(self.spikes) != 1:
            raise ValueError(
                "Arrivals: voltage must be (time,) and spikes a list of steps; their shapes are "
                f"{np.shape(self.voltage)} and {np.shape(self.spikes)}"
            )
        for name in ("fired", "spikes"):
            steps = np.asarray(getattr(self, name))
            if np.any((steps < 0) | (steps >= len(self.voltage))):
                raise ValueError(
                    f"Arrivals: {name} must lie in the {len(self.voltage)} steps of voltage; "
                    f"it goes from {steps.min()} to {steps.max()}"
                )
        if np.any(np.asarray(self.delay) < 0):
            raise ValueError(f"Arrivals: a delay must be at least 0; one is {np.min(self.delay)}")


def draw_arrivals(panels: Sequence[Axes], arrivals: Arrivals, *, time_step_ms: float) -> None:
    """Draw the inputs into the first panel, and the voltage into the second.

    Args:
        panels: Two panels.
        arrivals: The spikes and the voltage.
        time_step_ms: Duration of a step.
    """
    inputs, voltage = panels
    _draw_inputs(inputs, arrivals, time_step_ms)
    _draw_voltage(voltage, arrivals, time_step_ms)
    for axes in panels:
        for step in arrivals.spikes:
            axes.axvline(step * time_step_ms, color=PALE, linewidth=0.5, zorder=0)


def _draw_inputs(axes: Axes, arrivals: Arrivals, time_step_ms: float) -> None:
    # the strongest weights last, so that they are on top
    order = np.argsort(np.abs(arrivals.weight), kind="stable")
    weight, source = np.asarray(arrivals.weight)[order], np.asarray(arrivals.source)[order]
    fired = np.asarray(arrivals.fired)[order]
    arrived = fired + np.asarray(arrivals.delay)[order]
    # a scale of the 95 % quantile, so that a few large weights do not make all others gray
    scale = np.quantile(np.abs(weight), 0.95) if len(weight) else 0.0
    signed = ScalarMappable(CenteredNorm(halfrange=scale or 1), SIGNED)
    colors = signed.to_rgba(weight)
    colors[~_gathered(arrived, np.asarray(arrivals.spikes)), 3] = FAINT
    fired_ms, arrived_ms = fired * time_step_ms, arrived * time_step_ms
    ends = np.stack([np.stack([fired_ms, source], axis=1), np.stack([arrived_ms, source], axis=1)], axis=1)
    axes.add_collection(LineCollection(list(ends), colors=colors, linewidths=0.6))
    axes.scatter(fired_ms, source, color=colors, s=1.5, linewidths=0)
    axes.scatter(arrived_ms, source, color=colors, s=8, marker="|", linewidths=0.9)
    axes.set_ylabel("source")
    axes.set_title(f"inputs of {arrivals.name}: fired at the dot, arrive at the bar; bright before a spike")
    # in the margin, where the other panels have their notes
    bar = axes.figure.colorbar(signed, cax=axes.inset_axes((1.015, 0.1, 0.012, 0.8)), label="weight")
    bar.outline.set_visible(False)


def _gathered(arrived: np.ndarray, spikes: np.ndarray) -> np.ndarray:
    """Return a mask of the arrivals at most GATHERED_STEPS before an output spike."""
    wait = spikes[None, :] - arrived[:, None]
    return np.asarray(np.any((wait >= 0) & (wait <= GATHERED_STEPS), axis=1))


def _draw_voltage(axes: Axes, arrivals: Arrivals, time_step_ms: float) -> None:
    time_ms = np.arange(len(arrivals.voltage)) * time_step_ms
    spikes = np.asarray(arrivals.spikes, dtype=int)
    axes.plot(time_ms, arrivals.voltage, color=INK, linewidth=0.8)
    axes.axhline(arrivals.threshold, color=GRAY, linewidth=0.6, linestyle=(0, (4, 3)))
    axes.scatter(
        spikes * time_step_ms,
        np.ones(len(spikes)),
        marker="v",
        s=9,
        color=INK,
        linewidths=0,
        transform=axes.get_xaxis_transform(),
        clip_on=False,
    )
    axes.set_ylabel("voltage")
