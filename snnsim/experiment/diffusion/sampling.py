"""Pictures drawn by the network of a run, and the network itself, with the average of its parameters."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from snnsim.diffusion import Diffusion, converted, guide, samples
from snnsim.experiment.diffusion import settings as files
from snnsim.experiment.diffusion import training
from snnsim.experiment.diffusion.settings import Settings
from snnsim.experiment.one_step.pictures import Pictures
from snnsim.learning.options import EMA
from snnsim.training import checkpoint
from snnsim.training.average import Average
from snnsim.training.run_folder import RunFolder
from snnsim.validation import require

BATCH = 256


class Trained(NamedTuple):
    """A trained run."""

    settings: Settings
    network: nn.Module
    """In evaluation mode, with the moving average of its parameters."""
    diffusion: Diffusion
    data: Pictures


class Sampler(NamedTuple):
    """How pictures are drawn."""

    name: str = "ddim"
    steps: int = 50
    seed: int = 0
    label: int | None = None
    """Class of all pictures, of a network that draws a chosen class; None draws the classes in turn."""


def load(run: Path, *, threshold: float = 1.0) -> Trained:
    """Return the network of a run; one with QCFS activations is converted into spiking neurons.

    Args:
        run: Folder of the run.
        threshold: Factor of the thresholds of all neurons.

    Raises:
        FileNotFoundError: If the run has no checkpoint.
    """
    folder, settings = RunFolder(run), files.load(run / "config.toml")
    if not folder.last.is_file():
        raise FileNotFoundError(f"{run} has no last.pt; that run has no checkpoint yet")
    data = training.load_pictures(settings)
    network: nn.Module = training.network_of(settings, data)
    saved = checkpoint.load(folder.last, {"network": str(network)})
    checkpoint.into(folder.last, network, saved)
    average = Average(network, EMA(decay=settings.decay))
    average.load_state_dict(saved["average"], folder.last)
    average.apply()
    network.eval()
    if settings.activation == "qcfs":
        network = converted(network)
    if threshold != 1:
        guide(network, threshold)
    return Trained(settings, network, Diffusion(settings.noise_steps), data)


@torch.no_grad()
def film(trained: Trained, count: int, sampler: Sampler) -> Iterator[Tensor]:
    """Yield the pictures after every step of a sampler, (picture, channel, row, column), values from −1 to 1.

    Args:
        trained: A trained run.
        count: Number of pictures.
        sampler: How they are drawn.

    Raises:
        ValueError: If a class does not exist, or the network draws none.
    """
    classes = trained.data.classes
    if sampler.label is not None:
        require(trained.settings.conditional, "sample: the network draws no chosen class; train with conditional=true")
        require(0 <= sampler.label < classes, f"sample: the class must be from 0 to {classes - 1}, not {sampler.label}")
    generator = torch.Generator().manual_seed(sampler.seed)
    start = torch.randn((count, *trained.data.train.image.shape[1:]), generator=generator)
    label = torch.arange(count) % classes if sampler.label is None else torch.full((count,), sampler.label)

    def predict(x: Tensor, step: Tensor) -> Tensor:
        batches = zip(*(torch.split(each, BATCH) for each in (x, step, label)), strict=True)
        return torch.cat([trained.network(*batch) for batch in batches])

    drawn = samples(trained.diffusion, predict, start, sampler=sampler.name, steps=sampler.steps, generator=generator)
    total = trained.diffusion.steps if sampler.name == "ddpm" else sampler.steps
    yield from tqdm(drawn, total=total, desc="drawing", unit="step", leave=False, disable=None)


def draw(trained: Trained, count: int, sampler: Sampler) -> Tensor:
    """Return drawn pictures, with values from −1 to 1.

    Args:
        trained: A trained run.
        count: Number of pictures.
        sampler: How they are drawn.
    """
    *_, last = film(trained, count, sampler)
    return last.clamp(-1, 1)
