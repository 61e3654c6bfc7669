"""From a Program to a smaller one: fewer bits, fewer synapses; its provenance counts the changes."""

from snnsim.quantization.dequantize import dequantized
from snnsim.quantization.pruning import prune
from snnsim.quantization.quantize import Scheme, quantize

__all__ = ["Scheme", "dequantized", "prune", "quantize"]
