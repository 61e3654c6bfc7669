"""What spike trains tell: complexity, entropy, information, and classes decided by them. Arrays in, numbers out."""

from snnsim.analysis.complexity import lz76

__all__ = ["lz76"]
