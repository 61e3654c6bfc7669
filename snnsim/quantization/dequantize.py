"""A Program in integers as one in floats, without the integers' rounding and saturation.

    β' = m / 2^decay_bits

    units        "trained"                  "integer"
    w'           q · 2^shift · unit         q · 2^shift
    θ', b'       θ · unit, b · unit         θ − ½, b
    unit'        1                          unit

Shapes   unit, m, θ, b (neuron,) · q (synapse,)
Units    "trained": membranes of the network before quantization · "integer": membranes of the Program in integers
Names    q integer weight, m integer decay · unit `Population.scale`, the membrane that one unit stands for
         θ' of graded messages is θ, as it is the step of a level (delta), or fires above it alone (sigma_delta)
Exact    in integer units all sums of weights stay integers, so they have no rounding in any order. The threshold then
         lies between two integers, so machines that fire at the threshold and above it have the same spikes
Differs  from the Program in integers by the rounding of v β toward 0, by saturation, and by the rounding of graded
         messages of sigma_delta
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from snnsim.program import MODELS, ConvEdge, Edge, Population, Program
from snnsim.quantization import messages
from snnsim.validation import instance, one_of

UNITS = ("trained", "integer")


def dequantized(program: Program, *, units: Literal["trained", "integer"] = "trained") -> Program:
    """Return a Program in floats with the numbers of one in integers.

    Args:
        program: A Program; one in floats is returned as it is.
        units: The units of membranes: those of the trained network, or those of the integers.

    Raises:
        TypeError: If `program` is no Program.
        ValueError: If the units are unknown.
    """
    instance(program, Program, who="dequantized", name="program")
    one_of(units, UNITS, who="dequantized", name="units")
    fixed = program.fixed
    if fixed is None:
        return program
    trained = units == "trained"
    unit = {
        population.name: population.scale if trained else np.ones(population.size) for population in program.populations
    }

    def neurons(population: Population) -> Population:
        own = unit[population.name]
        spikes = population.fires and not MODELS[population.model].graded
        half = 0.5 if spikes and not trained else 0.0
        return replace(
            population,
            decay=population.decay / 2**fixed.decay_bits,
            threshold=(population.threshold - half) * own,
            bias=population.bias * own,
            scale=np.ones(population.size) if trained else population.scale,
            jump=None if population.jump is None else population.jump * own,
            **{
                name: value / 2**fixed.decay_bits
                for name in ("gain", "second_decay", "coupling")
                if (value := getattr(population, name)) is not None
            },
        )

    def synapses(edge: Edge | ConvEdge) -> Edge | ConvEdge:
        return replace(edge, weight=edge.weight * edge.of_targets(unit[edge.target] * 2**fixed.weight_shift))

    # messages in integers stand for many units of a membrane
    edges = tuple(messages.in_float_units(edge, program, unit) for edge in map(synapses, program.edges))
    return replace(program, populations=tuple(map(neurons, program.populations)), edges=edges, fixed=None)
