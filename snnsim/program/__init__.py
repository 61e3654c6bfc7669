"""A trained network as arrays and numbers: what simulators, quantisers and exporters read. Needs no torch."""

from snnsim.program.fixed_point import FixedPoint
from snnsim.program.model import DECISIONS, INPUT, RULES, Edge, Population, Program
from snnsim.program.names import safe_name

__all__ = ["DECISIONS", "INPUT", "RULES", "Edge", "FixedPoint", "Population", "Program", "safe_name"]
