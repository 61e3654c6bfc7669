"""Accuracy of networks over the number of time steps, and over the energy of a picture."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsim.plots.style import BLUE, GRAY, GREEN, INK, ORANGE, VERMILION, WIDTH_INCH, style


class Curve(NamedTuple):
    """A kind of network in several numbers of steps."""

    name: str
    steps: tuple[int, ...]
    """Ascending; 0 for a network without spikes, which is a horizontal line."""
    accuracy: tuple[np.ndarray, ...]
    """Accuracies of all seeds, from 0 to 1, by steps."""
    energy_nj: tuple[float, ...]
    """Mean energy of a picture by steps, in nanojoules."""


_COLORS = (BLUE, VERMILION, GREEN, ORANGE, "#aa4499", "#56b4e9", INK)


def few_steps(curves: Sequence[Curve]) -> Figure:
    """Return a figure with two panels: accuracy over steps, and accuracy over energy.

    Args:
        curves: The kinds of network.

    Raises:
        ValueError: If there is none.
    """
    if not curves:
        raise ValueError("few_steps: at least one kind of network is needed; none came")
    with style():
        figure = Figure(figsize=(WIDTH_INCH, 2.6), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        spiking = [curve for curve in curves if any(curve.steps)]
        flat = [curve for curve in curves if not any(curve.steps)]
        for curve, line in zip(flat, itertools.cycle(("-", "--", ":"))):
            left.axhline(100 * curve.accuracy[0].mean(), color=GRAY, linestyle=line, linewidth=0.6, label=curve.name)
            right.plot(curve.energy_nj[0], 100 * curve.accuracy[0].mean(), "x", color=GRAY, markersize=4)
        for curve, color in zip(spiking, itertools.cycle(_COLORS)):
            _draw(left, right, curve, color)
        ticks = sorted({number for curve in spiking for number in curve.steps})
        left.set_xscale("log", base=2)
        left.set_xticks(ticks, [str(number) for number in ticks])
        left.set_xlabel("time steps")
        left.set_ylabel("accuracy (%)")
        right.set_xscale("log")
        right.set_xlabel("energy of a picture (nJ)")
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _draw(left: Axes, right: Axes, curve: Curve, color: str) -> None:
    means = [100 * float(values.mean()) for values in curve.accuracy]
    left.plot(curve.steps, means, "o-", color=color, markersize=2.5, label=curve.name)
    for steps, values in zip(curve.steps, curve.accuracy, strict=True):
        left.vlines(steps, 100 * values.min(), 100 * values.max(), color=color, linewidth=0.5)
    right.plot(curve.energy_nj, means, "o-", color=color, markersize=2.5)
