"""State of a training besides parameters and optimizers, as a checkpoint stores it."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from snnsim.validation import require, shown

_RANKS = ("valid_accuracy", "valid_loss")


@dataclass
class TrainState:
    """State of a training besides parameters and optimizers."""

    epoch: int = 0
    """Epochs that are done."""
    step: int = 0
    """Batches of the present epoch that are done."""
    loss: float = 0.0
    """Sum of the losses of these batches."""
    correct: int = 0
    """Recordings of these batches that were decided right."""
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
    def of(cls, values: Any, path: Path) -> Self:
        """Return the state of a checkpoint.

        Args:
            values: The table `standing` of the checkpoint.
            path: The checkpoint, for messages.

        Raises:
            ValueError: If the values are no such table, or contradict each other.
        """
        require(isinstance(values, dict), f"checkpoint {path}: standing must be a table, not {shown(values)}")
        known = {item.name: item for item in fields(cls)}
        unknown, missing = sorted(map(str, values.keys() - known.keys())), sorted(known.keys() - values.keys())
        require(not unknown, f"checkpoint {path}: standing has {', '.join(unknown)}, which this snnsim does not know")
        require(not missing, f"checkpoint {path}: standing lacks {', '.join(missing)}; the file is damaged")
        for name, item in known.items():
            _check(path, name, values[name], item.type)
        state = cls(**values)
        require(
            state.epoch == len(state.history) and state.best_epoch <= state.epoch,
            f"checkpoint {path}: standing must have a line of history for each of its {state.epoch} epochs, not "
            f"{len(state.history)}, and its best epoch {state.best_epoch} among them; the file is damaged",
        )
        return state

    def better(self, row: dict[str, Any]) -> bool:
        """Return whether an epoch is better than the best epoch so far.

        Args:
            row: Metrics of the epoch: the higher `valid_accuracy` is better, and at equal accuracy the lower
                `valid_loss`.
        """
        return not self.history or _rank(row) > _rank(self.history[self.best_epoch - 1])

    def close(self, row: dict[str, Any]) -> bool:
        """Add the metrics of an epoch to the history, and return whether the epoch is the best one.

        Args:
            row: Metrics of the epoch by name, among them `valid_accuracy` and `valid_loss`.
        """
        better = self.better(row)
        self.epoch += 1
        self.best_epoch = self.epoch if better else self.best_epoch
        self.history.append(row)
        self.step, self.loss, self.correct, self.total, self.seconds = 0, 0.0, 0, 0, 0.0
        return better


def _check(path: Path, name: str, value: Any, kind: Any) -> None:
    must = {int: "a whole number of at least 0", float: "a number", bool: "true or false"}.get(kind, "a list of tables")
    if kind is int:
        fits = type(value) is int and value >= 0
    elif kind in (float, bool):
        fits = type(value) is kind
    else:
        fits = isinstance(value, list) and all(isinstance(row, dict) and _has_rank(row) for row in value)
    require(fits, f"checkpoint {path}: standing.{name} must be {must}, not {shown(value)}; the file is damaged")


def _has_rank(row: dict[str, Any]) -> bool:
    # an epoch without validation has the training loss alone
    validated = not row.keys().isdisjoint(_RANKS)
    return all(isinstance(row.get(name), float) for name in (_RANKS if validated else ("train_loss",)))


def _rank(row: dict[str, Any]) -> tuple[float, float]:
    """Return what is larger for a better epoch; without validation, a later epoch counts as better."""
    return (row["valid_accuracy"], -row["valid_loss"]) if "valid_accuracy" in row else (float(row["epoch"]), 0.0)
