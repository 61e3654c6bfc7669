"""Repairs of decays and gains: those of membranes and of synaptic currents."""

from dataclasses import replace
from typing import Any

import numpy as np

from snnsim.export import repairs
from snnsim.export.retiming import keeps_current
from snnsim.program import Population, Program
from snnsim.quantization import dequantized


def average_decays(program: Program) -> tuple[Program, repairs.Counts]:
    """Give all neurons of a population the mean of their decays, and of the decays of their synaptic currents.

    Args:
        program: The Program. A mean of integers is rounded.
    """

    def averaged(population: Population) -> Population:
        means: dict[str, Any] = {}
        for name in ("decay", "second_decay"):
            values = getattr(population, name)
            if name == "decay" or (values is not None and keeps_current(population.model)):
                mean = round(values.mean()) if program.fixed is not None else values.mean()
                means[name] = np.full(population.size, mean)
        return replace(population, **means)

    changed, counts = repairs.with_neurons(program, averaged, "decay")
    for one, other in zip(program.populations, changed.populations, strict=True):
        if one.second_decay is not None and other.second_decay is not None:
            change = np.abs(one.second_decay - other.second_decay)
            counts["decays_changed"] += int(np.count_nonzero(change))
            counts["largest_change"] = max(counts["largest_change"], float(change.max()))
    return changed, counts


def gains_to_weights(program: Program) -> tuple[Program, repairs.Counts]:
    """Multiply weights and biases by the gains of synaptic currents; a Program in integers is then one in floats.

    Args:
        program: The Program.
    """
    floats = dequantized(program)
    gains = {each.name: each.gain for each in floats.populations if each.gain is not None and keeps_current(each.model)}
    populations = [
        replace(each, bias=each.bias * gains[each.name], gain=np.ones(each.size)) if each.name in gains else each
        for each in floats.populations
    ]
    edges = [
        replace(edge, weight=edge.weight * gains[edge.target][edge.post]) if edge.target in gains else edge
        for edge in floats.single_edges
    ]
    count = sum(int((gain != 1).sum()) for gain in gains.values())
    return replace(floats, populations=tuple(populations), edges=tuple(edges)), {"gains_changed": count}
