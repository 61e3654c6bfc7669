"""Spikes of the populations of a large network: one panel, a band of rows for each population.

Units    times ms
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from snnsim.plots.style import BLUE, VERMILION, WIDTH_INCH, style

SHOWN = 2000
"""Largest number of neurons that are shown, in proportion to the populations."""
_HEIGHT_INCH = 3.5


class Raster(NamedTuple):
    """Spikes."""

    time_ms: np.ndarray
    """(spike,)."""
    neuron: np.ndarray
    """(spike,)."""


def draw(raster: Raster, names: Sequence[str], sizes: Sequence[int]) -> Figure:
    """Return a figure of spikes, the first population at the top.

    Args:
        raster: Spikes of all neurons.
        names: Populations; a name that ends in I is inhibitory.
        sizes: Neurons of each population.
    """
    every = max(1, -(-sum(sizes) // SHOWN))
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    chosen = raster.neuron % every == 0
    time, neuron = raster.time_ms[chosen], raster.neuron[chosen]
    with style():
        figure = Figure(figsize=(WIDTH_INCH, _HEIGHT_INCH), layout="constrained")
        axes = figure.subplots()
        for name, begin, stop in zip(names, bounds, bounds[1:], strict=False):
            mine = (neuron >= begin) & (neuron < stop)
            color = VERMILION if name.endswith("I") else BLUE
            axes.plot(time[mine], neuron[mine], ".", markersize=1.5, markeredgewidth=0, color=color)
        axes.set_yticks((bounds[1:] + bounds[:-1]) / 2, names)
        axes.set_ylim(bounds[-1], 0)
        axes.set_xlabel("time (ms)")
    return figure
