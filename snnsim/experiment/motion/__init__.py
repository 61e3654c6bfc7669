"""Detection of motion in events by delays: training, pruning, tuning, generalization and controls, over seeds."""

from snnsim.experiment.motion.running import reproduce
from snnsim.experiment.motion.settings import BUDGETS, Budget

__all__ = ["BUDGETS", "Budget", "reproduce"]
