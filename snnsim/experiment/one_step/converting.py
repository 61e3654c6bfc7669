"""Conversion of a network of an experiment into a Program."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from snnsim.conversion import Settings, convert, freeze
from snnsim.experiment.one_step import networks, pictures
from snnsim.experiment.one_step.pictures import Part
from snnsim.experiment.one_step.settings import Budget, Cell
from snnsim.experiment.one_step.training import batches
from snnsim.program import Program
from snnsim.training import checkpoint
from snnsim.untrusted import read_json

CALIBRATION = 512
"""Training pictures that thresholds are taken from, as published."""
MOST = 2048
"""Pictures times steps that are computed at once; conversions of more than 4 steps take thresholds from fewer."""


def calibration(train: Part, steps: int) -> torch.Tensor:
    """Return the pictures that thresholds are taken from, with channels last in memory.

    Args:
        train: Training pictures.
        steps: Number of steps.
    """
    image = train.image[: max(1, min(CALIBRATION, MOST // steps))]
    return image.to(memory_format=torch.channels_last)


def batch_size(steps: int) -> int:
    """Return the number of pictures that are evaluated at once.

    Args:
        steps: Number of steps; 0 for a network without spikes.
    """
    return max(1, MOST // max(4, steps))


def converted(
    folder: Path, settings: Settings, arm: str, seed: int, data: Path | None
) -> tuple[Program, tuple[float, float]]:
    """Return the Program of a trained network, and the accuracies on validation pictures before and after.

    Args:
        folder: Folder of the experiment.
        settings: Settings of the conversion.
        arm: "ann" or "qcfs".
        seed: Seed of the network.
        data: Folder of the pictures; None for the digits.

    Raises:
        FileNotFoundError: If the folder holds no such experiment, or no such network.
        ValueError: If the pictures are others than those of the training.
    """
    budget = _budget(folder, data)
    path = folder / "networks" / f"{Cell(arm, 0, seed).name()}.pt"
    if not path.is_file():
        raise FileNotFoundError(f"convert: there is no {path}; `snnsim reproduce one-step --arms {arm}` trains it")
    loaded = pictures.load(data, budget.valid)
    field = tuple(loaded.train.image.shape[1:])
    network = networks.network(arm, budget, field, loaded.classes).eval()  # type: ignore[arg-type]
    checkpoint.into(path, network, checkpoint.load(path, None))
    conversion = convert(network, calibration(loaded.train, settings.steps), settings)
    facts = {"conversion": asdict(settings), "network": path.name}
    program = freeze(
        conversion.network, field, classes=tuple(map(str, range(loaded.classes))), provenance=facts  # type: ignore[arg-type]
    )  # fmt: skip
    sizes = batch_size(0), batch_size(settings.steps)
    before, after = (
        accuracy(one, loaded.valid, size) for one, size in zip((network, conversion.network), sizes, strict=True)
    )
    return program, (before, after)


def _budget(folder: Path, data: Path | None) -> Budget:
    path = folder / "settings.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"convert: {folder} is no folder of `snnsim reproduce one-step`; it has no settings.json"
        )
    table = read_json(path).get("budget")
    if not isinstance(table, dict) or "ladder_epochs" not in table:
        raise ValueError(f"convert: {path} is damaged, or of another experiment; name a folder of one-step")
    name = "digits" if data is None else data.name
    if table.pop("data", None) != name:
        raise ValueError(f"convert: {folder} was trained on other pictures than {name}; name them with --data-path")
    settings: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return Budget(**settings)


@torch.no_grad()
def accuracy(network: nn.Module, part: Part, size: int) -> float:
    """Return the share of pictures whose largest output is their class.

    Args:
        network: A network in evaluation mode.
        part: Pictures.
        size: Pictures of a batch.
    """
    right = sum(int((network(image).argmax(1) == label).sum()) for image, label in batches(part, size))
    return right / len(part.label)
