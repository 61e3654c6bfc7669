"""Metrics of tasks: accuracies, errors of numbers, and their confidence intervals, from sums over recordings."""

from snnsim.metrics.accuracy import AccuracyReport, RecordingAccuracy, StepAccuracy
from snnsim.metrics.errors import ErrorReport, NumberErrors
from snnsim.metrics.heads import HeadsReport
from snnsim.metrics.protocols import Metrics, Report
from snnsim.metrics.ratios import Ratio, wilson

__all__ = [
    "METRICS",
    "AccuracyReport",
    "ErrorReport",
    "HeadsReport",
    "Metrics",
    "NumberErrors",
    "Ratio",
    "RecordingAccuracy",
    "Report",
    "StepAccuracy",
    "wilson",
]

METRICS: dict[str, Metrics] = {
    "class": RecordingAccuracy(),
    "step-class": StepAccuracy(),
    "regression": NumberErrors(),
    "step-regression": NumberErrors(),
}
"""The metrics of every task of one readout, by the names in `choices.TASKS`."""
