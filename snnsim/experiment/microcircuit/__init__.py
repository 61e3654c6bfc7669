"""The cortical microcircuit: rates, irregularity and synchrony of its populations, beside NEST."""

from snnsim.experiment.microcircuit.running import reproduce
from snnsim.experiment.microcircuit.settings import Budget

__all__ = ["Budget", "reproduce"]
