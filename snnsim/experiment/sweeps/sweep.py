"""Sweeps: the trials of a spec, carried out by workers, pruned, shown, and compared."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from snnsim import plots
from snnsim.experiment.sweeps import opening, pareto, spec, study
from snnsim.experiment.sweeps.live import aligned
from snnsim.experiment.sweeps.measured import MEASURED
from snnsim.experiment.sweeps.planned import Group, PlannedRun
from snnsim.experiment.sweeps.process import Outcome, Rows
from snnsim.experiment.sweeps.study import Study
from snnsim.experiment.sweeps.workers import Task, work


class Trials(Task):
    """The runs of the trials of a study: first those of trials that have begun, then the next waiting trial.

    Args:
        opened: The study.
    """

    def __init__(self, opened: Study) -> None:
        self.study, self.spec = opened, opened.spec
        self.wanted: Sequence[str] = [one.name for one in opened.spec.objectives]
        self._taken: set[Path] = set()

    def next(self) -> PlannedRun | None:
        """Return the next run; a trial that only waits for its end is finished on the way."""
        with study.asking(self.spec.folder):
            for trial in self.study.trials("RUNNING"):
                if trial.params.keys() != self.spec.parameters.keys():
                    # its worker was killed while it took the trial, as this worker has the right to take trials now
                    self.study.renew(trial)
                    continue
                run = self._of(self.study.recorded(trial), trial.number)
                if run is not None:
                    return run
            group = self.study.begin()
            return None if group is None else self._take(group)

    def _of(self, group: Group, number: int) -> PlannedRun | None:
        """Return a run of a trial that has begun; a trial whose runs are all finished is finished."""
        run = self._take(group)
        if run is None and len(group.results) == len(group.runs):
            self.study.finish(group, number)
        return run

    def _take(self, group: Group) -> PlannedRun | None:
        for run in group.runs:
            if run.result is None and run.folder.path not in self._taken:
                self._taken.add(run.folder.path)
                return run
        return None

    def settle(self, run: PlannedRun, outcome: Outcome) -> None:
        """Note how a run ended, and with the last run of a trial how the trial ended.

        Args:
            run: The run.
            outcome: How it ended.
        """
        number = _number(run)
        if outcome.state == "finished":
            group = self.study.group(self.study.trials()[number])
            if len(group.results) == len(group.runs):
                self.study.finish(group, number)
        elif outcome.state == "pruned":
            self.study.end(number, error=None)
        elif outcome.state == "failed":
            self.study.end(number, error=outcome.message)

    def prune(self, run: PlannedRun, rows: Rows) -> bool:
        """Report the mean of the best results of a trial's runs so far, and return whether it is pruned, or has ended.

        Args:
            run: The present run.
            rows: Metrics of its epochs.
        """
        number, objective = _number(run), self.spec.objectives[0]
        trial = self.study.trials()[number]
        if trial.state.is_finished():
            # another run of the trial has failed or was pruned
            return True
        if self.spec.pruning is None:
            return False
        study.require(objective, rows[-1])
        group = self.study.group(trial)
        order = [one.name for one in group.runs].index(run.name)
        earlier = [one.result for one in group.runs[:order]]
        results = [result[objective.name] for result in earlier if result is not None]
        if len(results) < order or None in results:
            # trials are compared by the same runs, in their order
            return False
        best = max if objective.direction == "maximize" else min
        values = {}
        for epoch in range(self.spec.pruning.warmup_epochs, len(rows)):
            so_far = best(row[objective.name] for row in rows[: epoch + 1])
            values[order * self.study.epochs + epoch] = mean([*results, so_far])
        return self.study.report(number, values)

    def table(self) -> list[str]:
        """Return the trials as lines."""
        return table(self.study)


def _number(run: PlannedRun) -> int:
    return int(run.group.name.rpartition("-")[2])


def table(opened: Study) -> list[str]:
    """Return a table of the trials of a study.

    Args:
        opened: The study.
    """
    names = [one.name for one in opened.spec.objectives]
    trials = opened.trials()
    front = pareto.front(trials, opened.spec.objectives)
    rows = [["trial", "state", "runs", *names, "configuration"]]
    for trial in trials:
        row = opened.rows.get(trial.number) or _row(opened, trial)
        if trial.state.is_finished():
            opened.rows[trial.number] = row
        rows.append([f"{trial.number}{' *' if trial.number in front else ''}", *row])
    waiting = [row for row in rows if row[1] == "waits"]
    # a long list of waiting trials would push the others off the terminal
    shown = [row for row in rows if row[1] != "waits"] + waiting[:3]
    more = [f"and {len(waiting) - 3} waiting trials"] if len(waiting) > 3 else []
    return [*aligned(shown), *more]


def _row(opened: Study, trial: Any) -> list[str]:
    names = [one.name for one in opened.spec.objectives]
    label, state = spec.labeled(opened.values(trial)), trial.state.name
    if state == "WAITING":
        return ["waits", "", *[""] * len(names), label]
    complete = trial.params.keys() == opened.spec.parameters.keys()
    runs = opened.group(trial).runs if complete else ()
    results = [result for run in runs if (result := run.result) is not None]
    words = {"RUNNING": "runs", "COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
    error = f": {trial.user_attrs['error']}" if "error" in trial.user_attrs else ""
    cells = [_cell(name, [result[name] for result in results if result.get(name) is not None]) for name in names]
    return [words[state], f"{len(results)}/{len(runs)}", *cells, label + error]


def _cell(name: str, values: Sequence[float]) -> str:
    if not values:
        return ""
    if name in MEASURED:
        return f"{mean(values):,.0f}"
    percent = name.endswith("accuracy")
    spread = "" if len(values) < 2 else f" ± {stdev(values):.2%}" if percent else f" ± {stdev(values):.4g}"
    return (f"{mean(values):.2%}" if percent else f"{mean(values):.4g}") + spread


def run(path: Path, *, jobs: int, device: str, retry: bool) -> tuple[list[str], list[str]]:
    """Carry out the trials of a spec that are not finished; return their table, and a line for each trouble.

    Args:
        path: The spec.
        jobs: Number of trainings at a time.
        device: Device of the trainings, or "auto".
        retry: Whether trials that failed are tried again.
    """
    opened = opening.opened(spec.load(path))
    if retry:
        opened.retry()
    troubles = work(Trials(opened), jobs=jobs, device=device)
    return described(opened), troubles.own


def show(path: Path) -> list[str]:
    """Return the table of the study of a spec.

    Args:
        path: The spec.
    """
    return described(opening.opened(spec.load(path), create=False))


def described(opened: Study) -> list[str]:
    """Return the table of a study, and draw the Pareto front of several objectives.

    Args:
        opened: The study.
    """
    lines, wanted = table(opened), opened.spec
    finished = opened.trials("COMPLETE")
    if len(wanted.objectives) > 1 and finished:
        file = wanted.folder / "pareto.png"
        plots.save(plots.pareto(pareto.points(finished, wanted.objectives)), file)
        return [*lines, f"* no other trial is better in every objective; drawn in {file}"]
    return [*lines, *(["* the best trial"] if finished else [])]
