"""Files of drawn pictures: a grid, the film of the denoising, and the spikes of layers while a picture is drawn."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from snnsim.experiment.diffusion import sampling
from snnsim.experiment.diffusion.sampling import Sampler
from snnsim.nn.folded import SpikingActivation
from snnsim.plots import diffusion_rasters, picture_grids

MOST_FRAMES = 60
SHOWN_LAYERS = 3
"""Layers of a raster: the first, the middle and the last one."""


class Files(NamedTuple):
    """The files of drawn pictures."""

    grid: Path
    """All pictures, .png."""
    film: Path | None = None
    """From noise to pictures, .gif."""
    raster: Path | None = None
    """Spikes while the first picture is drawn, .png, .svg or .pdf."""


def sample(run: Path, count: int, output: Files, sampler: Sampler, *, threshold: float = 1.0) -> Tensor:
    """Draw pictures, write them, and return them, (picture, channel, row, column), values from −1 to 1.

    Args:
        run: Folder of the run.
        count: Number of pictures.
        output: The files to write.
        sampler: How they are drawn.
        threshold: Factor of the thresholds of all neurons.
    """
    trained = sampling.load(run, threshold=threshold)
    recorders = _recorders(trained.network) if output.raster is not None else {}
    frames = []
    pictures = torch.empty(0)
    for pictures in sampling.film(trained, count, sampler):
        if output.film is not None:
            frames.append(_gray(pictures))
    pictures = pictures.clamp(-1, 1)
    picture_grids.save(_gray(pictures), output.grid)
    if output.film is not None:
        stride = -(-len(frames) // MOST_FRAMES)
        picture_grids.save_film([*frames[:-1:stride], frames[-1]], output.film)
    if output.raster is not None:
        layers = {name: np.concatenate(recorder.spikes) for name, recorder in recorders.items()}
        steps = next((recorder.layer.steps for recorder in recorders.values()), 1)
        diffusion_rasters.raster(layers, output.raster, steps=steps)
    return pictures


class _Recorder:
    """The spikes of a layer for the first picture of every evaluation."""

    def __init__(self, layer: SpikingActivation) -> None:
        self.layer = layer
        self.spikes: list[np.ndarray] = []
        layer.register_forward_hook(self._record)

    def _record(self, layer: nn.Module, _inputs: Any, result: Tensor) -> None:  # noqa: ARG002
        steps = self.layer.steps
        self.spikes.append(result.view(steps, -1, *result.shape[1:])[:, 0].flatten(1).ne(0).numpy())


def _recorders(network: nn.Module) -> dict[str, _Recorder]:
    named = [(name, part) for name, part in network.named_modules() if isinstance(part, SpikingActivation)]
    chosen = sorted({0, len(named) // 2, len(named) - 1}) if named else []
    return {named[index][0]: _Recorder(named[index][1]) for index in chosen[:SHOWN_LAYERS]}


def _gray(pictures: Tensor) -> np.ndarray:
    array: np.ndarray = ((pictures + 1) / 2).clamp(0, 1).numpy()
    return array
