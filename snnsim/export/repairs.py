"""Named changes that make a Program keep a target's design rules; each says what it changed, none is made unasked.

A repair is a function of a Program that returns a changed one and counts. A target names those that it needs, with the
values that it needs them with; `repaired` applies them until no rule is broken that one of them mends.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnsim.export import bias_relays
from snnsim.export.checks import Violation
from snnsim.export.core_checks import Core, synapse_bits
from snnsim.export.retiming import retimed
from snnsim.program import Edge, Population, Program
from snnsim.quantization import Scheme, quantize

Counts = dict[str, Any]
Repair = Callable[[Program], tuple[Program, Counts]]


@dataclass(frozen=True, eq=False)
class Repaired:
    """One repair that was made."""

    name: str
    counts: Counts
    program: Program
    """The Program after it."""


def repaired(
    program: Program, check: Callable[[Program], Iterable[Violation]], known: Mapping[str, Repair]
) -> tuple[Program, list[Repaired]]:
    """Return a Program that keeps the rules as far as these repairs can make it, and what was done, in order.

    Repairs are made in the order of `known`, until the rules that are broken stay the same.
    """
    made: list[Repaired] = []
    before: list[str] = []
    while len(made) < 4 * len(known):
        found = list(check(program))
        asked = {violation.repair for violation in found}
        name = next((each for each in known if each in asked), None)
        if name is None or list(map(str, found)) == before:
            break
        before = list(map(str, found))
        program, counts = known[name](program)
        made.append(Repaired(name, counts, program))
    return program, made


def requantize(program: Program, *, scheme: Scheme) -> tuple[Program, Counts]:
    """Quantize, or quantize again, with one scale for all neurons of a population; weights of 0 are left out."""
    changed = quantize(program, scheme)
    edges = changed.provenance["quantization"]["edges"]
    shown = []
    for edge in changed.edges:
        there = edge.weight != 0
        synapses = (edge.pre()[there], edge.post[there], edge.delay[there], edge.weight[there])
        shown.append(_like(edge, synapses, program.sources(edge.source)))
    return replace(changed, edges=tuple(shown)), {
        "weights": scheme.weights,
        "scale": scheme.scale,
        "weights_clipped": sum(edge["weights_clipped"] for edge in edges),
        "weights_to_0": sum(edge["weights_to_0"] for edge in edges),
        "relative_error": max((edge["relative_error"] for edge in edges), default=0.0),
    }


def clamp_delays(program: Program, *, most: int) -> tuple[Program, Counts]:
    """Shorten the delays that are longer than `most` steps."""
    return _with_delays(program, [np.minimum(edge.delay, most) for edge in program.edges])


def clamp_machine_delays(program: Program, *, latency: int, least: int, most: int) -> tuple[Program, Counts]:
    """Shorten the delays that are longer than `most` steps on a machine whose synapses take `latency` steps."""
    moved = retimed(program, latency=latency, least=least)
    over = [np.maximum(each.delay - most, 0) for each in moved.connections]
    return _with_delays(program, [edge.delay - each for edge, each in zip(program.edges, over, strict=True)])


def thresholds_to_grid(program: Program, *, unit: int, most: int) -> tuple[Program, Counts]:
    """Give each population the 2^unit T + 1 that is nearest to its mean threshold, T from 0 to `most`."""

    def moved(part: Population) -> Population:
        if not part.fires:
            return part
        above = np.clip(np.rint((part.threshold.mean() - 1) / 2**unit), 0, most)
        return replace(part, threshold=np.full(part.size, int(above) * 2**unit + 1))

    return _neurons(program, moved, "threshold")


def biases_to_grid(program: Program) -> tuple[Program, Counts]:
    """Move biases to the nearest multiple of a weight's unit."""
    unit = 2 ** (program.fixed.weight_shift if program.fixed else 0)
    return _neurons(program, lambda part: replace(part, bias=np.rint(part.bias / unit) * unit), "bias")


def bias_to_clock(program: Program, *, most: int) -> tuple[Program, Counts]:
    """Move biases to the grid of weights, and let channels of a clock give them."""
    return _clocked(program, bias_relays.with_clock, most)


def bias_to_relays(program: Program, *, most: int) -> tuple[Program, Counts]:
    """Move biases to the grid of weights, and let a clock and relays of it give them: for chains."""
    return _clocked(program, bias_relays.with_relays, most)


def average_decays(program: Program) -> tuple[Program, Counts]:
    """Give the neurons of a population the mean of their decays."""

    def same(part: Population) -> Population:
        mean = round(part.decay.mean()) if program.fixed is not None else part.decay.mean()
        return replace(part, decay=np.full(part.size, mean))

    return _neurons(program, same, "decay")


def raise_decays(program: Program, *, least: int) -> tuple[Program, Counts]:
    """Let a step keep `least` parts of a membrane where it keeps fewer."""
    return _neurons(program, lambda part: replace(part, decay=np.maximum(part.decay, least)), "decay")


