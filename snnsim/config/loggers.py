"""Kinds of loggers, each with settings of its own: the list `training.loggers` of a config.

A new kind is a class here, a member of AnyLogger, and an entry in LOGGERS of training/loggers; a plug-in adds both by
an entry point. TensorBoard's files are always written.
"""

from dataclasses import dataclass
from typing import Literal

from snnsim import plugins, schema


@dataclass(frozen=True, kw_only=True)
class LoggerKind(schema.Kind):
    """Settings of all loggers."""

    def __post_init__(self) -> None:
        schema.settle(self, "training.loggers.")


@dataclass(frozen=True, kw_only=True)
class CSV(LoggerKind):
    """A table with a row for each epoch, metrics.csv in the folder of the run."""

    kind: Literal["csv"] = "csv"


@dataclass(frozen=True, kw_only=True)
class WandB(LoggerKind):
    """Weights & Biases; files lie in the folder of the run."""

    kind: Literal["wandb"] = "wandb"
    mode: Literal["online", "offline"] = "online"
    """Whether metrics are sent during the training, or by `wandb sync` later."""
    project: str = "snnsim"
    entity: str | None = None
    """User or team; None is that of the account."""


@dataclass(frozen=True, kw_only=True)
class MLflow(LoggerKind):
    """MLflow."""

    kind: Literal["mlflow"] = "mlflow"
    uri: str | None = None
    """Tracking server, or file:FOLDER; None is the folder mlruns in the folder of the run."""
    experiment: str = "snnsim"


AnyLogger = CSV | WandB | MLflow
"""A logger of any kind."""
schema.EXTENSIONS[LoggerKind] = lambda: plugins.sections(plugins.LOGGERS)
