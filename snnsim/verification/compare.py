"""Where a recording first differs, and how near its membrane was to the threshold there.

    margin = |u − θ| / θ      of ours, at the first step that differs, in the first population of the order of a step

A margin of the size of a float's rounding (2^−24 in float32, 2^−53 in float64) is a sum that another order of adding
rounds to the other side; what differs after it in that recording is its consequence.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from snnsim.program import Population, Program
from snnsim.simulation import Events, Probe, Result, Simulator


@dataclass(frozen=True)
class Difference:
    """The first cell of a recording in which only one side fires."""

    recording: int
    population: str
    step: int
    neuron: int
    margin: float
    """Distance of our membrane from the threshold, in thresholds."""


Cells = Callable[[Population, int], np.ndarray]
"""cells(population, recording): a number step · neurons + neuron for each spike, ascending."""


def first_differences(
    ours: Result, events: Events, parts: list[Population], cells: tuple[Cells, Cells]
) -> Iterator[Difference]:
    """Yield the first difference of each recording that has one, in these populations; `cells` are ours and theirs."""
    for recording in range(len(ours)):
        found = []
        for place, part in enumerate(parts):
            differ = np.setxor1d(*(side(part, recording) for side in cells))
            if len(differ):
                step, neuron = divmod(int(differ[0]), part.size)
                found.append((step, place, neuron))
        if found:
            step, place, neuron = min(found)
            yield _difference(
                ours.program, events.select(np.array([recording])), recording, (step, parts[place], neuron)
            )


def _difference(program: Program, events: Events, recording: int, where: tuple[int, Population, int]) -> Difference:
    step, part, neuron = where
    again = Simulator(program).run(events, Probe(membranes={part.name: np.array([neuron])}))
    # a trace is in the program's units, as a threshold is
    membrane, threshold = float(again.traces[step, 0]), float(part.threshold[neuron])
    return Difference(recording, part.name, step, neuron, abs(membrane - threshold) / threshold)