def join_taps(program: Program) -> tuple[Program, Counts]:
    """Join the synapses of a pair of neurons: their sum, at the delay of the largest."""
    edges, gone = [], 0
    for edge in program.edges:
        targets = program.population(edge.target).size
        pair = edge.pre() * targets + edge.post
        order = np.lexsort((-np.abs(edge.weight.astype(np.float64)), pair))
        kept, first = np.unique(pair[order], return_index=True)
        weight = np.add.reduceat(edge.weight[order].astype(np.float64), first) if len(first) else edge.weight
        synapses = (kept // targets, kept % targets, edge.delay[order][first], weight)
        gone += len(pair) - len(kept)
        edges.append(_like(edge, synapses, program.sources(edge.source)))
    return replace(program, edges=tuple(edges)), {"synapses_joined": gone}


def split_populations(program: Program, *, core: Core) -> tuple[Program, Counts]:
    """Split populations that fire and are too large for a core into equal ones, named P.0, P.1 and on."""
    parts = {part.name: _split(program, part, core) for part in program.populations}
    populations = [piece for part in program.populations for piece, _ in parts[part.name]]
    edges = []
    for edge in program.edges:
        sources = parts.get(edge.source) or [(None, slice(0, program.channels))]
        for source, rows in sources:
            for target, columns in parts[edge.target]:
                edges.append(
                    _piece(edge, (edge.source if source is None else source.name, rows), (target.name, columns))
                )
    changed = replace(program, populations=tuple(populations), edges=tuple(edges))
    return changed, {"populations": len(changed.populations), "before": len(program.populations)}


def _split(program: Program, part: Population, core: Core) -> list[tuple[Population, slice]]:
    targets = len({edge.target for edge in program.edges if edge.source == part.name})
    wanted = max(
        -(-part.size // core.neurons),
        -(-synapse_bits(program, part, core) // core.synapse_bits),
        -(-part.size * targets // core.axons_out),
    )
    if wanted <= 1 or not part.fires:
        return [(part, slice(0, part.size))]
    bounds = np.linspace(0, part.size, min(wanted, part.size) + 1).round().astype(int)
    pieces = []
    for number, (begin, end) in enumerate(itertools.pairwise(bounds)):
        rows = {name: getattr(part, name)[begin:end] for name in part.array_names}
        pieces.append((replace(part, name=f"{part.name}.{number}", **rows), slice(int(begin), int(end))))
    return pieces


def _piece(edge: Edge, source: tuple[str, slice], target: tuple[str, slice]) -> Edge:
    pre, (rows, columns) = edge.pre(), (source[1], target[1])
    here = (pre >= rows.start) & (pre < rows.stop) & (edge.post >= columns.start) & (edge.post < columns.stop)
    synapses = (pre[here] - rows.start, edge.post[here] - columns.start, edge.delay[here], edge.weight[here])
    return Edge.of(source[0], target[0], synapses, sources=rows.stop - rows.start)


def _clocked(program: Program, clock: Callable[..., Program], most: int) -> tuple[Program, Counts]:
    moved, counts = biases_to_grid(program)
    changed = clock(moved, most=most)
    counts |= {"channels_added": changed.channels - program.channels, "neurons_added": changed.size - program.size}
    return changed, counts | {"synapses_added": changed.synapses - program.synapses}


def _neurons(program: Program, change: Callable[[Population], Population], name: str) -> tuple[Program, Counts]:
    populations = tuple(change(part) for part in program.populations)
    pairs = list(zip(program.populations, populations, strict=True))
    moved = sum(int((getattr(one, name) != getattr(other, name)).sum()) for one, other in pairs)
    most = max(float(np.abs(getattr(one, name) - getattr(other, name)).max()) for one, other in pairs)
    plural = {"bias": "biases"}.get(name, f"{name}s")
    return replace(program, populations=populations), {f"{plural}_changed": moved, "largest_change": most}


def _with_delays(program: Program, delays: list[np.ndarray]) -> tuple[Program, Counts]:
    edges, changed, most = [], 0, 0
    for edge, delay in zip(program.edges, delays, strict=True):
        shorter = edge.delay.astype(np.int64) - delay
        changed, most = changed + int((shorter > 0).sum()), max(most, int(shorter.max(initial=0)))
        edges.append(_like(edge, (edge.pre(), edge.post, delay, edge.weight), program.sources(edge.source)))
    return replace(program, edges=tuple(edges)), {"delays_shortened": changed, "largest_change": most}


def _like(edge: Edge, synapses: tuple[np.ndarray, ...], sources: int) -> Edge:
    pre, post, delay, weight = synapses
    return Edge.of(edge.source, edge.target, (pre, post, delay, weight.astype(edge.weight.dtype)), sources=sources)
