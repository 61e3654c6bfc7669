"""A trained network as arrays and numbers, the input of simulators, quantizers and exporters; no torch is needed."""

from snnsim.choices import DECISIONS
from snnsim.program.fixed_point import FixedPoint
from snnsim.program.model import Program
from snnsim.program.names import safe_name
from snnsim.program.parts import INPUT, MODELS, Edge, Population

__all__ = ["DECISIONS", "INPUT", "MODELS", "Edge", "FixedPoint", "Population", "Program", "safe_name"]
