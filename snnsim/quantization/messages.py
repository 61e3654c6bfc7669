"""Units of graded messages: a message of sigma-delta neurons in integers counts in the scale of its own population.

    w' = w s_source        s the scale of the source, which comes before its targets

Messages of delta neurons are numbers of levels in floats and in integers alike, and need no unit.

Shapes   w, w' (synapse,) or (entry,) · s (neuron,)
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from snnsim.program import INPUT, ConvEdge, Edge, Population, Program
from snnsim.quantization.scales import Scales


def in_units(program: Program, scales: Callable[[Program, Population], Scales]) -> tuple[Program, dict[str, Scales]]:
    """Return a Program whose weights are those of messages in units, and the scales of all populations.

    Args:
        program: A Program in floats.
        scales: Function from a Program and a population to its scales, by the weights of the Program.

    Raises:
        ValueError: If a sigma-delta population leads to itself or to an earlier one, whose scale its unit depends on.
    """
    chosen: dict[str, Scales] = {}
    for population in program.populations:
        chosen[population.name] = scales(program, population)
        if population.model != "sigma_delta":
            continue
        early = [e.target for e in program.edges if e.source == population.name and e.target in chosen]
        if early:
            raise ValueError(
                f"quantize: sigma-delta populations must not form loops, and {population.name!r} leads to "
                f"{early[0]!r}; use delta populations, whose messages are numbers of levels"
            )
        program = replace(program, edges=_multiplied(program, population.name, chosen[population.name].scale))
    return program, chosen


def in_float_units(edge: Edge | ConvEdge, program: Program, unit: Mapping[str, np.ndarray]) -> Edge | ConvEdge:
    """Return an edge in floats whose weights are those of messages in the units of membranes, and not in integers.

    Args:
        edge: The edge, with weights that take messages in integers.
        program: The Program in integers.
        unit: Membrane that one unit of each population stands for (neuron,), by name.
    """
    if program.fixed is None or edge.source == INPUT or program.population(edge.source).model != "sigma_delta":
        return edge
    message = unit[edge.source] * 2**program.fixed.weight_shift
    return replace(edge, weight=edge.weight / of_sources(edge, message))


def _multiplied(program: Program, source: str, factor: np.ndarray) -> tuple[Edge | ConvEdge, ...]:
    return tuple(
        replace(edge, weight=edge.weight * of_sources(edge, factor)) if edge.source == source else edge
        for edge in program.edges
    )


def of_sources(edge: Edge | ConvEdge, values: np.ndarray) -> np.ndarray:
    """Return the value of the source of each synapse, or of each entry of a convolution.

    Args:
        edge: The edge.
        values: A value of each neuron of the source, the same at all positions of a channel (neuron,).
    """
    own = edge.source_channel() if isinstance(edge, ConvEdge) else edge.pre()
    result: np.ndarray = values[own]
    return result
