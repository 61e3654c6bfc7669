"""A bias as a synapse: for machines without biases, or on which a population would have its bias before its time.

    b[j] in every step  =  w[j] = b[j] from one more input channel, the clock, which fires in every step

A population that runs late by o steps must not feel its bias in the first o steps; a synapse of the clock is delayed
like any other, so nothing is left to be said about it. What runs the file feeds the clock with the recording.

Names    clock the last channel, provenance["clock"] its number; several where one weight cannot be as large as a bias
         (`relays`)
"""

from dataclasses import replace

import numpy as np

from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import Events


def with_clock(program: Program) -> Program:
    """Return a Program without biases, of one more channel if there were any; of numbers in floats.

    Raises ValueError for a Program in integers: a bias is finer than its weights.
    """
    biased = [part for part in program.populations if part.bias.any()]
    if not biased:
        return program
    if program.fixed is not None:
        raise ValueError(
            "clock: biases of a program in integers are finer than its weights, so no synapse has their weight; "
            "put them on the grid of the weights first"
        )
    edges = [_of_more_channels(edge) if edge.source == INPUT else edge for edge in program.edges]
    edges += [_clocked(part, program.channels) for part in biased]
    populations = tuple(replace(part, bias=np.zeros_like(part.bias)) for part in program.populations)
    changed = replace(program, channels=program.channels + 1, populations=populations, edges=tuple(edges))
    return changed.came_from(clock=program.channels)


def ticking(program: Program, events: Events) -> tuple[Program, Events]:
    """Return a Program without extra steps, and recordings that have them, with the spikes of its clock."""
    length = events.length + program.extra_steps
    still = replace(program, extra_steps=0)
    clock = program.provenance.get("clock")
    if clock is None:
        return still, replace(events, length=length)
    lines = np.atleast_1d(clock)
    recording = np.repeat(np.arange(len(events)), np.diff(events.offset))
    ticks = np.repeat(np.arange(len(events)), length * len(lines))
    step = np.concatenate([events.step, *(np.repeat(np.arange(steps), len(lines)) for steps in length)])
    channel = np.concatenate([events.channel, np.tile(lines, int(length.sum()))])
    count = np.concatenate([events.count, np.ones(len(ticks), events.count.dtype)])
    whose = np.concatenate([recording, ticks])
    order = np.lexsort((channel, step, whose))
    offset = np.cumsum([0, *np.bincount(whose, minlength=len(events))])
    return still, Events(step[order], channel[order], count[order], offset, length)


def _of_more_channels(edge: Edge) -> Edge:
    return replace(edge, indptr=np.append(edge.indptr, edge.indptr[-1]))


def _clocked(part: Population, clock: int) -> Edge:
    neuron = np.flatnonzero(part.bias)
    synapses = (np.full(len(neuron), clock), neuron, np.zeros(len(neuron), np.int64), part.bias[neuron])
    return Edge.of(INPUT, part.name, synapses, sources=clock + 1)
