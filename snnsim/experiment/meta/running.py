"""Cell by cell, each written whole when it is done, so that an experiment that was killed goes on where it was.

Of the trials of a cell each decision takes the one that is best on validation data, the first of equals, and reads the
test split for that one alone.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
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
    """Run all cells that are not there yet, write the table, CSV and figure, and return the folder."""
    folder, wanted = RunFolder(output), cells(budget)
    _check_same(folder, budget)
    left = [cell for cell in wanted if not _file(folder, cell).is_file()]
    # cells of one source and seed have the same recordings, which are drawn once
    made: dict[tuple[str, int], Task] = {}
    bar = tqdm(
        left, initial=len(wanted) - len(left), total=len(wanted), unit="cell", disable=None if progress else True
    )
    for cell in bar:
        bar.set_postfix_str(cell.name())
        key = cell.source, cell.seed
        if key not in made:
            made = {key: tasks.make(cell.source, (budget.train, budget.valid, budget.test), cell.seed)}
        folder.write_json(_file(folder, cell), run(cell, made[key], budget))
    rows = [json.loads(_file(folder, cell).read_text(encoding="utf-8")) for cell in wanted]
    reporting.write(folder, rows)
    return folder.path


def run(cell: Cell, task: Task, budget: Budget) -> dict[str, Any]:
    """Return what a cell came to: of each decision the validation and test accuracy, and the trial."""
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
    """Return the decisions about a layer's trains, fitted on training data, and the rule's own if it has one."""
    sent, found = learned.trains(task.train), {}
    for kind in DECISIONS[:2]:
        fitted = classify.decider("logistic").fit(classify.features(sent, kind), task.train.label)

        def predict(part: Part, kind: str = kind, fitted: Any = fitted) -> np.ndarray:
            return fitted.predict(classify.features(learned.trains(part), kind))

        found[kind] = predict
    if learned.own is not None:
        found["own"] = learned.own
    return found


def _accuracy(predict: Predict, part: Part) -> float:
    return float((predict(part) == part.label).mean())


def _file(folder: RunFolder, cell: Cell) -> Path:
    return folder.path / "cells" / f"{cell.name()}.json"


def _check_same(folder: RunFolder, budget: Budget) -> None:
    """Write the settings of a folder, or raise if it has others already."""
    path, wanted = folder.path / "settings.json", json.loads(json.dumps(asdict(budget)))
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"budget": wanted, **environment(0)}
    # more seeds of the same are more of the same cells
    other = [name for name in wanted if name != "seeds" and kept["budget"].get(name) != wanted[name]]
    if other:
        raise ValueError(
            f"reproduce: {folder.path} holds an experiment with other {', '.join(other)}; take these again, or choose "
            "another --output-dir"
        )
    folder.write_json(path, {**kept, "budget": wanted})
