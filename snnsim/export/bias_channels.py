"""Biases as synapses from bias channels: for hardware without biases, or with a bias before its time.

    floats     b[j]           =  w[j]           from one more channel, which spikes in every step
    integers   b[j] 2^-shift  =  Σ_k w[k, j]    from K more channels, which all spike in every step
    relays     neuron r of a layer repeats the bias channels a step later, for a layer that sees only the layer before

A population that runs late by o steps must not feel its bias in the first o steps. A synapse of a bias channel is
delayed like any other, so hardware needs no further rule. The caller feeds the bias channels with the recording.

Names    K as many as the largest bias or threshold takes, at the largest weight · provenance["clock"] has the number of
         the bias channel, or the list of them; files call a bias channel the clock
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from snnsim.export.common import joined_edges
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.program.edge import Synapses
from snnsim.simulation import Events
from snnsim.validation import indices


def with_bias_channel(program: Program) -> Program:
    """Return a Program in floats whose biases are weights of one more channel.

    Args:
        program: The Program; one without biases is returned unchanged.

    Raises:
        ValueError: If a Program in integers has biases, as they are finer than its weights.
    """
    biased = [population for population in program.populations if population.bias.any()]
    if not biased:
        return program
    if program.fixed is not None:
        raise ValueError(
            "bias channel: biases of a program in integers are finer than its weights, so no synapse has their weight; "
            "put them on the grid of the weights first"
        )
    edges = [_widened(edge, 1) if edge.source == INPUT else edge for edge in program.single_edges]
    for population in biased:
        neuron = np.flatnonzero(population.bias)
        channel, delay = np.full(len(neuron), program.channels), np.zeros(len(neuron), np.int64)
        synapses = (channel, neuron, delay, population.bias[neuron])
        edges.append(Edge.of(INPUT, population.name, synapses, sources=program.channels + 1))
    return _replaced(program, map(_unbiased, program.populations), edges, program.channels)


def with_bias_channels(program: Program, *, most: int) -> Program:
    """Return a Program in integers whose biases are weights of more channels.

    Args:
        program: A Program in integers.
        most: The largest weight.

    Raises:
        ValueError: If a bias is no multiple of 2^weight_shift, or the Program is in floats.
    """
    biases = {population.name: _in_weight_units(program, population) for population in program.populations}
    largest = max(int(np.abs(bias).max()) for bias in biases.values())
    if largest == 0:
        return program
    count = -(-largest // most)
    edges = [_widened(edge, count) if edge.source == INPUT else edge for edge in program.single_edges]
    for population in program.populations:
        if population.bias.any():
            synapses = _bias_synapses(biases[population.name], count, most, start=program.channels)
            edges.append(Edge.of(INPUT, population.name, synapses, sources=program.channels + count))
    return _replaced(program, map(_unbiased, program.populations), joined_edges(edges), _next_numbers(program, count))


def with_bias_relays(program: Program, *, most: int) -> Program:
    """Return a chain of layers in integers whose biases are weights of channels and of relay neurons.

    Bias channels reach the first population. A population before the last biased one gets as many relay neurons, which
    repeat the bias channels in every step for the population behind it.

    Args:
        program: A Program in integers, each of whose populations has one edge, from the one before it.
        most: The largest weight.

    Raises:
        ValueError: If a bias is no multiple of 2^weight_shift, or the Program is in floats.
    """
    program = in_chain_order(program)
    populations = program.populations
    biases = [_in_weight_units(program, population) for population in populations]
    biased = [index for index, bias in enumerate(biases) if bias.any()]
    if not biased:
        return program
    last = biased[-1]
    count = _relay_count(program, biases, last, most)
    changed, edges = [], []
    for index, (population, edge) in enumerate(zip(populations, program.single_edges, strict=True)):
        start = program.sources(edge.source)
        synapses = _concatenated(edge, _bias_synapses(biases[index], count, most, start=start))
        if index < last:
            synapses = _concatenated_rows(synapses, _relay_synapses(count, most, start, population.size))
        edges.append(Edge.of(edge.source, edge.target, synapses, sources=start + count * (index <= last)))
        changed.append(_with_relays(_unbiased(population), count) if index < last else _unbiased(population))
    return _replaced(program, changed, edges, _next_numbers(program, count))


def in_chain_order(program: Program) -> Program:
    """Return a chain with its edges in the order of their target populations.

    Args:
        program: Chain of populations, each with one edge that leads to it.
    """
    order = {population.name: number for number, population in enumerate(program.populations)}
    return replace(program, edges=tuple(sorted(program.single_edges, key=lambda edge: order[edge.target])))


def with_bias_spikes(program: Program, events: Events) -> tuple[Program, Events]:
    """Return a Program without extra steps, and recordings that have them and the spikes of its bias channels.

    Args:
        program: A Program, with or without bias channels in its provenance.
        events: Recordings of its other channels.

    Raises:
        ValueError: If the provenance names channels that the Program does not have.
    """
    length = events.length + program.extra_steps
    without_extra_steps = replace(program, extra_steps=0)
    channels = channel_numbers(program)
    if not len(channels):
        return without_extra_steps, replace(events, length=length)
    steps = [np.repeat(np.arange(count), len(channels)) for count in length]
    recording = np.concatenate(
        [
            np.repeat(np.arange(len(events)), np.diff(events.offset)),
            np.repeat(np.arange(len(events)), length * len(channels)),
        ]
    )
    step = np.concatenate([events.step, *steps])
    channel = np.concatenate([events.channel, np.tile(channels, int(length.sum()))])
    count = np.concatenate([events.count, np.ones(sum(map(len, steps)), events.count.dtype)])
    order = np.lexsort((channel, step, recording))
    offset = np.cumsum([0, *np.bincount(recording, minlength=len(events))])
    return without_extra_steps, Events(step[order], channel[order], count[order], offset, length)


def channel_numbers(program: Program) -> np.ndarray:
    """Return the numbers of the bias channels of a Program, int64 (bias channel,).

    Args:
        program: A Program, with or without bias channels in its provenance.

    Raises:
        ValueError: If the provenance names channels that the Program does not have.
    """
    clock = program.provenance.get("clock", [])
    return indices(clock if isinstance(clock, list) else [clock], program.channels, who="bias channels", name="clock")


def recorded_channels(program: Program) -> int:
    """Return how many channels a recording has: all but the bias channels, which are the last ones.

    Args:
        program: A Program, with or without bias channels in its provenance.
    """
    return program.channels - len(channel_numbers(program))


def added_channel(program: Program, changed: Program) -> int | None:
    """Return the number of the bias channel that `with_bias_channel` added, or None if it added none.

    Args:
        program: The Program before.
        changed: The Program after.
    """
    return program.channels if changed.channels > program.channels else None


def _in_weight_units(program: Program, population: Population) -> np.ndarray:
    unit = 2 ** _weight_shift(program)
    if (population.bias % unit).any():
        raise ValueError(
            f"bias channels: biases of population {population.name!r} must be multiples of {unit}, the unit of its "
            "weights; put them on that grid first"
        )
    return np.asarray(population.bias // unit)


def _weight_shift(program: Program) -> int:
    if program.fixed is None:
        raise ValueError("bias channels: the program is in floats; quantize it")
    return program.fixed.weight_shift


def _relay_count(program: Program, biases: Sequence[np.ndarray], last: int, most: int) -> int:
    """Return how many bias channels the largest bias takes, or the largest threshold that relays must reach."""
    unit = 2 ** _weight_shift(program)
    sums = [int(np.abs(bias).max()) for bias in biases]
    sums += [-(-int(population.threshold.max()) // unit) for population in program.populations[:last]]
    return -(-max(sums) // most)


def _bias_synapses(bias: np.ndarray, count: int, most: int, *, start: int) -> Synapses:
    """Return synapses from sources start, start + 1, ... whose weights add up to a bias."""
    source, neuron = (index.ravel() for index in np.indices((count, len(bias))))
    size = np.clip(np.abs(bias)[neuron] - source * most, 0, most)
    present = size > 0
    weight = (np.sign(bias)[neuron] * size)[present]
    return source[present] + start, neuron[present], np.zeros(present.sum(), int), weight


def _relay_synapses(count: int, most: int, start: int, size: int) -> Synapses:
    """Return synapses from every bias channel, or relay, before a layer to every relay of the layer."""
    source, relay = (index.ravel() for index in np.indices((count, count)))
    return source + start, relay + size, np.zeros(count**2, int), np.full(count**2, most)


def _concatenated(edge: Edge, synapses: Synapses) -> Synapses:
    return _concatenated_rows((edge.pre(), edge.post, edge.delay, edge.weight), synapses)


def _concatenated_rows(one: Synapses, other: Synapses) -> Synapses:
    pre, post, delay, weight = (np.concatenate(rows).astype(np.int64) for rows in zip(one, other, strict=True))
    return pre, post, delay, weight


def _unbiased(population: Population) -> Population:
    return replace(population, bias=np.zeros_like(population.bias))


def _with_relays(population: Population, count: int) -> Population:
    """Return a population with relay neurons like its last neuron."""
    arrays = {name: getattr(population, name) for name in population.array_names}
    longer: dict[str, Any] = {name: np.append(array, np.repeat(array[-1], count)) for name, array in arrays.items()}
    return replace(population, **longer)


def _widened(edge: Edge, count: int) -> Edge:
    """Return an edge from the input with sources for more channels."""
    return replace(edge, indptr=np.append(edge.indptr, np.repeat(edge.indptr[-1], count)))


def _next_numbers(program: Program, count: int) -> list[int]:
    return list(range(program.channels, program.channels + count))


def _replaced(
    program: Program, populations: Iterable[Population], edges: Iterable[Edge], channels: int | list[int]
) -> Program:
    """Return a Program with these populations and edges, and bias channels of these numbers besides those it has."""
    added = np.atleast_1d(channels)
    count = program.channels + len(added)
    changed = replace(program, channels=count, populations=tuple(populations), edges=tuple(edges))
    earlier = channel_numbers(program).tolist()
    return changed.came_from(clock=[*earlier, *added.tolist()] if earlier else channels)
