"""Sweeps without processes of their own: trainings in the process of the test, or none at all."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from snnsim import experiment
from snnsim.experiment.sweeps import process
from snnsim.experiment.sweeps.planned import PlannedRun
from snnsim.experiment.sweeps.process import Outcome, Watch
from snnsim.files import write_json


def write_spec(folder: Path, **values: Any) -> Path:
    """Write a spec with the folder FOLDER/sweep, and return its path."""
    path = folder / "spec.toml"
    lines = [f"{name} = {value}" for name, value in ({"folder": json.dumps(str(folder / "sweep"))} | values).items()]
    path.write_text("\n".join(lines))
    return path


def inline(table: Mapping[str, Any]) -> str:
    """Return a table as TOML on one line."""
    return "{" + ", ".join(f"{json.dumps(name)} = {_value(value)}" for name, value in table.items()) + "}"


def _value(value: Any) -> str:
    return inline(value) if isinstance(value, Mapping) else json.dumps(list(value) if type(value) is tuple else value)


def train_in_process(monkeypatch) -> list[PlannedRun]:
    """Let sweeps train in the process of the test; return the list that the runs are added to."""
    runs: list[PlannedRun] = []

    def trained(run: PlannedRun, watch: Watch) -> Outcome:
        runs.append(run)
        begun = run.folder.config.is_file()
        try:
            if begun:
                experiment.train(str(run.folder.path), {}, resume="auto", device="cpu")
            else:
                experiment.train(str(run.beside(".toml")), {}, output=run.folder.path, device="cpu")
        except ValueError as error:
            return Outcome("failed", str(error))
        process._Metrics(run, watch).pruned()
        return Outcome("finished")

    monkeypatch.setattr(process, "_trained", trained)
    return runs


def pretend(monkeypatch, result: Callable[[PlannedRun], list[float]]) -> list[PlannedRun]:
    """Let sweeps train nothing: a run has the validation accuracies that a function returns, or its error.

    Returns:
        The list that the runs are added to.
    """
    runs: list[PlannedRun] = []

    def carried_out(run: PlannedRun, watch: Watch) -> Outcome:
        runs.append(run)
        try:
            accuracies = result(run)
        except ValueError as error:
            return Outcome("failed", str(error))
        except ProcessLookupError:
            return Outcome("killed", "the training ended by signal 9")
        for epochs in range(1, len(accuracies) + 1):
            if watch.prune([{"valid_accuracy": accuracy} for accuracy in accuracies[:epochs]]):
                return Outcome("pruned")
        facts = {"seed": run.seed, "fold": run.fold, "epochs": len(accuracies), "best_epoch": 1}
        write_json(run.beside(".result.json"), facts | {"valid_accuracy": max(accuracies)})
        return Outcome("finished")

    monkeypatch.setattr("snnsim.experiment.sweeps.workers.carry_out", carried_out)
    return runs
