"""Exported files run by the programs that read them, and their spikes compared with ours, one by one."""

from snnsim.verification.backends import CONSUMERS, Consumer, readers
from snnsim.verification.differences import Difference
from snnsim.verification.verify import Layer, Report, verify

__all__ = ["CONSUMERS", "Consumer", "Difference", "Layer", "Report", "readers", "verify"]
