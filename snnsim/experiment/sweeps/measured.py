"""The result of a finished run: the metrics of its best epoch, and on request its size and its work."""

from collections.abc import Collection
from typing import Any

from snnsim.experiment import evaluate_run, programs
from snnsim.experiment.sweeps.planned import PlannedRun
from snnsim.files import write_json
from snnsim.training import optimizers

PARAMETERS, OPERATIONS = "parameters", "synaptic_operations"
MEASURED = (PARAMETERS, OPERATIONS)
"""Names of results that the metrics of an epoch do not have."""


def measure(run: PlannedRun, wanted: Collection[str]) -> dict[str, Any]:
    """Return the result of a finished run, and write it beside the run.

    Args:
        run: The run.
        wanted: Names of the results that are needed; those of MEASURED are computed only if they are among them.
    """
    path = run.folder.path
    row = evaluate_run.parameters(path)["metrics"]
    result: dict[str, Any] = {"seed": run.seed, "fold": run.fold, "best_epoch": row["epoch"]}
    result |= {name: value for name, value in row.items() if isinstance(value, int | float) and name != "epoch"}
    rows = run.folder.read_metrics()
    result |= {"epochs": len(rows), "minutes": sum(each["seconds"] for each in rows) / 60}
    if PARAMETERS in wanted:
        result[PARAMETERS] = optimizers.trained_parameters(evaluate_run.load(path, "train").network)
    if OPERATIONS in wanted:
        result[OPERATIONS] = _operations(run)
    write_json(run.beside(".result.json"), result)
    return result


def _operations(run: PlannedRun) -> float:
    """Return the synaptic operations per validation recording."""
    program = programs.freeze(run.folder.path)
    recordings = programs.recordings(program, None, "valid")
    facts = programs.simulate(program, recordings, programs.Machine())
    return float(facts["synaptic_operations"] / facts["recordings"])
