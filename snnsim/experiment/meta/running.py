"""The experiment, cell by cell; every finished cell is a file, so that a killed experiment can be continued.

Each decision takes the trial of a cell that is best on validation data, the first one among equals, and reads the test
split for that trial alone.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from snnsim.analysis import classify
from snnsim.experiment.meta import reporting, tasks
from snnsim.experiment.meta.learners import LEARNERS, Choice, Learned
from snnsim.experiment.meta.settings import DECISIONS, Budget, Cell, Trial, cells, trials
from snnsim.experiment.meta.tasks import Part, Task
from snnsim.training.run_folder import RunFolder, environment

Predict = Callable[[Part], np.ndarray]


def reproduce(budget: Budget, output: Path, *, progress: bool = True) -> Path:
    """Run all cells without a file, write the table, CSV and figure, and return the folder.

    Args:
        budget: Cells and their costs.
        output: Folder of the experiment.
        progress: Whether a progress bar is shown.
    """
    folder, all_cells = RunFolder(output), cells(budget)
    check_same(folder, asdict(budget))
    remaining = [cell for cell in all_cells if not _file(folder, cell).is_file()]
    # cells of one source and seed have the same recordings, which are drawn once
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
        key = cell.source, cell.seed
        if key not in drawn:
            drawn = {key: tasks.make(cell.source, (budget.train, budget.valid, budget.test), cell.seed)}
        folder.write_json(_file(folder, cell), run(cell, drawn[key], budget))
    rows = [json.loads(_file(folder, cell).read_text(encoding="utf-8")) for cell in all_cells]
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


def _file(folder: RunFolder, cell: Cell) -> Path:
    return folder.path / "cells" / f"{cell.name()}.json"


def check_same(folder: RunFolder, budget: Mapping[str, Any]) -> None:
    """Write the settings of a folder of cells.

    Args:
        folder: Folder of the experiment.
        budget: Settings by name; another number of "seeds" only adds cells.

    Raises:
        ValueError: If the folder has other settings already.
    """
    path, settings = folder.path / "settings.json", json.loads(json.dumps(budget))
    saved = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"budget": settings, **environment(0)}
    other = [name for name in settings if name != "seeds" and saved["budget"].get(name) != settings[name]]
    if other:
        raise ValueError(
            f"reproduce: {folder.path} holds an experiment with other {', '.join(other)}; take these again, or choose "
            "another --output-dir"
        )
    folder.write_json(path, {**saved, "budget": settings})
