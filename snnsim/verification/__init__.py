"""Exported files run by the programs that read them, and their spikes compared with ours, one by one."""

from snnsim.verification.consumers_table import CONSUMERS, Consumer, readers
from snnsim.verification.verify import Layer, Report, verify

__all__ = ["CONSUMERS", "Consumer", "Layer", "Report", "readers", "verify"]
