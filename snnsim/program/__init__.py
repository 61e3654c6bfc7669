"""A trained network as arrays and numbers, the input of simulators, quantizers and exporters; no torch is needed."""

from snnsim.choices import DECISIONS
from snnsim.program.conv_edge import ConvEdge
from snnsim.program.edge import Edge
from snnsim.program.fixed_point import FixedPoint
from snnsim.program.geometry import Field, Geometry
from snnsim.program.model import Program
from snnsim.program.names import safe_name
from snnsim.program.parts import INPUT, MODELS, Population
from snnsim.program.readouts import Readout

__all__ = [
    "DECISIONS",
    "INPUT",
    "MODELS",
    "ConvEdge",
    "Edge",
    "Field",
    "FixedPoint",
    "Geometry",
    "Population",
    "Program",
    "Readout",
    "safe_name",
]
