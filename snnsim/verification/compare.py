"""Two sets of spikes compared, and the first spike of a recording in which they differ.

    equal spikes = Σ min(ours, theirs) over cells      total = Σ max(ours, theirs)
    equal cells  = cells in which both fire, or neither      total = steps · neurons
    margin       = |u − θ| / θ      of ours, at the first step that differs, in the first population of a step's order

A margin of the size of a float's rounding (2^−24 in float32, 2^−53 in float64) is a sum that another order of addition
rounds to the other side; later differences in that recording are its consequence.

Names    cell: one neuron in one step of a recording, as the number step · neurons + neuron
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from snnsim.program import Population
from snnsim.simulation import Events, Probe, Result, Simulator

Cells = Callable[[Population, int], np.ndarray]
"""cells(population, recording): the cells with a spike, ascending."""


@dataclass(frozen=True)
class Layer:
    """The counts of one population."""

    name: str
    spikes_equal: int
    spikes_total: int
    cells_equal: int
    cells_total: int


@dataclass(frozen=True)
class Difference:
    """The first cell of a recording in which only one side fires."""

    recording: int
    population: str
    step: int
    neuron: int
    margin: float
    """Distance of our membrane from the threshold, in thresholds."""


def compare_layer(length: np.ndarray, population: Population, ours: Cells, theirs: Cells) -> Layer:
    """Return the counts of a population.

    Args:
        length: Steps of each recording (recording,).
        population: The population.
        ours: Our cells.
        theirs: Those of the backend.
    """
    equal_spikes = total_spikes = differing_cells = 0
    for recording in range(len(length)):
        our_cells, their_cells = ours(population, recording), theirs(population, recording)
        common = len(np.intersect1d(our_cells, their_cells))
        differing = len(our_cells) + len(their_cells) - 2 * common
        equal_spikes, total_spikes = equal_spikes + common, total_spikes + common + differing
        differing_cells += differing
    cells = int(length.sum()) * population.size
    return Layer(population.name, equal_spikes, total_spikes, cells - differing_cells, cells)


def first_differences(
    result: Result, events: Events, populations: Sequence[Population], ours: Cells, theirs: Cells
) -> Iterator[Difference]:
    """Yield the first difference of each recording that has one.

    Args:
        result: Our result.
        events: The recordings.
        populations: The populations to compare, in the order of a step.
        ours: Our cells.
        theirs: Those of the backend.
    """
    for recording in range(len(result)):
        firsts = []
        for index, population in enumerate(populations):
            differing = np.setxor1d(ours(population, recording), theirs(population, recording))
            if len(differing):
                step, neuron = divmod(int(differing[0]), population.size)
                firsts.append((step, index, neuron))
        if firsts:
            step, index, neuron = min(firsts)
            population = populations[index]
            single = events.select(np.array([recording]))
            margin = _margin(result, single, population, step, neuron)
            yield Difference(recording, population.name, step, neuron, margin)


def _margin(result: Result, events: Events, population: Population, step: int, neuron: int) -> float:
    probe = Probe(membranes={population.name: [neuron]})
    traced = Simulator(result.program).run(events, probe)
    # a trace is in the program's units, as a threshold is
    membrane, threshold = float(traced.traces[step, 0]), float(population.threshold[neuron])
    return abs(membrane - threshold) / threshold
