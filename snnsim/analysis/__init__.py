"""Analysis of spike trains: complexity, entropy, information and classification. Arrays in, numbers out."""

from snnsim.analysis.complexity import lz76

__all__ = ["lz76"]
