"""From a Program to a smaller one: fewer bits, fewer synapses; what was changed is counted in its provenance."""

from snnsim.quantization.pruning import prune
from snnsim.quantization.quantize import Scheme, dequantized, quantize

__all__ = ["Scheme", "dequantized", "prune", "quantize"]
