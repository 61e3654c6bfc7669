"""Where memory lives: time constants, recurrent weights or delays, under several curricula."""

from snnsim.experiment.timescales.running import reproduce
from snnsim.experiment.timescales.settings import Budget, budget

__all__ = ["Budget", "budget", "reproduce"]
