"""Conversion of trained networks of torch into spiking ones, and of spiking ones into Programs."""

from snnsim.conversion.conversion import Conversion, Settings, check, convert
from snnsim.conversion.costs import Costs, count
from snnsim.conversion.freezing import events, freeze
from snnsim.conversion.neurons import NEURONS, BurstIF, SignedIF
from snnsim.conversion.qcfs import QCFS
from snnsim.conversion.thresholds import RULES, LeastError, Percentile, TrainedStep, rate

__all__ = [
    "NEURONS",
    "QCFS",
    "RULES",
    "BurstIF",
    "Conversion",
    "Costs",
    "LeastError",
    "Percentile",
    "Settings",
    "SignedIF",
    "TrainedStep",
    "check",
    "convert",
    "count",
    "events",
    "freeze",
    "rate",
]
