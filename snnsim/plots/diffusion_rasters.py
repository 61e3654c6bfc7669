"""Spikes of layers while a network draws a picture: their steps one after the other, step of diffusion by step.

Shapes   spikes of a layer (step, neuron), the steps of all evaluations one after the other
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from snnsim.plots.style import GRAY, WIDTH_INCH, layer_color, save, style

MOST_NEURONS = 200
"""Neurons that a panel shows, at equal distances."""


def raster(layers: Mapping[str, np.ndarray], path: Path, *, steps: int) -> None:
    """Write a raster of layers.

    Args:
        layers: Spikes of each layer by its name.
        path: The file, with the suffix .png, .svg or .pdf.
        steps: Steps of the neurons in an evaluation of the network; a line separates evaluations.

    Raises:
        ValueError: If there is no layer.
    """
    if not layers:
        raise ValueError("raster: there must be one layer of spiking neurons at least; the network has none")
    with style():
        figure = Figure(figsize=(WIDTH_INCH, 1.3 * len(layers) + 0.4), layout="constrained")
        panels = figure.subplots(len(layers), sharex=True, squeeze=False)[:, 0]
        for number, (panel, (name, spikes)) in enumerate(zip(panels, layers.items(), strict=True)):
            shown = np.linspace(0, spikes.shape[1] - 1, min(MOST_NEURONS, spikes.shape[1])).astype(int)
            step, neuron = np.nonzero(spikes[:, shown])
            panel.scatter(step, neuron, s=0.6, color=layer_color(number + 1), linewidths=0)
            for edge in range(0, len(spikes) + 1, steps):
                panel.axvline(edge - 0.5, color=GRAY, linewidth=0.2)
            rate = float((spikes != 0).mean())
            panel.set_title(f"{name}: {spikes.shape[1]} neurons, {rate:.3f} spikes a neuron and step")
            panel.set_ylabel("neuron")
        panels[-1].set_xlabel(f"step of the neurons, {steps} for each step of diffusion, from noise to picture")
        save(figure, path)
