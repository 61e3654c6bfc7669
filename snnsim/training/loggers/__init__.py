"""Loggers of a training: one protocol for TensorBoard, CSV, Weights & Biases, MLflow and plug-ins.

    start(run)     before the first epoch, with the epochs that are done; the last of them may have been logged or not
    add(row)       after every epoch, when its checkpoint is written
    close()        at the end, also after an error

A training that is resumed logs its last epoch again, as it may have been killed before that was written.
"""

from snnsim import plugins
from snnsim.config.loggers import LoggerKind
from snnsim.training.loggers.csv_table import CSVLogger
from snnsim.training.loggers.mlflow_runs import MLflowLogger
from snnsim.training.loggers.protocol import LoggedRun, Logger, numbers, opened
from snnsim.training.loggers.tensorboard_files import TensorBoardLogger
from snnsim.training.loggers.wandb_runs import WandBLogger

__all__ = ["LOGGERS", "LoggedRun", "Logger", "build", "numbers", "opened"]

LOGGERS = plugins.Table(
    {"csv": CSVLogger, "wandb": WandBLogger, "mlflow": MLflowLogger},
    plugins.LOGGERS,
    plugins.KindPlugin,
    entry=lambda plugin: plugin.build,
)
"""Functions from the section of a kind to the logger, by name of the kind."""


def build(sections: tuple[LoggerKind, ...]) -> list[Logger]:
    """Return TensorBoard's logger and those of a config.

    Args:
        sections: The sections `training.loggers`.
    """
    return [TensorBoardLogger(), *(LOGGERS[section.kind](section) for section in sections)]
