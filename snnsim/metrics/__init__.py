"""Metrics of tasks: accuracies, errors of numbers, and their confidence intervals, from sums over recordings."""

from snnsim.metrics.accuracy import AccuracyReport, RecordingAccuracy, StepAccuracy
from snnsim.metrics.errors import ErrorReport, NumberErrors
from snnsim.metrics.protocols import Metrics, Report
from snnsim.metrics.ratios import Ratio, wilson

__all__ = [
    "AccuracyReport",
    "ErrorReport",
    "Metrics",
    "NumberErrors",
    "Ratio",
    "RecordingAccuracy",
    "Report",
    "StepAccuracy",
    "wilson",
]
