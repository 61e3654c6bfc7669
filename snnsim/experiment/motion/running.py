"""The experiment, cell by cell; every finished cell is a file, so that a killed experiment can be continued.

Movies are drawn once for each seed and kept in the folder. A training goes on from its last epoch. Nothing is chosen by
the test movies; those to validate tell whether a training has settled.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from snnsim.experiment.cells import Settings, run_all
from snnsim.experiment.motion import measures, movies, reporting, training, tuning
from snnsim.experiment.motion.movies import Movies
from snnsim.experiment.motion.settings import CONTROLS, SPARSE, Budget, Cell, cells
from snnsim.nn.logistic_conv import LogisticConv
from snnsim.training.run_folder import RunFolder

SHARES = tuple(float(share) for share in 2.0 ** -np.arange(0, 13))
"""Shares of the weights of a pruning curve."""
TEXTURES = ("dead-leaves", "power-law")


def reproduce(budget: Budget, output: Path, *, progress: bool = True) -> Path:
    """Run all cells without a file, write tables and figures, and return the folder.

    Args:
        budget: Cells and their sizes.
        output: Folder of the experiment.
        progress: Whether progress bars are shown.
    """
    folder = RunFolder(output)

    def result(cell: Cell) -> dict[str, Any]:
        return run(cell, budget, folder, progress=progress)

    settings = Settings(asdict(budget), free=("seeds",))
    rows = run_all(folder, cells(budget), result, settings, progress=progress)
    reporting.write(folder, rows, budget)
    return folder.path


def layer_file(folder: RunFolder, cell: Cell) -> Path:
    """Return the file of a cell's trained layer.

    Args:
        folder: Folder of the experiment.
        cell: The cell.
    """
    return folder.path / "layers" / f"{cell.name()}.pt"


def split(budget: Budget, folder: RunFolder, name: str, seed: int, images: str | None = None) -> Movies:
    """Return the movies of a split and a seed.

    Args:
        budget: Sizes of the movies.
        folder: Folder of the experiment, which keeps them.
        name: "train", "valid" or "test".
        seed: Seed of the cells.
        images: Kind of images; None for that of the budget.
    """
    kind = images or budget.images
    path = folder.path / "movies" / f"{kind}-{name}-{seed}.npz"
    return movies.load(path, name, seed, budget.recipe(kind))


def run(cell: Cell, budget: Budget, folder: RunFolder, *, progress: bool = True) -> dict[str, Any]:
    """Return the results of a cell.

    Args:
        cell: The cell.
        budget: Sizes of movies and training.
        folder: Folder of the experiment.
        progress: Whether progress bars are shown.
    """
    began = time.perf_counter()
    data = split(budget, folder, "train", cell.seed)
    layer = training.train(cell, budget, data, layer_file(folder, cell), progress=progress)
    trained = time.perf_counter() - began
    weight = layer.synapse.weight
    result: dict[str, Any] = {
        **cell._asdict(), "weights": int((weight != 0).sum()), "training seconds": round(trained, 1),
    }  # fmt: skip
    for name in ("valid", "test"):
        result[name] = _accuracies(layer, cell, budget, split(budget, folder, name, cell.seed))
    if cell.model not in CONTROLS:
        result |= _further(layer, cell, budget, folder)
    return result | {"seconds": round(time.perf_counter() - began, 1)}


def _accuracies(layer: LogisticConv, cell: Cell, budget: Budget, data: Movies) -> dict[str, Any]:
    """Return the accuracy of each step and by all evidence, from the first step and once all delays have input."""
    view = training.model_input(cell, data.events, torch.Generator().manual_seed(cell.seed))
    logs = measures.decide(layer, view)
    single, summed = measures.accuracies(logs, data.label)
    before = budget.max_delay
    late = measures.decide(layer, view, before=before)
    late_single, late_summed = measures.accuracies(late, data.label, before=before)
    step = float(np.mean(late_single))
    # evidence of a motion is none for the next one
    evidence = late_summed[-1] if budget.segment is None else step
    return {"by step": single, "by evidence": summed, "step": step, "evidence": evidence}


def _further(layer: LogisticConv, cell: Cell, budget: Budget, folder: RunFolder) -> dict[str, Any]:
    """Return pruning, shortening, generalization and tuning of a layer that reads time."""
    test = split(budget, folder, "test", cell.seed)
    result: dict[str, Any] = {"generalization": measures.generalization(layer, test)}
    for kind in TEXTURES:
        result["generalization"][kind] = measures.accuracy(layer, split(budget, folder, "test", cell.seed, kind))
    if cell.model in SPARSE:
        return result
    pruned = measures.pruning(layer, test, SHARES)
    chance = 1 / budget.recipe().motions.count
    result |= {"pruning": pruned, "half-saturation": measures.half_saturation(pruned, chance)}
    result["shortening"] = measures.shortening(layer, test)
    return result | {"tuning": tuning.curves(layer, budget, seed=cell.seed)}
