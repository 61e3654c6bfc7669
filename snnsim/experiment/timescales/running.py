"""The experiment, cell by cell: training along a curriculum, measurements of the networks, table, CSV and figures.

A killed training goes on from its last epoch, and more epochs go on from where a cell ended.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from snnsim.experiment.cells import Settings, run_all
from snnsim.experiment.timescales import measuring, reporting, training
from snnsim.experiment.timescales.settings import Budget, Cell, cells
from snnsim.training.run_folder import RunFolder

FREE = ("curricula", "learned", "seeds", "epochs", "measured", "target")
"""Settings that may change in a folder: they add cells, epochs and measurements."""


def reproduce(budget: Budget, output: Path, *, progress: bool = True) -> Path:
    """Run all cells that are not complete, write the table, CSV files and figures, and return the folder.

    Args:
        budget: Cells and their costs.
        output: Folder of the experiment.
        progress: Whether a progress bar is shown.
    """
    folder = RunFolder(output)
    rows = run_all(
        folder,
        cells(budget),
        lambda cell: run(cell, budget, folder),
        Settings(asdict(budget), FREE),
        is_complete=lambda row: row["finished"] or row["epochs"] >= budget.epochs,
        progress=progress,
    )
    reporting.write(folder, rows)
    return folder.path


def run(cell: Cell, budget: Budget, folder: RunFolder) -> dict[str, Any]:
    """Return the result of a cell: its history, and the measurements of its networks.

    Args:
        cell: The cell.
        budget: Cells and their costs.
        folder: Folder of the experiment.
    """
    own = folder.path / "cells" / cell.name()
    course = training.train(cell, budget, own)
    largest = course.progress.passed
    levels = sorted({level for level in (*budget.measured, largest or 0) if (own / f"passed-{level}.pt").is_file()})
    return {
        **cell._asdict(),
        "delays": budget.delays,
        "epochs": len(course.history),
        "finished": course.progress.finished,
        "passed": largest,
        "history": course.history,
        "measured": [_measured(cell, budget, folder, level) for level in levels],
        "beyond": None if largest is None else _beyond(cell, budget, folder, largest),
    }


def _measured(cell: Cell, budget: Budget, folder: RunFolder, level: int) -> dict[str, Any]:
    """Return the measurements at a level, from their file if there is one."""
    own = folder.path / "cells" / cell.name()
    path = own / f"measured-{level}.json"
    if not path.is_file():
        network = training.network(cell, budget, own / f"passed-{level}.pt")
        folder.write_json(path, measuring.measure(network, cell, budget, level))
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def _beyond(cell: Cell, budget: Budget, folder: RunFolder, level: int) -> dict[str, Any]:
    """Return the accuracies at larger N after a training with a new head, from their file if there is one."""
    own = folder.path / "cells" / cell.name()
    path = own / f"beyond-{level}.json"
    if not path.is_file():
        network = training.network(cell, budget, own / f"passed-{level}.pt")
        accuracy = measuring.retrained(network, cell, budget, level, budget.retrained)
        folder.write_json(path, {"level": level, "epochs": budget.retrained, "accuracy": accuracy})
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result
