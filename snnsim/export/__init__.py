"""Programs written for chips and other simulators, one thin writer each, with design rules and readers."""

from snnsim.export import targets
from snnsim.export.targets import TARGETS, Target, read, write

__all__ = ["TARGETS", "Target", "read", "targets", "write"]
