"""Temporal sparsity: accuracy against operations of coded networks, over tasks, codings, rates and seeds."""

from snnsim.experiment.delta.running import reproduce
from snnsim.experiment.delta.settings import BUDGETS, Budget

__all__ = ["BUDGETS", "Budget", "reproduce"]
