"""Reports: one self-contained page of HTML on runs and Programs, which needs no network."""

from snnsim.report.page import Settings, write

__all__ = ["Settings", "write"]
