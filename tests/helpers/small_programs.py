"""A Program of four neurons, whose spikes and membranes are easily computed by hand."""

import numpy as np

from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import Events


def chain(**changes):
    """Return input -> a -> out, each with one synapse per neuron and a delay.

    Args:
        **changes: New values of fields of Program.
    """
    both = np.arange(2)
    first = Edge.of(INPUT, "a", (both, both, np.array([1, 3]), np.array([1.0, 1.0])), sources=2)
    second = Edge.of("a", "out", (both, both, np.array([0, 2]), np.array([0.5, 0.25])), sources=2)
    neurons = Population.of("a", 2, decay=0.5), Population.of("out", 2, decay=0.5, model="readout")
    values = {"channels": 2, "populations": neurons, "edges": (first, second), "time_step_ms": 1.0}
    return Program(**(values | {"readout": "out", "decision": "max_membrane", "extra_steps": 6} | changes))


def one_spike_each():
    return Events.single(np.array([0, 0]), np.array([0, 1]), steps=1)
