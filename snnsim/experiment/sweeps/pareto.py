"""The Pareto front of trials: those that no other trial beats in one objective and equals in the others.

a dominates b  ⇔  a is at least as good as b in every objective, and better in one
"""

from collections.abc import Sequence
from typing import Any

from snnsim.experiment.sweeps.spec import Objective
from snnsim.plots import ParetoPoints


def dominates(one: Sequence[float], other: Sequence[float], objectives: Sequence[Objective]) -> bool:
    """Return whether one trial dominates another.

    Args:
        one: Results of the trial.
        other: Results of the other trial.
        objectives: Names and directions of the results.
    """
    signs = [1 if objective.direction == "maximize" else -1 for objective in objectives]
    gains = [sign * (ours - theirs) for sign, ours, theirs in zip(signs, one, other, strict=True)]
    return min(gains) >= 0 and max(gains) > 0


def front(trials: Sequence[Any], objectives: Sequence[Objective]) -> set[int]:
    """Return the numbers of the finished trials that no other trial dominates; with one objective, the best trials.

    Args:
        trials: Trials of Optuna.
        objectives: Names and directions of their results.
    """
    finished = [trial for trial in trials if trial.state.name == "COMPLETE"]
    return {
        trial.number
        for trial in finished
        if not any(dominates(other.values, trial.values, objectives) for other in finished)
    }


def points(trials: Sequence[Any], objectives: Sequence[Objective]) -> ParetoPoints:
    """Return the results of finished trials for a figure.

    Args:
        trials: Finished trials of Optuna.
        objectives: Names and directions of their results.
    """
    best = front(trials, objectives)
    return ParetoPoints(
        names=[objective.name for objective in objectives],
        values=[list(trial.values) for trial in trials],
        labels=[str(trial.number) for trial in trials],
        best=[trial.number in best for trial in trials],
    )
