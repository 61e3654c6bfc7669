"""Layout of a Program's synapses and decision for the C runtime.

    table    weight[source][target], delay[source][target]: 2 bytes a pair; a pair without a synapse has weight 0
    list     indptr[source], and target, weight, delay of each synapse: 3 bytes a synapse, and 4 per source

An edge with k synapses per pair is k tables, or one list, whichever is smaller. A synapse of weight 0 can only stand in
tables that are complete: elsewhere it would be no synapse.

    unit     U[j] = round(unit[j] 2^S)  (softmax: unit[j] log2(e))      the largest S with which sums of U u fit 64 bits

Names    unit the membrane of the trained network that one unit of an integer membrane stands for · u membrane
"""

from dataclasses import dataclass

import numpy as np

from snnsim.program import INPUT, MODELS, Edge, Population, Program
from snnsim.program.arrays import rank_within
from snnsim.program.models import array_names

STEPS = 4096
FRACTION_BITS = 16
FACTORS = ("gain", "second_decay", "coupling")
"""Parameters with the fixed point of a decay, of models with a second state variable."""
ARRAYS = {
    "decay": ("snn_decay", "snn_decays"),
    "threshold": ("int32_t", "snn_thresholds"),
    "bias": ("int32_t", "snn_biases"),
    "gain": ("snn_factor", "snn_gains"),
    "second_decay": ("snn_factor", "snn_second_decays"),
    "coupling": ("snn_factor", "snn_couplings"),
    "jump": ("int32_t", "snn_jumps"),
}
"""Type and name of the array of each parameter, a value for each neuron of the network."""


@dataclass(frozen=True, eq=False)
class Block:
    """Synapses of an edge as the runtime has them: a table, or a list."""

    source: str
    target: str
    weight: np.ndarray
    delay: np.ndarray
    indptr: np.ndarray | None = None
    """Of a list: where the synapses of each source start."""
    post: np.ndarray | None = None
    """Of a list: the target neuron of each synapse."""


def smallest_type(values: np.ndarray, *, signed: bool) -> str:
    """Return C's smallest integer type that holds all values.

    Args:
        values: Integers of any shape; without values, the type has 8 bits.
        signed: Whether the type has a sign. Without a sign, no value is below 0.
    """
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    for bits in (8, 16):
        least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        if least <= low and high <= most:
            return f"{'' if signed else 'u'}int{bits}_t"
    return "int32_t" if signed else "uint32_t"


def blocks(program: Program) -> list[list[Block]]:
    """Return the blocks of each edge of a Program, in the order of its edges.

    Args:
        program: Program in integers.
    """
    return [_blocks_of(program, edge) for edge in program.single_edges]


def _blocks_of(program: Program, edge: Edge) -> list[Block]:
    sources, targets = program.sources(edge.source), program.population(edge.target).size
    pre = edge.pre()
    rank = rank_within(pre, edge.post.astype(np.int64))
    tables = int(rank.max(initial=-1)) + 1
    weight_bytes = edge.weight.itemsize if np.abs(edge.weight).max(initial=0) > 127 else 1
    target_bytes = 1 if targets <= 256 else 2
    list_bytes = len(pre) * (weight_bytes + 1 + target_bytes) + 4 * (sources + 1)
    entries = tables * sources * targets
    # a table cannot tell a synapse of weight 0 from a pair without a synapse
    ambiguous = len(pre) < entries and (edge.weight == 0).any()
    if tables == 0 or ambiguous or list_bytes <= entries * (weight_bytes + 1):
        return [Block(edge.source, edge.target, edge.weight, edge.delay, edge.indptr, edge.post)]
    result = []
    for number in range(tables):
        weight, delay = np.zeros((sources, targets), np.int16), np.zeros((sources, targets), np.uint16)
        mask = rank == number
        weight[pre[mask], edge.post[mask]] = edge.weight[mask]
        delay[pre[mask], edge.post[mask]] = edge.delay[mask]
        result.append(Block(edge.source, edge.target, weight.ravel(), delay.ravel()))
    return result


