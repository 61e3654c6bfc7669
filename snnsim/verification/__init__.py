"""Exported files run by other simulators, and their spikes compared with those of snnsim, one by one."""

from snnsim import renamed
from snnsim.verification.backends import BACKENDS, Backend, backends_of
from snnsim.verification.compare import Difference, Layer
from snnsim.verification.parallel import Parallel
from snnsim.verification.verify import Report, UnsupportedError, verify

__all__ = [
    "BACKENDS",
    "Backend",
    "Difference",
    "Layer",
    "Parallel",
    "Report",
    "UnsupportedError",
    "backends_of",
    "verify",
]

__getattr__ = renamed.attributes(
    __name__, {"CONSUMERS": "BACKENDS", "Consumer": "Backend", "readers": "backends_of"}
)  # old name
