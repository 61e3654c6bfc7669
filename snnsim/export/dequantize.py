"""A Program in integers as one for machines that compute in floats, in the units of its integers.

    w' = w 2^shift      β' = m / 2^bits      b' = b      θ' = θ − ½

All sums of weights stay whole, so they have no rounding in any order; and as the threshold lies between two whole
numbers, it does not matter whether a machine fires at it or above it.

Names    w', β', b', θ' of the new Program; its populations keep their `unit`, so membranes are told as before
Differs  the integers' rounding of v β towards 0, and their saturation, are not there
"""

from dataclasses import replace

import numpy as np

from snnsim.program import Edge, Population, Program


def as_floats(program: Program) -> Program:
    """Return the Program in floats; one that is in floats already as it is."""
    fixed = program.fixed
    if fixed is None:
        return program

    def population(part: Population) -> Population:
        limit = part.threshold - 0.5 if part.fires else part.threshold
        return replace(part, decay=part.decay / 2**fixed.decay_bits, threshold=limit, bias=part.bias.astype(np.float64))

    def edge(each: Edge) -> Edge:
        return replace(each, weight=each.weight.astype(np.float64) * 2**fixed.weight_shift)

    return replace(
        program,
        populations=tuple(map(population, program.populations)),
        edges=tuple(map(edge, program.edges)),
        fixed=None,
    )
