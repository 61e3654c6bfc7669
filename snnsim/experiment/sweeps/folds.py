"""The protocol of an honest result: leave speakers out, choose the number of epochs, and train on all recordings.

    epochs = median over folds and seeds of the best epoch by validation
    refit    the complete training file, schedules as before, and the state after that number of epochs

The test recordings are read by no step; `snnsim evaluate FOLDER --split test` evaluates the refitted networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import mean, median
from typing import Any, Literal

import numpy as np

from snnsim.config import Config
from snnsim.experiment import datasets, own_data, train_run
from snnsim.experiment.sweeps import summary
from snnsim.experiment.sweeps.planned import Group, PlannedRun
from snnsim.experiment.sweeps.process import Outcome
from snnsim.experiment.sweeps.workers import Task, work
from snnsim.files import write_json
from snnsim.training import lock
from snnsim.training.signals import Stopped
from snnsim.untrusted import read_json
from snnsim.validation import shown

Folds = int | Literal["speakers"]
FOLDS, REFIT, SEEDS = "folds", "refit", "seeds"
"""Names of the groups."""
_PLAN, _CHOICE = "plan.json", "choice.json"
_SPLIT: dict[str, object] = {"data.folds": None, "data.fold": 0, "data.validate": True}
"""The standard split."""


@dataclass(frozen=True)
class Plan:
    """How many runs a protocol has."""

    folds: Folds | None
    """Number of folds, or "speakers" to leave out one speaker at a time; None for the standard split, without refit."""
    seeds: int = 1
    fold_seeds: int | None = None
    """Seeds of each fold; None for `seeds`."""


class Fixed(Task):
    """A list of runs.

    Args:
        group: The runs.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self._left = list(group.runs)
        self._state: dict[str, str] = {}

    def next(self) -> PlannedRun | None:
        """Return the next run that is not finished."""
        while self._left:
            run = self._left.pop(0)
            if run.result is None:
                self._state[run.name] = "running"
                return run
        return None

    def settle(self, run: PlannedRun, outcome: Outcome) -> None:
        """Note how a run ended.

        Args:
            run: The run.
            outcome: How it ended.
        """
        self._state[run.name] = outcome.state

    def table(self) -> list[str]:
        """Return the state of all runs as lines."""
        return summary.of_runs(self.group, self._state)


def train(
    target: str, values: Mapping[str, object], plan: Plan, *, output: Path | None, jobs: int, device: str
) -> Path:
    """Train the folds and seeds of a plan, choose the number of epochs, refit, and return the folder.

    A call with the same output goes on after a stop; with more seeds, it adds the missing runs.

    Args:
        target: A preset, a TOML file, or the folder of a run.
        values: New values of the config by dotted names.
        plan: How many runs there are.
        output: Folder of the groups of runs; None is a new folder in RUNS.
        jobs: Number of trainings at a time.
        device: Device of the trainings, or "auto".

    Raises:
        ValueError: If the folder has another plan, runs failed, or a value is one that the folds set.
    """
    if plan.folds is not None:
        _check_split(values)
    config = own_data.resolved(unsplit(train_run.config_of(target)).with_values(values))
    folds = None if plan.folds is None else number_of(config, plan.folds)
    if folds is not None:
        # a config that cannot be refitted is an error before the first fold
        config.with_values(_refit_values(config.training.epochs))
    folder = output or lock.new_folder(train_run.RUNS, f"{config.name}-{datetime.now():%Y%m%d-%H%M%S}")
    _begin(folder, config, folds)
    first = config.training.seed
    count = plan.seeds if folds is None or plan.fold_seeds is None else plan.fold_seeds
    seeds = tuple(range(first, first + count))
    trained = _carried_out(
        Group.of(folder / (SEEDS if folds is None else FOLDS), "", config, seeds=seeds, folds=folds), jobs, device
    )
    if folds is not None:
        refitted = config.with_values(_refit(trained, folder))
        seeds = tuple(range(first, first + plan.seeds))
        _carried_out(Group.of(folder / REFIT, "", refitted, seeds=seeds, folds=None), jobs, device)
    return folder


