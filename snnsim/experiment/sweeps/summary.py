"""Results of the runs of a group as text: a line for each run, and mean, spread and range over all of them."""

import contextlib
from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from snnsim.experiment.sweeps.live import aligned
from snnsim.experiment.sweeps.planned import Group, PlannedRun

ACCURACY = "valid_accuracy"


def of_runs(group: Group, states: Mapping[str, str]) -> list[str]:
    """Return a table of the runs of a group.

    Args:
        group: The group.
        states: States by the names of the runs; a run without one is finished or waits.
    """
    rows = [["run", "state", "epochs", "best epoch", "validation accuracy"]]
    for run in group.runs:
        rows.append([run.name, *_row(run, states.get(run.name))])
    values = [result[ACCURACY] for result in group.results if ACCURACY in result]
    return [*aligned(rows), *([f"{len(values)} of {len(group.runs)} runs: {described(values)}"] if values else [])]


def _row(run: PlannedRun, state: str | None) -> list[str]:
    result = run.result
    if result is None:
        epochs = 0
        with contextlib.suppress(OSError, ValueError):
            epochs = len(run.folder.read_metrics()) if state is not None else 0
        return [state or "waits", f"{epochs}/{run.config.training.stop_after or run.config.training.epochs}", "", ""]
    accuracy = f"{result[ACCURACY]:.2%}" if ACCURACY in result else "none"
    return ["finished", str(result["epochs"]), str(result["best_epoch"]), accuracy]


def described(shares: Sequence[float]) -> str:
    """Return mean, standard deviation, least and most of shares as a text in percent.

    Args:
        shares: Shares from 0 to 1.
    """
    deviation = f" ± {stdev(shares):.2%} (standard deviation)" if len(shares) > 1 else ""
    return f"{mean(shares):.2%}{deviation}, {min(shares):.2%} to {max(shares):.2%}"
