"""Neurons whose own parameters are learned, against fixed ones: sources x neurons x rules x decisions, over seeds."""

from snnsim.experiment.meta.running import reproduce
from snnsim.experiment.meta.settings import BUDGETS, Budget

__all__ = ["BUDGETS", "Budget", "reproduce"]
