"""How a Program's synapses and decision are laid out for the C runtime.

    table    weight[source][target], delay[source][target]: 2 bytes a pair; a pair without a synapse has weight 0
    list     first[source], and target, weight, delay of each synapse: 3 bytes a synapse, and 4 per source

An edge with k synapses per pair is k tables, or one list, whichever is smaller. A synapse of weight 0 can only stand in
tables that are complete: elsewhere it would be no synapse.

    unit     U[j] = round(unit[j] 2^S)  (softmax: unit[j] log2(e))      the largest S with which sums of U u fit 64 bits

Names    unit what one unit of membrane is in the trained network · u membrane
"""

from dataclasses import dataclass

import numpy as np

from snnsim.program import Edge, Population, Program

STEPS = 4096
FRACTION_BITS = 16


@dataclass(frozen=True, eq=False)
class Block:
    """Synapses as the runtime has them: a table, or a list."""

    source: str
    target: str
    weight: np.ndarray
    delay: np.ndarray
    first: np.ndarray | None = None
    post: np.ndarray | None = None


def smallest(values: np.ndarray, *, signed: bool) -> str:
    """Return C's smallest type of whole numbers for all of these."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    for bits in (8, 16):
        least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        if least <= low and high <= most:
            return f"{'' if signed else 'u'}int{bits}_t"
    return "int32_t" if signed else "uint32_t"


def blocks(program: Program) -> list[list[Block]]:
    """Return the blocks of each edge of a Program."""
    return [_laid(program, edge) for edge in program.edges]


def _laid(program: Program, edge: Edge) -> list[Block]:
    sources, targets = program.sources(edge.source), program.population(edge.target).size
    pre = edge.pre()
    pair = pre * targets + edge.post
    order = np.argsort(pair, kind="stable")
    start = np.searchsorted(pair[order], pair[order])
    place = np.empty(len(pair), np.int64)
    place[order] = np.arange(len(pair)) - start
    tables = int(place.max(initial=-1)) + 1
    width = edge.weight.itemsize if np.abs(edge.weight).max(initial=0) > 127 else 1
    wide = 1 if targets <= 256 else 2
    listed = len(pair) * (width + 1 + wide) + 4 * (sources + 1)
    places = tables * sources * targets
    hidden = len(pair) < places and (edge.weight == 0).any()
    if tables == 0 or hidden or listed <= places * (width + 1):
        return [Block(edge.source, edge.target, edge.weight, edge.delay, edge.indptr, edge.post)]
    made = []
    for number in range(tables):
        weight, delay = np.zeros((sources, targets), np.int16), np.zeros((sources, targets), np.uint16)
        here = place == number
        weight[pre[here], edge.post[here]] = edge.weight[here]
        delay[pre[here], edge.post[here]] = edge.delay[here]
        made.append(Block(edge.source, edge.target, weight.ravel(), delay.ravel()))
    return made


def joined(made: list[Block], *, sources: int, targets: int, synapses: int) -> Edge:
    """Return the edge, of so many synapses, that these are the blocks of."""
    first = made[0]
    if first.first is not None:
        return Edge(first.source, first.target, first.first, first.post, first.delay, first.weight)
    if any(len(block.weight) != sources * targets or len(block.delay) != sources * targets for block in made):
        raise ValueError(f"tables of {first.source!r} -> {first.target!r} must have {sources * targets} pairs")
    pre, post = (np.tile(part.ravel(), len(made)) for part in np.indices((sources, targets)))
    weight, delay = (np.concatenate([getattr(block, name) for block in made]) for name in ("weight", "delay"))
    there = (weight != 0) | (len(weight) == synapses)
    kept = (pre[there], post[there], delay[there], weight[there])
    return Edge.of(first.source, first.target, kept, sources=sources)


def stored_bytes(program: Program) -> int:
    """Return the bytes of the constants as a compiler lays them out: synapses, and 12 bytes a neuron at most."""
    parts = [block for each in blocks(program) for block in each]
    weight = max((np.abs(block.weight).max(initial=0) for block in parts), default=0)
    wide = max((part.size for part in program.populations), default=0) > 256
    bytes_of = 12 * program.size
    for block in parts:
        bytes_of += len(block.weight) * (1 + (2 if weight > 127 else 1))
        if block.post is not None and block.first is not None:
            bytes_of += len(block.post) * (2 if wide else 1) + 4 * len(block.first)
    return int(bytes_of)


def most_count(program: Program) -> int:
    """Return how often a channel may spike in a step, up to 255, before a sum of weights could exceed 32 bits."""
    room = 2**31 - 1
    found = 255
    for part in program.populations:
        fed, other = np.zeros(part.size), np.zeros(part.size)
        for edge in program.edges:
            if edge.target == part.name:
                sums = np.bincount(edge.post, np.abs(edge.weight.astype(np.float64)), part.size)
                fed, other = (fed + sums, other) if edge.source == "input" else (fed, other + sums)
        found = min(found, int(((room - other) // np.maximum(fed, 1)).min()))
    return found


def units(program: Program, readout: Population) -> tuple[np.ndarray, int]:
    """Return the whole numbers that a readout's membranes are multiplied with, and S."""
    room = 63 - (program.fixed.word_bits - 1) - STEPS.bit_length() if program.fixed else 0
    softmax = program.decision == "summed_softmax"
    unit = readout.scale * (np.log2(np.e) if softmax else 1.0)
    scale = min(room, 31) - int(np.floor(np.log2(unit.max()))) - 1
    return np.rint(unit * 2.0**scale).astype(np.int64), scale


def powers() -> np.ndarray:
    """Return 2^30 2^(-k / 64) for k from 0 to 64."""
    return np.rint(2.0**30 * 2.0 ** (-np.arange(65) / 64)).astype(np.int64)
