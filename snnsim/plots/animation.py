"""A raster as a film: every spike appears at its time, and fades."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import animation
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from snnsim.files import written_whole
from snnsim.plots.rasters import PANEL_INCH, Layers, check_layers, draw_spikes, label_panels
from snnsim.plots.style import GRAY, WIDTH_INCH, check_suffix, layer_color, style

MOST_FRAMES = 120
FRAMES_PER_SECOND = 20
FADING_STEPS = 8
"""Steps within which a spike fades."""
PALE_OPACITY = 0.35

_WRITERS: dict[str, Any] = {".gif": animation.PillowWriter, ".mp4": animation.FFMpegWriter}


def animate(layers: Layers, path: Path, *, time_step_ms: float) -> None:
    """Write a film of a raster.

    Args:
        layers: Name and spikes (time, neuron) of each layer.
        path: The file, with the suffix .gif, or .mp4 where ffmpeg is installed.
        time_step_ms: Duration of a step.

    Raises:
        ValueError: If the layers cannot be drawn, the suffix is unknown, or ffmpeg is missing.
    """
    steps = check_layers(layers, time_step_ms, "animate")
    suffix = check_suffix(path, sorted(_WRITERS), "animate")
    if not _WRITERS[suffix].isAvailable():
        raise ValueError(f"animate: {suffix} needs ffmpeg, which is not installed; write a .gif instead")
    stride = -(-steps // MOST_FRAMES)
    writer = _WRITERS[suffix](fps=FRAMES_PER_SECOND)
    with style():
        figure = Figure(figsize=(WIDTH_INCH, PANEL_INCH * len(layers) + 0.5), layout="constrained")
        panels = list(figure.subplots(len(layers), sharex=True, squeeze=False)[:, 0])
        label_panels(panels, layers, time_step_ms)
        figure.align_ylabels(panels)
        # one layout for all frames
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        with written_whole(path) as partial, writer.saving(figure, partial, dpi=120):
            for now in [*range(0, steps - 1, stride), steps - 1]:
                artists = _draw_until(now, panels, layers, time_step_ms)
                writer.grab_frame()
                for artist in artists:
                    artist.remove()


def _draw_until(now: int, panels: list[Axes], layers: Layers, time_step_ms: float) -> list[Artist]:
    """Draw the spikes up to step `now`, older ones paler, and return the artists."""
    # not snntorch's animator, which shows one image per step in a new pyplot figure
    artists: list[Artist] = [axes.axvline(now * time_step_ms, color=GRAY, linewidth=0.6) for axes in panels]
    for index, (axes, (_, spikes)) in enumerate(zip(panels, layers, strict=True)):
        past = np.asarray(spikes)[: now + 1]
        age = now - np.nonzero(past)[0]
        colors = np.tile(to_rgba(layer_color(index)), (len(age), 1))
        colors[:, 3] = np.maximum(PALE_OPACITY, 1 - age / FADING_STEPS)
        artists.append(draw_spikes(axes, past, time_step_ms=time_step_ms, color=colors))
    return artists
