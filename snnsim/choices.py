"""The names of decisions and surrogates, which several packages share.

Every other table of these names is derived from or checked against these tuples, in their order. Exported C code and
compiled kernels use the positions in the tuples as numbers.

Names    the decisions' equations stand in learning/decisions.py, the surrogates' in surrogate.py
"""

from typing import Literal, get_args

DecisionName = Literal["summed_softmax", "mean_membrane", "max_membrane", "last_membrane"]
DECISIONS: tuple[str, ...] = get_args(DecisionName)
ADDITIVE_DECISIONS = ("summed_softmax", "mean_membrane")
"""Decisions that are sums over time, so that chunks of time add up."""

RegressionDecisionName = Literal["mean_membrane", "max_membrane", "last_membrane"]
REGRESSION_DECISIONS: tuple[str, ...] = get_args(RegressionDecisionName)
"""Decisions whose scores are numbers in the units of the readout."""

TaskName = Literal["class", "step-class", "regression", "step-regression"]
TASKS: tuple[str, ...] = get_args(TaskName)
"""Tasks of one readout: classes or numbers, of recordings or steps."""

SurrogateName = Literal["atan", "triangle", "sigmoid", "fast_sigmoid", "boxcar"]
SURROGATES: tuple[str, ...] = get_args(SurrogateName)
