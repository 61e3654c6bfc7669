"""A bias of a Program in integers as spikes: lines of a clock, and relays of it where a layer sees only the one before.

    b[j] 2^-shift  =  Σ_k w[k, j]     from K channels more, the clock, which all spike in every step
    relay r of a layer fires in every step, driven by all K lines, and is a line of the clock to the layer behind it

Names    K as many as the largest bias or threshold takes, at the largest weight
Differs  `clock.with_clock` does this in floats, with one channel, as a weight can be as large as a bias there
"""

from dataclasses import replace

import numpy as np

from snnsim.program import INPUT, Edge, Population, Program


def with_clock(program: Program, *, most: int) -> Program:
    """Return a Program of integers without biases; channels of a clock reach every population that had one.

    `most` is the largest weight. Raises ValueError where a bias is no multiple of 2^weight_shift.
    """
    parts = {part.name: _whole(program, part) for part in program.populations}
    largest = max(int(np.abs(bias).max()) for bias in parts.values())
    if largest == 0:
        return program
    lines = -(-largest // most)
    edges = [_widened(edge, lines) if edge.source == INPUT else edge for edge in program.edges]
    for part in program.populations:
        if part.bias.any():
            synapses = _biases(parts[part.name], lines, most, first=program.channels)
            edges.append(Edge.of(INPUT, part.name, synapses, sources=program.channels + lines))
    return _ticking(program, [_unbiased(part) for part in program.populations], _joined(edges), lines)


def in_chain_order(program: Program) -> Program:
    """Return a chain with its edges in the order of the populations that they lead to."""
    order = {population.name: number for number, population in enumerate(program.populations)}
    return replace(program, edges=tuple(sorted(program.edges, key=lambda edge: order[edge.target])))


def with_relays(program: Program, *, most: int) -> Program:
    """Return a chain in integers without biases; a clock reaches the first population, and relays the next ones."""
    program = in_chain_order(program)
    parts = list(program.populations)
    bias = [_whole(program, part) for part in parts]
    biased = [number for number, each in enumerate(bias) if each.any()]
    if not biased:
        return program
    unit, last = 2 ** _shift(program), biased[-1]
    needed = [int(np.abs(each).max()) for each in bias]
    needed += [-(-int(part.threshold.max()) // unit) for part in parts[:last]]
    lines = -(-max(needed) // most)
    made, edges = [], []
    for number, (part, edge) in enumerate(zip(parts, program.edges, strict=True)):
        first = program.sources(edge.source)
        fed = number <= last
        added = _biases(bias[number], lines, most, first=first)
        if number < last:
            pre, post = (index.ravel() for index in np.indices((lines, lines)))
            driven = (pre + first, post + part.size, np.zeros(lines**2, int), np.full(lines**2, most))
            added = tuple(np.concatenate(both) for both in zip(added, driven, strict=True))
        whole = zip((edge.pre(), edge.post, edge.delay, edge.weight), added, strict=True)
        synapses = tuple(np.concatenate([one, other]).astype(np.int64) for one, other in whole)
        edges.append(Edge.of(edge.source, edge.target, synapses, sources=first + lines * fed))
        made.append(_larger(_unbiased(part), lines) if number < last else _unbiased(part))
    return _ticking(program, made, edges, lines)


def _whole(program: Program, part: Population) -> np.ndarray:
    """Return a population's biases in units of its weights."""
    unit = 2 ** _shift(program)
    if (part.bias % unit).any():
        raise ValueError(
            f"clock: biases of population {part.name!r} must be multiples of {unit}, the unit of its weights; put them "
            "on that grid first"
        )
    return part.bias // unit


def _shift(program: Program) -> int:
    if program.fixed is None:
        raise ValueError("clock: the program is in floats; quantize it")
    return program.fixed.weight_shift


def _biases(bias: np.ndarray, lines: int, most: int, *, first: int) -> tuple[np.ndarray, ...]:
    """Return synapses from lines of the clock, source `first` and on, that add up to a bias."""
    line, neuron = (index.ravel() for index in np.indices((lines, len(bias))))
    size = np.clip(np.abs(bias)[neuron] - line * most, 0, most)
    there = size > 0
    weight = (np.sign(bias)[neuron] * size)[there]
    return line[there] + first, neuron[there], np.zeros(there.sum(), int), weight


def _unbiased(part: Population) -> Population:
    return replace(part, bias=np.zeros_like(part.bias))


def _larger(part: Population, relays: int) -> Population:
    rows = {name: getattr(part, name) for name in part.array_names}
    return replace(part, **{name: np.append(row, np.repeat(row[-1], relays)) for name, row in rows.items()})


def _widened(edge: Edge, lines: int) -> Edge:
    return replace(edge, indptr=np.append(edge.indptr, np.repeat(edge.indptr[-1], lines)))


def _joined(edges: list[Edge]) -> list[Edge]:
    """Return edges of which no two lead from the input to the same population."""
    joined: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        other = joined.get((edge.source, edge.target)) if edge.source == INPUT else None
        if other is not None:
            both = (
                (other.pre(), edge.pre()),
                *((getattr(other, n), getattr(edge, n)) for n in ("post", "delay", "weight")),
            )
            synapses = tuple(np.concatenate(parts).astype(np.int64) for parts in both)
            edge = Edge.of(edge.source, edge.target, synapses, sources=len(edge.indptr) - 1)
        joined[edge.source, edge.target] = edge
    return list(joined.values())


def _ticking(program: Program, parts: list[Population], edges: list[Edge], lines: int) -> Program:
    clock = list(range(program.channels, program.channels + lines))
    changed = replace(program, channels=program.channels + lines, populations=tuple(parts), edges=tuple(edges))
    return changed.came_from(clock=clock)
