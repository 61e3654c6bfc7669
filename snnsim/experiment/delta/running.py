"""The experiment, cell by cell; every finished cell is a file, so that a stopped experiment can be continued.

The value of a method is chosen by validation recordings (reporting.py); the test recordings are evaluated for every
cell, as the curves show them, and choose nothing.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from snnsim.data import video_clips
from snnsim.delta.trace import rows
from snnsim.experiment.cells import Settings, run_all
from snnsim.experiment.delta import learners, reporting, tasks
from snnsim.experiment.delta.networks import network
from snnsim.experiment.delta.settings import POST_HOC, Budget, Cell, cells
from snnsim.experiment.delta.tasks import Task
from snnsim.files import written_whole
from snnsim.training.run_folder import RunFolder

SMALLEST_STEP = 1e-6
"""Step of the dense network's counts, in units of the root mean square: a change of any size is an event."""


def reproduce(budget: Budget, output: Path, *, progress: bool = True) -> Path:
    """Run all cells without a file, write the table, CSV and figures, and return the folder.

    Args:
        budget: Cells and their costs.
        output: Folder of the experiment.
        progress: Whether a progress bar is shown.
    """
    folder = RunFolder(output)
    if budget.clips:
        # before the settings are written, as the folder belongs to them from then on
        video_clips.require_installed()
    # cells of one task and seed have the same recordings, which are drawn once
    drawn: dict[tuple[str, int], Task] = {}

    def result(cell: Cell) -> dict[str, Any]:
        key = cell.task, cell.seed
        if key not in drawn:
            drawn.clear()
            drawn[key] = tasks.make(cell.task, budget, cell.seed)
        return run(cell, drawn[key], budget, folder)

    # other seeds, tasks, methods and values only add cells
    settings = Settings(asdict(budget), free=("seeds", "tasks", "methods", "steps", "rates"))
    rows = run_all(folder, cells(budget), result, settings, progress=progress)
    reporting.write(folder, rows)
    return folder.path


def run(cell: Cell, task: Task, budget: Budget, folder: RunFolder) -> dict[str, Any]:
    """Return the result of a cell: accuracies and counts of validation and test recordings.

    Args:
        cell: The cell.
        task: The recordings of its task and seed.
        budget: Cells and their costs.
        folder: Folder of the experiment, which keeps the weights of dense networks.
    """
    began = time.perf_counter()
    if cell.method == "dense":
        first, last = learners.dense(task, cell, budget)
        _save(folder, cell, {"first": first.state_dict(), "last": last.state_dict()})
        coded = learners.post_hoc(last, task, SMALLEST_STEP)
    elif cell.method == POST_HOC:
        coded = learners.post_hoc(_dense(folder, cell, task, "last"), task, cell.value)
    else:
        coded = learners.tuned(_dense(folder, cell, task, "first"), task, cell, budget)
    parts = {"valid": task.valid, "test": task.test, **task.probes}
    evaluations = {name: learners.Evaluation(coded, task, part) for name, part in parts.items()}
    return {
        **cell._asdict(),
        "accuracy": {name: each.accuracy for name, each in evaluations.items() if name not in task.probes},
        "counts": {name: rows(each.counts) for name, each in evaluations.items()},
        "still": {name: each.still for name, each in evaluations.items()},
        "steps": {name: float(step.mean()) for name, step in coded.steps().items()},
        "seconds": round(time.perf_counter() - began, 3),
    }


def _dense(folder: RunFolder, cell: Cell, task: Task, name: str) -> nn.Module:
    model = network(cell.task, sum(task.classes.values()), cell.seed)
    path = _file(folder, Cell(cell.task, "dense", 0.0, cell.seed), "pt")
    model.load_state_dict(torch.load(path, weights_only=True)[name])
    return model


def _save(folder: RunFolder, cell: Cell, states: dict[str, Any]) -> None:
    with written_whole(_file(folder, cell, "pt")) as partial:
        torch.save(states, partial)


def _file(folder: RunFolder, cell: Cell, suffix: str) -> Path:
    return folder.path / "cells" / f"{cell.name()}.{suffix}"
