"""A Program in integers as one for machines that compute in floats; quantization/dequantize.py has the equations."""

from snnsim.program import Program
from snnsim.quantization import dequantized


def as_floats(program: Program) -> Program:
    """Return the Program in floats, in the units of its integers; a Program in floats as it is."""
    return dequantized(program, units="integer")
