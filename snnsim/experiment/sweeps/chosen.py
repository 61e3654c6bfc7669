"""The configuration that is chosen by validation, which alone is evaluated with the test recordings."""

import math
from collections.abc import Sequence
from pathlib import Path

from snnsim.experiment.sweeps.planned import Group
from snnsim.experiment.sweeps.spec import Objective
from snnsim.experiment.sweeps.study import mean_of
from snnsim.untrusted import read_json

SWEEP = "sweep.json"
"""Record of a sweep: its objectives with their directions."""


def for_test(folder: Path, groups: Sequence[Group]) -> list[Group]:
    """Return the refitted networks of a folder, or the configuration with the best validation result.

    Args:
        folder: Folder of a sweep, or of folds and seeds.
        groups: Its groups that have finished runs.

    Raises:
        ValueError: If the results of several configurations lack the metric that they are compared by.
    """
    refitted = [group for group in groups if not all(run.config.data.validate for run in group.runs)]
    if refitted:
        return refitted
    # a configuration whose folds or seeds are incomplete cannot be compared with others
    complete = [group for group in groups if len(group.results) == len(group.runs)]
    if len(complete) <= 1:
        return complete
    objective = Objective("valid_accuracy", "maximize")
    if (folder / SWEEP).is_file():
        objective = Objective(*read_json(folder / SWEEP)["objectives"][0])
    values = [mean_of(objective, group) for group in complete]
    compared = [number for number, value in enumerate(values) if not math.isnan(value)]
    best = max if objective.direction == "maximize" else min
    return [complete[best(compared, key=values.__getitem__)]] if compared else []
