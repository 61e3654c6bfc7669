"""Units of the times in files."""

IN_MS = {"s": (1000.0, 1.0), "ms": (1.0, 1.0), "us": (1.0, 1000.0), "ns": (1.0, 1e6)}
"""Factor and divisor from a time in these units to milliseconds."""