def edge_of(blocks: list[Block], *, sources: int, targets: int, synapses: int) -> Edge:
    """Return the edge of its blocks.

    Args:
        blocks: All blocks of the edge.
        sources: Number of source neurons.
        targets: Number of target neurons.
        synapses: Number of synapses of the edge.

    Raises:
        ValueError: If a table has another number of pairs.
    """
    first = blocks[0]
    if first.indptr is not None and first.post is not None:
        return Edge(first.source, first.target, first.indptr, first.post, first.delay, first.weight)
    if any(len(block.weight) != sources * targets or len(block.delay) != sources * targets for block in blocks):
        raise ValueError(f"tables of {first.source!r} -> {first.target!r} must have {sources * targets} pairs")
    pre, post = (np.tile(index.ravel(), len(blocks)) for index in np.indices((sources, targets)))
    weight, delay = (np.concatenate([getattr(block, name) for block in blocks]) for name in ("weight", "delay"))
    mask = (weight != 0) | (len(weight) == synapses)
    return Edge.of(first.source, first.target, (pre[mask], post[mask], delay[mask], weight[mask]), sources=sources)


def second_model(population: Population) -> str | None:
    """Return the model of a population with a second state variable, without its reset; None for other models.

    Args:
        population: The population.
    """
    return population.model.rpartition("_")[0] if MODELS[population.model].second else None


def second_models(program: Program) -> list[str]:
    """Return the names of `second_model` that a Program has.

    Args:
        program: Program in integers.
    """
    return sorted({model for model in map(second_model, program.populations) if model})


def parameters(program: Program) -> list[str]:
    """Return the names of the parameters that the runtime reads, those of ARRAYS that a model of the Program has.

    Args:
        program: Program in integers.
    """
    names = {name for population in program.populations for name in array_names(population.model)}
    return [name for name in ARRAYS if name in names]


def parameter(program: Program, name: str) -> np.ndarray:
    """Return a parameter of all neurons, int64 (neuron,), with 0 where the model has none of this name.

    Args:
        program: Program in integers.
        name: A name of ARRAYS.
    """
    own = [getattr(population, name) for population in program.populations]
    sizes = [population.size for population in program.populations]
    rows = [np.zeros(size, np.int64) if row is None else row for row, size in zip(own, sizes, strict=True)]
    values: np.ndarray = np.concatenate(rows).astype(np.int64)
    return values


def ring_slots(program: Program, name: str) -> int:
    """Return the slots of the ring in which arrivals at a population wait: its longest delay, and one.

    Args:
        program: Program that has the population.
        name: Name of the target population.
    """
    return 1 + max((edge.longest() for edge in program.single_edges if edge.target == name), default=0)


def stored_bytes(program: Program) -> int:
    """Return the bytes of the constants as a compiler lays them out: synapses, and 4 bytes a parameter at most.

    Args:
        program: Program in integers.
    """
    flat = [block for each in blocks(program) for block in each]
    ends = [end for block in flat for end in (block.weight.min(initial=0), block.weight.max(initial=0))]
    weight_bytes = 1 if smallest_type(np.array(ends, np.int64), signed=True) == "int8_t" else 2
    wide = max((population.size for population in program.populations), default=0) > 256
    total = 4 * len(parameters(program)) * program.size
    for block in flat:
        total += len(block.weight) * (1 + weight_bytes)
        if block.post is not None and block.indptr is not None:
            total += len(block.post) * (2 if wide else 1) + 4 * len(block.indptr)
    return int(total)


def most_count(program: Program, *, cap: int = 255) -> int:
    """Return how often a channel may spike in a step before a sum of weights could exceed 32 bits.

    Args:
        program: Program in integers.
        cap: The largest number that is returned, by default that of a byte.
    """
    largest_sum, most = 2**31 - 1, cap
    for population in program.populations:
        from_input = program.fan_in_weight(population.name, source=INPUT)
        from_others = program.fan_in_weight(population.name) - from_input
        most = min(most, int(((largest_sum - from_others) // np.maximum(from_input, 1)).min()))
    return most


def units(program: Program, readout: Population) -> tuple[np.ndarray, int]:
    """Return the integers by which a readout's membranes are multiplied, int64 (neuron,), and S.

    Args:
        program: Program in integers. Its decision sets the scale: that of a summed softmax includes log2(e).
        readout: Population of the Program, whose `scale` is the unit of each membrane.
    """
    bits = 63 - (program.fixed.word_bits - 1) - STEPS.bit_length() if program.fixed else 0
    softmax = program.decision == "summed_softmax"
    unit = readout.scale * (np.log2(np.e) if softmax else 1.0)
    scale = min(bits, 31) - int(np.floor(np.log2(unit.max()))) - 1
    return np.rint(unit * 2.0**scale).astype(np.int64), scale


def powers() -> np.ndarray:
    """Return 2^30 2^(-k / 64) for k from 0 to 64."""
    return np.rint(2.0**30 * 2.0 ** (-np.arange(65) / 64)).astype(np.int64)
