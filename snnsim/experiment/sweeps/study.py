"""The study of a sweep: an Optuna study in one file, which any number of processes and machines share.

FOLDER/journal.log   the trials, as Optuna's journal
FOLDER/sweep.json    name and objectives
FOLDER/trial-0000/   the runs of a trial, see planned.py

All trials exist from the beginning as waiting ones: those of a grid with their values, the others without. A worker
that begins a trial takes it from the waiting ones, so no trial is begun twice, and their number is that of the spec.
The sampler of a trial is seeded by (seed, number of the trial), so an interrupted sweep draws the same values.

Source   Optuna: Akiba, Sano, Yanase, Ohta, Koyama 2019, KDD
"""

import copy
import math
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import mean
from typing import Any

from snnsim.config import Config
from snnsim.experiment.sweeps import sampling, spec
from snnsim.experiment.sweeps.planned import Group
from snnsim.experiment.sweeps.space import VARIANT
from snnsim.experiment.sweeps.spec import Objective, Spec
from snnsim.training import lock

NAME = "sweep"
"""Name of the study in its file."""
AGAIN = "trial {} is tried again"
"""Attribute of a study whose failed trial has another one in its place."""
_ASK_S = 120.0
"""Seconds that a worker waits for others to take a trial."""


@contextmanager
def asking(folder: Path) -> Iterator[None]:
    """Hold the right to take a trial, which one worker has at a time, for the duration of the block.

    Args:
        folder: Folder of the study.

    Raises:
        Held: If another worker has it for too long.
    """
    end = time.monotonic() + _ASK_S
    while True:
        held = lock.held(folder / "asking", say=lambda _: None)
        try:
            held.__enter__()
            break
        except lock.Held:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
    try:
        yield
    finally:
        held.__exit__(None, None, None)


@contextmanager
def _first_end_counts() -> Iterator[None]:
    """Leave a trial as it is if another worker has just ended it, which Optuna would report as an error.

    The workers that carry out the last two runs of a trial may end the trial at the same time.
    """
    with suppress(sampling.optuna().exceptions.UpdateFinishedTrialError):
        yield


def enqueue(study: Any, point: Mapping[str, Any]) -> None:
    """Add a waiting trial.

    Args:
        study: The study of Optuna.
        point: Values of the parameters as Optuna stores them; without values, the sampler draws them.
    """
    study.enqueue_trial(dict(point), user_attrs={"point": dict(point)})


