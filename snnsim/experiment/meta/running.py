"""The experiment, cell by cell.

Each decision takes the trial of a cell that is best on validation data, the first one among equals, and reads the test
split for that trial alone.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.analysis import classify
from snnsim.experiment.cells import Settings, run_all
from snnsim.experiment.meta import reporting, tasks
from snnsim.experiment.meta.learners import LEARNERS, Choice, Learned
from snnsim.experiment.meta.settings import DECISIONS, Budget, Cell, Trial, cells, trials
from snnsim.experiment.meta.tasks import Part, Task
from snnsim.training.run_folder import RunFolder

Predict = Callable[[Part], np.ndarray]


def reproduce(budget: Budget, output: Path, *, progress: bool = True) -> Path:
    """Run all cells without a file, write the table, CSV and figure, and return the folder.

    Args:
        budget: Cells and their costs.
        output: Folder of the experiment.
        progress: Whether a progress bar is shown.
    """
    folder = RunFolder(output)
    # cells of one source and seed have the same recordings, which are drawn once
    drawn: dict[tuple[str, int], Task] = {}

    def result(cell: Cell) -> dict[str, Any]:
        key = cell.source, cell.seed
        if key not in drawn:
            drawn.clear()
            drawn[key] = tasks.make(cell.source, (budget.train, budget.valid, budget.test), cell.seed)
        return run(cell, drawn[key], budget)

    # another number of seeds only adds cells
    settings = Settings(asdict(budget), free=("seeds",))
    rows = run_all(folder, cells(budget), result, settings, progress=progress)
    reporting.write(folder, rows)
    return folder.path


def run(cell: Cell, task: Task, budget: Budget) -> dict[str, Any]:
    """Return the result of a cell: of each decision the validation and test accuracy, and the trial.

    Args:
        cell: The cell.
        task: The recordings of its source and seed.
        budget: Cells and their costs.
    """
    began = time.perf_counter()
    best: dict[str, tuple[float, int, Predict]] = {}
    chosen = trials(budget, cell.seed)
    for number, trial in enumerate(chosen if cell.rule != "none" else chosen[:1]):
        learned = _learned(cell, task, trial, budget)
        for decision, predict in _predictors(learned, task).items():
            valid = _accuracy(predict, task.valid)
            if decision not in best or valid > best[decision][0]:
                best[decision] = valid, number, predict
    return {
        **cell._asdict(),
        "decisions": {
            decision: {"valid": valid, "test": _accuracy(predict, task.test), "trial": chosen[number]._asdict()}
            for decision, (valid, number, predict) in best.items()
        },
        "seconds": round(time.perf_counter() - began, 3),
    }


def _learned(cell: Cell, task: Task, trial: Trial, budget: Budget) -> Learned:
    if cell.rule == "none":
        return Learned(lambda part: part.spikes > 0, None)
    return LEARNERS[cell.rule](task, Choice(cell.neuron, cell.learned, trial, cell.seed), budget)


def _predictors(learned: Learned, task: Task) -> dict[str, Predict]:
    """Return decisions about a layer's trains, fitted on training data, and that of the rule itself if there is one."""
    trains = learned.trains(task.train)
    predictors: dict[str, Predict] = {}
    for kind in DECISIONS[:2]:
        fitted = classify.decider("logistic").fit(classify.features(trains, kind), task.train.label)
        predictors[kind] = partial(_predict, learned, kind, fitted)
    if learned.own is not None:
        predictors["own"] = learned.own
    return predictors


def _predict(learned: Learned, kind: str, fitted: Any, part: Part) -> np.ndarray:
    return np.asarray(fitted.predict(classify.features(learned.trains(part), kind)))


def _accuracy(predict: Predict, part: Part) -> float:
    return float((predict(part) == part.label).mean())
