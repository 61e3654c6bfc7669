"""The only reader of configs: builds networks, loads data, trains, evaluates, plots."""

from snnsim.experiment.evaluate_run import evaluate
from snnsim.experiment.plot_run import Choice, plot
from snnsim.experiment.programs import evaluate as evaluate_program
from snnsim.experiment.train_run import is_finished, train

__all__ = ["Choice", "evaluate", "evaluate_program", "is_finished", "plot", "train"]