def _check_split(values: Mapping[str, object]) -> None:
    """Check that values leave the split to the folds.

    Raises:
        ValueError: If one of them is of the split.
    """
    taken = [name for name in _SPLIT if name in values]
    if taken:
        raise ValueError(f"--folds sets {taken[0]} for each of its runs; leave it out, or train without --folds")


def unsplit(config: Config) -> Config:
    """Return a config, such as that of a run of a fold, with the standard split; that of a refit gets all its epochs.

    Args:
        config: The config.
    """
    epochs = config.training.stop_after if config.data.validate else None
    return config.with_values({**_SPLIT, "training.stop_after": epochs})


def number_of(config: Config, folds: Folds) -> int:
    """Return the number of folds.

    Args:
        config: The config of a run.
        folds: The number, or "speakers" for one fold for each speaker of the training file.

    Raises:
        ValueError: If the training file names no speakers, or fewer than folds.
    """
    config = own_data.resolved(config)
    pool = datasets.training_pool(config)
    speakers = np.unique(pool.binned.speaker[pool.indices])
    known = len(speakers) > 1 and speakers[0] >= 0
    if folds == "speakers" and not known:
        raise ValueError(
            f"folds by speaker need a training file that names two speakers or more, and that of {config.data.name} "
            "does not; take a number of folds, which then have equal shares of each class"
        )
    number = len(speakers) if folds == "speakers" else folds
    # the split of the last fold fails if there are too few speakers or recordings
    datasets.load_splits(config.with_values({"data.folds": number, "data.fold": number - 1}), "train")
    return number


def _begin(folder: Path, config: Config, folds: int | None) -> None:
    """Write the plan of a folder, or compare it.

    Raises:
        ValueError: If the folder has another plan.
        FileExistsError: If the folder is that of a run.
    """
    file = folder / _PLAN
    if (folder / "config.toml").exists():
        raise FileExistsError(f"{folder} is the folder of a run; choose another --output-dir for folds and seeds")
    if not file.is_file():
        write_json(file, {"config": config.to_toml(), "folds": folds})
        return
    before = read_json(file)
    if Config.from_toml(before["config"], str(file)) != config or before["folds"] != folds:
        raise ValueError(
            f"{folder} has runs with another config, or with {shown(before['folds'])} folds; repeat its command to go "
            "on, or choose another --output-dir"
        )


def _carried_out(group: Group, jobs: int, device: str) -> Group:
    """Train the runs of a group that are not finished.

    Raises:
        ValueError: If a run has no result afterwards.
        Stopped: If a signal stopped the trainings.
    """
    group.write({})
    # without --output-dir, the same command would begin in a new folder
    advice = f"the same command with --output-dir {group.path.parent} goes on"
    try:
        troubles = work(Fixed(group), jobs=jobs, device=device)
    except Stopped as stop:
        raise Stopped(str(stop), advice=advice) from None
    missing = [run.name for run in group.runs if run.result is None]
    if missing:
        reasons = "; ".join([*troubles.own, *troubles.elsewhere]) or "they were stopped"
        raise ValueError(
            f"{group.path}: {len(missing)} of {len(group.runs)} runs are not finished ({reasons}); {advice}"
        )
    return group


def _refit(trained: Group, folder: Path) -> dict[str, object]:
    """Return the values of the config to refit with, and write the choice of the number of epochs.

    A choice that a refit has begun with stays, so that all refitted networks have the same number of epochs.
    """
    file = folder / _CHOICE
    if file.is_file() and any((folder / REFIT).glob("*/config.toml")):
        return _refit_values(read_json(file)["epochs"])
    results: list[dict[str, Any]] = trained.results
    best = [result["best_epoch"] for result in results]
    # a half is rounded up
    epochs = int(median(best) + 0.5)
    metrics = {name for result in results for name in result if name.startswith("valid_")}
    # a metric may be undefined in a fold, such as R² of numbers that are all the same
    defined = [name for name in sorted(metrics) if all(result.get(name) is not None for result in results)]
    means = {name: mean(result[name] for result in results) for name in defined}
    write_json(file, {"epochs": epochs, "best_epochs": best, **means})
    return _refit_values(epochs)


def _refit_values(epochs: int) -> dict[str, object]:
    return {"data.validate": False, "training.patience": 0, "training.stop_after": epochs}
