"""Named changes that let a Program keep a target's design rules; each counts what it changed, none is made unasked.

A repair is a function of a Program that returns a changed Program and counts. A target lists the repairs that it needs,
with their values; `apply_repairs` applies them until no rule is broken that one of them repairs.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnsim.export import bias_channels
from snnsim.export.checks import Violation
from snnsim.export.common import joined_edges
from snnsim.export.core_checks import Core, synapse_bits
from snnsim.export.retiming import retime
from snnsim.program import Edge, Population, Program
from snnsim.program.edge import Synapses
from snnsim.quantization import Scheme, dequantized, quantize

Counts = dict[str, Any]
Repair = Callable[[Program], tuple[Program, Counts]]
LARGEST_WEIGHT = 2**15 - 1
"""The largest weight of a Program in integers."""


@dataclass(frozen=True, eq=False)
class Repaired:
    """One repair that was applied."""

    name: str
    counts: Counts
    program: Program
    """The Program after it."""


def apply_repairs(
    program: Program, check: Callable[[Program], Iterable[Violation]], repairs: Mapping[str, Repair]
) -> tuple[Program, list[Repaired]]:
    """Return a Program that keeps the rules as far as the repairs can make it, and the applied repairs, in order.

    Args:
        program: The Program.
        check: Yields the violations of the rules.
        repairs: Repairs by name, in the order in which they are tried. Each is applied while a violation names it,
            until the violations stay the same.
    """
    applied: list[Repaired] = []
    before: list[str] = []
    while len(applied) < 4 * len(repairs):
        violations = list(check(program))
        wanted = {violation.repair for violation in violations}
        name = next((name for name in repairs if name in wanted), None)
        if name is None or list(map(str, violations)) == before:
            break
        before = list(map(str, violations))
        program, counts = repairs[name](program)
        applied.append(Repaired(name, counts, program))
    return program, applied


def requantize(program: Program, *, scheme: Scheme) -> tuple[Program, Counts]:
    """Quantize a Program, and leave out synapses whose weight becomes 0.

    Args:
        program: Program in floats or integers.
        scheme: Bits of weights, delays, membranes and decays.
    """
    changed = quantize(program, scheme)
    errors = changed.provenance["quantization"]["edges"]
    edges = [edge.selected(edge.weight != 0) for edge in changed.edges]
    return replace(changed, edges=tuple(edges)), {
        "weights": scheme.weights,
        "scale": scheme.scale,
        "weights_clipped": sum(edge["weights_clipped"] for edge in errors),
        "weights_to_0": sum(edge["weights_to_0"] for edge in errors),
        "relative_error": max((edge["relative_error"] for edge in errors), default=0.0),
    }


def clamp_delays(program: Program, *, most: int) -> tuple[Program, Counts]:
    """Shorten delays that are too long.

    Args:
        program: Program in floats or integers.
        most: The longest delay of the target, in steps. Every longer delay becomes `most`.
    """
    return _with_delays(program, [np.minimum(edge.delay, most) for edge in program.single_edges])


def clamp_hardware_delays(program: Program, *, latency: int, shortest: int, most: int) -> tuple[Program, Counts]:
    """Shorten delays so that they are at most `most` steps after retiming.

    Args:
        program: The Program.
        latency: Steps that a synapse of the hardware takes besides its delay.
        shortest: The shortest delay of the hardware.
        most: Its longest delay.
    """
    retimed = retime(program, latency=latency, shortest=shortest)
    over = [np.maximum(edge.delay - most, 0) for edge in retimed.edges]
    return _with_delays(program, [edge.delay - excess for edge, excess in zip(program.single_edges, over, strict=True)])


def thresholds_to_grid(program: Program, *, unit: int, most: int) -> tuple[Program, Counts]:
    """Give each population that fires the threshold 2^unit T + 1 that is nearest to its mean threshold.

    Args:
        program: The Program.
        unit: The exponent of the grid.
        most: The largest T.
    """

    def moved(population: Population) -> Population:
        if not population.fires:
            return population
        mantissa = np.clip(np.rint((population.threshold.mean() - 1) / 2**unit), 0, most)
        return replace(population, threshold=np.full(population.size, int(mantissa) * 2**unit + 1))

    return with_neurons(program, moved, "threshold")


def biases_to_grid(program: Program) -> tuple[Program, Counts]:
    """Move biases to the nearest multiple of the unit of weights.

    Args:
        program: The Program. The unit of weights is 2^weight_shift in integers, and 1 in floats.
    """
    unit = 2 ** (program.fixed.weight_shift if program.fixed else 0)
    return with_neurons(
        program, lambda population: replace(population, bias=np.rint(population.bias / unit) * unit), "bias"
    )


def bias_to_channels(program: Program, *, most: int) -> tuple[Program, Counts]:
    """Move biases to the grid of weights, and then into bias channels.

    Args:
        program: Program in integers.
        most: The largest absolute weight of a bias channel. A larger bias takes several channels.
    """
    return _without_biases(program, bias_channels.with_bias_channels, most)


def bias_to_relays(program: Program, *, most: int) -> tuple[Program, Counts]:
    """Move biases of a chain to the grid of weights, and then into bias channels and relay neurons.

    Args:
        program: Program in integers, a chain.
        most: The largest absolute weight of a bias channel. A larger bias takes several channels.
    """
    return _without_biases(program, bias_channels.with_bias_relays, most)


def raise_decays(program: Program, *, least: int) -> tuple[Program, Counts]:
    """Raise decays that are too small.

    Args:
        program: Program in floats or integers.
        least: The smallest decay of the target, in the Program's units: parts of 2^decay_bits in integers. Every
            smaller decay becomes `least`.
    """
    return with_neurons(
        program, lambda population: replace(population, decay=np.maximum(population.decay, least)), "decay"
    )


def join_taps(program: Program) -> tuple[Program, Counts]:
    """Join the synapses of a pair of neurons into one: the sum of their weights, at the delay of the largest weight.

    Parallel edges become one, too. Where a sum leaves the 16 bits of integers, the Program is dequantized first.

    Args:
        program: Program in floats or integers.
    """
    edges, joined = [], 0
    for edge in joined_edges(program.single_edges):
        targets = program.population(edge.target).size
        pair = edge.pre() * targets + edge.post
        # the largest weight of a pair comes first, so the first delay of a pair is that of the largest weight
        order = np.lexsort((-np.abs(edge.weight.astype(np.float64)), pair))
        pairs, start = np.unique(pair[order], return_index=True)
        weight = np.add.reduceat(edge.weight[order].astype(np.float64), start) if len(start) else edge.weight
        if program.fixed is not None and np.abs(weight).max(initial=0) > LARGEST_WEIGHT:
            return join_taps(dequantized(program))
        synapses = (pairs // targets, pairs % targets, edge.delay[order][start], weight)
        joined += len(pair) - len(pairs)
        edges.append(_like(edge, synapses, program.sources(edge.source)))
    return replace(program, edges=tuple(edges)), {"synapses_joined": joined}


def split_populations(program: Program, *, core: Core) -> tuple[Program, Counts]:
    """Split populations that fire and are too large for a core into equal parts, named P.0, P.1 and so on.

    Where names of other populations begin with P., a "_" stands in front of the numbers.

    Args:
        program: Program in floats or integers.
        core: Capacity of a core, of which `neurons`, `synapse_bits` and `axons_out` set the number of parts.
    """
    pieces = {population.name: _split(program, population, core) for population in program.populations}
    populations = [piece for population in program.populations for piece, _ in pieces[population.name]]
    names = {name: [(piece.name, neurons) for piece, neurons in split] for name, split in pieces.items()}
    edges = []
    for edge in program.single_edges:
        for source in names.get(edge.source) or [(edge.source, slice(0, program.channels))]:
            edges += [_between(edge, source, target) for target in names[edge.target]]
    changed = replace(program, populations=tuple(populations), edges=tuple(edges))
    return changed, {"populations": len(changed.populations), "before": len(program.populations)}


def _split(program: Program, population: Population, core: Core) -> list[tuple[Population, slice]]:
    """Return the parts of a population, and the neurons of each."""
    targets = len({edge.target for edge in program.single_edges if edge.source == population.name})
    count = max(
        -(-population.size // core.neurons),
        -(-synapse_bits(program, population, core) // core.synapse_bits),
        -(-population.size * targets // core.axons_out),
    )
    count = min(count, population.size)
    if count <= 1 or not population.fires:
        return [(population, slice(0, population.size))]
    bounds = np.linspace(0, population.size, count + 1).round().astype(int)
    # no part has the name of another population
    stem, names = f"{population.name}.", [each.name for each in program.populations]
    while any(name.startswith(stem) for name in names):
        stem += "_"
    pieces = []
    for number, (begin, end) in enumerate(itertools.pairwise(bounds.tolist())):
        arrays: dict[str, Any] = {name: getattr(population, name)[begin:end] for name in population.array_names}
        pieces.append((replace(population, name=f"{stem}{number}", **arrays), slice(begin, end)))
    return pieces


def _between(edge: Edge, source: tuple[str, slice], target: tuple[str, slice]) -> Edge:
    """Return the synapses of an edge from a part of its source to a part of its target."""
    (source_name, rows), (target_name, columns) = source, target
    pre = edge.pre()
    mask = (pre >= rows.start) & (pre < rows.stop) & (edge.post >= columns.start) & (edge.post < columns.stop)
    synapses = (pre[mask] - rows.start, edge.post[mask] - columns.start, edge.delay[mask], edge.weight[mask])
    return Edge.of(source_name, target_name, synapses, sources=rows.stop - rows.start)


def _without_biases(program: Program, move: Callable[..., Program], most: int) -> tuple[Program, Counts]:
    rounded, counts = biases_to_grid(program)
    changed = move(rounded, most=most)
    counts |= {"channels_added": changed.channels - program.channels, "neurons_added": changed.size - program.size}
    return changed, counts | {"synapses_added": changed.synapses - program.synapses}


def with_neurons(program: Program, change: Callable[[Population], Population], name: str) -> tuple[Program, Counts]:
    """Return a Program with changed populations, and how much one of their arrays changed.

    Args:
        program: The Program.
        change: change(population) is a population of the same size.
        name: The array.
    """
    populations = tuple(change(population) for population in program.populations)
    pairs = [
        (getattr(one, name), getattr(other, name)) for one, other in zip(program.populations, populations, strict=True)
    ]
    count = sum(int((one != other).sum()) for one, other in pairs)
    largest = max(float(np.abs(one - other).max()) for one, other in pairs)
    plural = {"bias": "biases"}.get(name, f"{name}s")
    return replace(program, populations=populations), {f"{plural}_changed": count, "largest_change": largest}


def _with_delays(program: Program, delays: list[np.ndarray]) -> tuple[Program, Counts]:
    edges, count, largest = [], 0, 0
    for edge, delay in zip(program.single_edges, delays, strict=True):
        change = edge.delay.astype(np.int64) - delay
        count, largest = count + int((change > 0).sum()), max(largest, int(change.max(initial=0)))
        edges.append(edge.with_delays(delay))
    return replace(program, edges=tuple(edges)), {"delays_shortened": count, "largest_change": largest}


def _like(edge: Edge, synapses: Synapses, sources: int) -> Edge:
    """Return an edge between the same populations, with weights of the same type."""
    pre, post, delay, weight = synapses
    return Edge.of(edge.source, edge.target, (pre, post, delay, weight.astype(edge.weight.dtype)), sources=sources)