class Study:
    """The study of a spec.

    Args:
        spec: The spec; values of its configs are those of the beginning of the study.
        study: The study of Optuna.
        storage: Its storage.
    """

    def __init__(self, spec: Spec, study: Any, storage: Any) -> None:
        self.spec, self.optuna, self.storage = spec, study, storage
        attributes = study.user_attrs
        self.folds: int | None = attributes["folds"]
        self._groups: dict[int, Group] = {}
        self.rows: dict[int, list[str]] = {}
        """Rows of a table of the finished trials."""
        self.bases = {name: Config.from_toml(text, "the study") for name, text in attributes["bases"].items()}
        epochs = spec.parameters.get("training.epochs")
        self.epochs = max([base.training.epochs for base in self.bases.values()] if epochs is None else epochs.extremes)
        """Most epochs of a run, of any trial."""

    def trials(self, *states: str) -> list[Any]:
        """Return the trials in the order of their numbers, those in other states left out; without states, all.

        Args:
            *states: Names of states, such as "RUNNING".
        """
        trials: list[Any] = self.optuna.get_trials(deepcopy=False)
        return [trial for trial in trials if not states or trial.state.name in states]

    def group(self, trial: Any) -> Group:
        """Return the runs of a trial that has all its values.

        Args:
            trial: The trial of Optuna.
        """
        if trial.number not in self._groups:
            self._groups[trial.number] = self._group(trial)
        return self._groups[trial.number]

    def _group(self, trial: Any) -> Group:
        values = self.values(trial)
        own = {name: value for name, value in values.items() if name != VARIANT}
        config = self.bases[values.get(VARIANT, "")].with_values(own)
        return Group.of(
            self.folder(trial.number), spec.labeled(values), config, seeds=self.spec.seeds, folds=self.folds
        )

    def folder(self, number: int) -> Path:
        """Return the folder of a trial.

        Args:
            number: Number of the trial.
        """
        return self.spec.folder / f"trial-{number:04d}"

    def values(self, trial: Any) -> dict[str, Any]:
        """Return the values of a trial's parameters; those of a trial that waits are known for a grid alone.

        Args:
            trial: The trial of Optuna.
        """
        stored = trial.params or trial.user_attrs.get("point", {})
        return {name: one.decoded(stored[name]) for name, one in self.spec.parameters.items() if name in stored}

    def begin(self) -> Group | None:
        """Take the next waiting trial, and return its runs; None if no trial waits. The caller has `asking`.

        Raises:
            ValueError: If the folder of the trial is that of another sweep.
        """
        waiting = self.trials("WAITING")
        if not waiting:
            return None
        folder = self.folder(waiting[0].number)
        if folder.exists():
            raise ValueError(f"{folder} is of another sweep, whose journal.log is gone; choose another folder or name")
        self.optuna.sampler = sampling.sampler(self.spec, waiting[0].number)
        distributions = {name: sampling.distribution(one) for name, one in self.spec.parameters.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            number = self.optuna.ask(distributions).number
        return self.recorded(self.trials()[number])

    def recorded(self, trial: Any) -> Group:
        """Return the runs of a trial after their configs and the record of the trial were written.

        Args:
            trial: The trial of Optuna.
        """
        group = self.group(trial)
        if not group.is_written:
            group.write({"values": self.values(trial)})
        return group

    def renew(self, trial: Any) -> None:
        """Replace a trial whose worker was killed before it had all values.

        Args:
            trial: The trial of Optuna.
        """
        self.optuna.tell(trial.number, state=sampling.optuna().trial.TrialState.FAIL)
        enqueue(self.optuna, trial.user_attrs.get("point", {}))

    def retry(self) -> int:
        """Let the trials that failed be tried again, as new trials, and return their number."""
        with asking(self.spec.folder):
            failed = [trial for trial in self.trials("FAIL") if "error" in trial.user_attrs]
            untried = [trial for trial in failed if AGAIN.format(trial.number) not in self.optuna.user_attrs]
            for trial in untried:
                self.optuna.set_user_attr(AGAIN.format(trial.number), True)
                enqueue(self.optuna, trial.params)
        return len(untried)

    def finish(self, group: Group, number: int) -> None:
        """Note the mean results of a trial whose runs are all finished; one without a number has failed.

        Args:
            group: The runs of the trial.
            number: Number of the trial.
        """
        values = [mean_of(objective, group) for objective in self.spec.objectives]
        undefined = [one.name for one, value in zip(self.spec.objectives, values, strict=True) if math.isnan(value)]
        if undefined:
            self.end(number, error=f"the objective {undefined[0]} is no number in the best epoch of a run")
            return
        with _first_end_counts():
            self.optuna.tell(number, values, skip_if_finished=True)

    def identifier(self, number: int) -> int:
        """Return the number of a trial in its storage.

        Args:
            number: Number of the trial.
        """
        study = self.storage.get_study_id_from_name(NAME)
        return int(self.storage.get_trial_id_from_study_id_trial_number(study, number))

    def report(self, number: int, values: Mapping[int, float]) -> bool:
        """Report intermediate values by their steps, and return whether the trial is to be pruned, or has ended.

        Args:
            number: Number of the trial.
            values: Values by steps, those that were reported before included.
        """
        identifier = self.identifier(number)
        trial = self.storage.get_trial(identifier)
        if trial.state.is_finished():
            return True
        for step, value in values.items():
            if step in trial.intermediate_values:
                continue
            with _first_end_counts():
                self.storage.set_trial_intermediate_value(identifier, step, value)
            trial = self.storage.get_trial(identifier)
            if trial.state.is_finished():
                return True
            # Optuna would take the best value of all steps, which may be one of an earlier run
            single = copy.copy(trial)
            single.intermediate_values = {step: value}
            if self.optuna.pruner.prune(self.optuna, single):
                return True
        return False

    def end(self, number: int, *, error: str | None) -> None:
        """Note that a trial was pruned, or that a run of it failed with an error.

        Args:
            number: Number of the trial.
            error: The error; None for a trial that was pruned.
        """
        states = sampling.optuna().trial.TrialState
        with _first_end_counts():
            if error is not None:
                self.storage.set_trial_user_attr(self.identifier(number), "error", error)
            self.optuna.tell(number, state=states.PRUNED if error is None else states.FAIL, skip_if_finished=True)


def mean_of(objective: Objective, group: Group) -> float:
    """Return the mean of an objective over the finished runs of a group; NaN if that of a run is no number.

    Args:
        objective: The objective.
        group: The runs.
    """
    for result in group.results:
        require(objective, result)
    values = [result[objective.name] for result in group.results]
    return math.nan if None in values else mean(values)


def require(objective: Objective, row: Mapping[str, Any]) -> None:
    """Check that metrics have an objective.

    Args:
        objective: The objective.
        row: Metrics of an epoch, or results of a run.

    Raises:
        ValueError: If they lack it.
    """
    if objective.name not in row:
        known = ", ".join(name for name in row if name.startswith("valid_"))
        raise ValueError(f"the objective {objective.name} is no metric of the runs; those are {known}")
