"""State of a training besides parameters and optimizers, as a checkpoint stores it."""

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from snnsim.validation import require, shown

Best = tuple[str, bool]
"""The metric by which the best epoch is chosen, and whether a higher value is better."""
BY_ACCURACY: Best = ("accuracy", True)


@dataclass
class TrainState:
    """State of a training besides parameters and optimizers."""

    epoch: int = 0
    """Epochs that are done."""
    step: int = 0
    """Batches of the present epoch that are done."""
    loss: float = 0.0
    """Sum of the losses of these batches."""
    sums: list[list[float]] = field(default_factory=list)
    """Sums of the metrics of these batches, for each head; none before the first batch."""
    total: int = 0
    """Recordings of these batches."""
    seconds: float = 0.0
    """Duration of these batches."""
    finished: bool = False
    best_epoch: int = 0
    """Number of the best epoch, from 1; 0 before the first epoch is done."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """Metrics of each epoch."""

    @classmethod
    def of(cls, values: Any, path: Path, best: Best = BY_ACCURACY) -> Self:
        """Return the state of a checkpoint.

        Args:
            values: The table `standing` of the checkpoint.
            path: The checkpoint, for messages.
            best: The metric by which the best epoch is chosen, and whether a higher value is better.

        Raises:
            ValueError: If the values are no such table, or contradict each other.
        """
        require(isinstance(values, dict), f"checkpoint {path}: standing must be a table, not {shown(values)}")
        known = {item.name: item for item in fields(cls)}
        values = _of_today(values)
        unknown, missing = sorted(map(str, values.keys() - known.keys())), sorted(known.keys() - values.keys())
        require(not unknown, f"checkpoint {path}: standing has {', '.join(unknown)}, which this snnsim does not know")
        require(not missing, f"checkpoint {path}: standing lacks {', '.join(missing)}; the file is damaged")
        for name, item in known.items():
            _check(path, name, values[name], item.type, best[0])
        state = cls(**values)
        require(
            state.epoch == len(state.history) and state.best_epoch <= state.epoch,
            f"checkpoint {path}: standing must have a line of history for each of its {state.epoch} epochs, not "
            f"{len(state.history)}, and its best epoch {state.best_epoch} among them; the file is damaged",
        )
        return state

    def better(self, row: dict[str, Any], best: Best = BY_ACCURACY) -> bool:
        """Return whether an epoch is better than the best epoch so far.

        Args:
            row: Metrics of the epoch: the better metric of the task wins, and where it is equal the lower `valid_loss`.
            best: The metric, and whether a higher value of it is better.
        """
        return not self.history or _rank(row, best) > _rank(self.history[self.best_epoch - 1], best)

    def close(self, row: dict[str, Any], best: Best = BY_ACCURACY) -> bool:
        """Add the metrics of an epoch to the history, and return whether the epoch is the best one.

        Args:
            row: Metrics of the epoch by name, among them that of the task and `valid_loss`.
            best: The metric, and whether a higher value of it is better.
        """
        better = self.better(row, best)
        self.epoch += 1
        self.best_epoch = self.epoch if better else self.best_epoch
        self.history.append(row)
        self.step, self.loss, self.sums, self.total, self.seconds = 0, 0.0, [], 0, 0.0
        return better


def _of_today(values: dict[str, Any]) -> dict[str, Any]:
    """Return the table of a checkpoint; older ones count correct recordings in place of sums."""
    correct, total = values.get("correct"), values.get("total")
    if "sums" in values or type(correct) is not int or type(total) is not int or correct < 0:
        return values
    rest = {name: value for name, value in values.items() if name != "correct"}
    return rest | {"sums": [[float(correct), float(total)]] if total else []}


def _check(path: Path, name: str, value: Any, kind: Any, metric: str) -> None:
    must = {int: "a whole number of at least 0", float: "a number", bool: "true or false"}.get(kind, "a list of tables")
    if kind is int:
        fits = type(value) is int and value >= 0
    elif kind in (float, bool):
        fits = type(value) is kind
    elif name == "sums":
        must = "lists of numbers"
        fits = isinstance(value, list) and all(map(_are_numbers, value))
    else:
        fits = isinstance(value, list) and all(isinstance(row, dict) and _has_rank(row, metric) for row in value)
    require(fits, f"checkpoint {path}: standing.{name} must be {must}, not {shown(value)}; the file is damaged")


def score(row: dict[str, Any], best: Best) -> float:
    """Return the validation metric of an epoch as a number that is higher for a better epoch.

    Without validation, a later epoch counts as better.

    Args:
        row: Metrics of the epoch by name.
        best: The metric, and whether a higher value of it is better.
    """
    name, rises = best
    if "valid_loss" not in row:
        return float(row["epoch"])
    value: float = row[f"valid_{name}"]
    # an undefined metric is the worst, as comparisons with NaN are false
    return -math.inf if math.isnan(value) else value if rises else -value


def _rank(row: dict[str, Any], best: Best) -> tuple[float, float]:
    return score(row, best), -row.get("valid_loss", 0.0)


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, float) for value in values)


def _has_rank(row: dict[str, Any], metric: str) -> bool:
    names = (f"valid_{metric}", "valid_loss")
    # an epoch without validation has the training loss alone
    return all(
        isinstance(row.get(name), float) for name in (("train_loss",) if row.keys().isdisjoint(names) else names)
    )
