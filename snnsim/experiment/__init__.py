"""The only reader of config: builds the parts of a run, trains, evaluates, draws."""

from snnsim.experiment.evaluating import evaluate
from snnsim.experiment.pictures import KINDS, Choice, plot
from snnsim.experiment.runs import is_finished, train

__all__ = ["KINDS", "Choice", "evaluate", "is_finished", "plot", "train"]
