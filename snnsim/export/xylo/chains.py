"""Which hidden neurons of Xylo stand for the neurons and channels of a Program: chains of relays."""

import numpy as np

from snnsim.export.retiming import retime
from snnsim.program import INPUT, Program

Chains = dict[str, list[list[int]]]
"""For each source, the chain of each of its neurons or channels: entry k fires k steps after it."""


def relay_chains(program: Program) -> Chains:
    """Return the chains of the input and of each population that fires.

    The first entry of a neuron's chain is the neuron; that of a channel is a relay that fires in the channel's step.

    Args:
        program: Program in floats or integers.

    Raises:
        ValueError: If a loop is too short for retiming.
    """
    firing = [population for population in program.populations if population.fires]
    length = {INPUT: np.zeros(program.channels, np.int64)}
    length |= {population.name: np.ones(population.size, np.int64) for population in firing}
    for edge in retime(program, latency=0, shortest=1).edges:
        # a spike takes a step to a neuron or an output, and the second weight comes a step later
        np.maximum.at(length[edge.source], edge.pre, edge.delay + 1)
    neuron, relay = 0, sum(population.size for population in firing)
    chains: Chains = {}
    for name, counts in length.items():
        chains[name] = []
        for count in counts.tolist():
            own = [] if name == INPUT else [neuron]
            relays = count - len(own)
            chains[name].append([*own, *range(relay, relay + relays)])
            neuron, relay = neuron + len(own), relay + relays
    return chains


def hidden_neurons(program: Program, chains: Chains) -> int:
    """Return how many hidden neurons the chip needs: neurons that fire, and relays.

    Args:
        program: Program that the chains are of.
        chains: The result of `relay_chains`.
    """
    neurons = sum(population.size for population in program.populations if population.fires)
    return max((1 + chain[-1] for rows in chains.values() for chain in rows if chain), default=neurons)
