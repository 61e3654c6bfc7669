"""The experiment, cell by cell; every finished cell is a file, so that a stopped experiment can be continued.

The value of a method is chosen by validation recordings (reporting.py); the test recordings are evaluated for every
cell, as the curves show them, and choose nothing.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from snnsim.delta.trace import rows
from snnsim.experiment.delta import learners, reporting, tasks
from snnsim.experiment.delta.networks import network
from snnsim.experiment.delta.settings import POST_HOC, Budget, Cell, cells
from snnsim.experiment.delta.tasks import Task
from snnsim.files import written_whole
from snnsim.training.run_folder import RunFolder, environment

SMALLEST_STEP = 1e-6
"""Step of the dense network's counts, in units of the root mean square: a change of any size is an event."""


def reproduce(budget: Budget, output: Path, *, progress: bool = True) -> Path:
    """Run all cells without a file, write the table, CSV and figures, and return the folder.

    Args:
        budget: Cells and their costs.
        output: Folder of the experiment.
        progress: Whether a progress bar is shown.
    """
    folder, all_cells = RunFolder(output), cells(budget)
    _check_same(folder, budget)
    remaining = [cell for cell in all_cells if not _file(folder, cell, "json").is_file()]
    # cells of one task and seed have the same recordings, which are drawn once
    drawn: dict[tuple[str, int], Task] = {}
    bar = tqdm(
        remaining,
        initial=len(all_cells) - len(remaining),
        total=len(all_cells),
        unit="cell",
        disable=None if progress else True,
    )
    for cell in bar:
        bar.set_postfix_str(cell.name())
        key = cell.task, cell.seed
        if key not in drawn:
            drawn = {key: tasks.make(cell.task, budget, cell.seed)}
        folder.write_json(_file(folder, cell, "json"), run(cell, drawn[key], budget, folder))
    results = [json.loads(_file(folder, cell, "json").read_text(encoding="utf-8")) for cell in all_cells]
    reporting.write(folder, results)
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


def _check_same(folder: RunFolder, budget: Budget) -> None:
    """Write the settings of a folder.

    Raises:
        ValueError: If the folder has other settings already.
    """
    path, settings = folder.path / "settings.json", json.loads(json.dumps(asdict(budget)))
    saved = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"budget": settings, **environment(0)}
    # other seeds, tasks, methods and values only add cells
    adding = ("seeds", "tasks", "methods", "steps", "rates")
    other = [name for name in settings if name not in adding and saved["budget"].get(name) != settings[name]]
    if other:
        raise ValueError(
            f"reproduce: {folder.path} holds an experiment with other {', '.join(other)}; take these again, or choose "
            "another --output-dir"
        )
    folder.write_json(path, {**saved, "budget": settings})
