"""Design rules of chips that are made of cores: what of a Program does not fit on one, or on the chip.

    bits of a population    synapses · (weight + delay + ⌈log2 neurons⌉)
    cores of a population   the most of: neurons / neurons per core, bits / bits per core

Names    axon: a line into a core, one per source neuron; a line out of it, one per neuron and core that it reaches
Differs  a placement of several small populations on one core is not tried, so `cores` is an upper bound
"""

from collections.abc import Iterator
from dataclasses import dataclass

from snnsim.export.checks import Violation, called
from snnsim.program import Population, Program


@dataclass(frozen=True)
class Core:
    """What one core of a chip holds."""

    neurons: int
    synapse_bits: int
    """Memory of its synapses."""
    bits: int
    """Of a synapse, without the number of its target: weight and delay."""
    axons_in: int
    axons_out: int
    cores: int
    """On the chip."""


def neurons_per_core(program: Program, core: Core) -> Iterator[Violation]:
    """A population has no more neurons than a core."""
    for part in program.populations:
        if part.size > core.neurons:
            yield Violation(
                "neurons_per_core", called(part), f"there must be at most {core.neurons} neurons, not {part.size}",
                "split it", "split_populations" if part.fires else None,
            )  # fmt: skip


def synapses_per_core(program: Program, core: Core) -> Iterator[Violation]:
    """The synapses of a population fit into the memory of a core."""
    for part in program.populations:
        bits = synapse_bits(program, part, core)
        if bits > core.synapse_bits and part.size > 1:
            yield Violation(
                "synapses_per_core", called(part),
                f"its synapses must take at most {core.synapse_bits // 8:,} bytes, not {bits // 8:,}",
                "split it, or prune: snnsim prune", "split_populations" if part.fires else None,
            )  # fmt: skip


def fan_in(program: Program, core: Core) -> Iterator[Violation]:
    """The sources of a population are no more than a core's lines in, and its fullest neuron fits by itself."""
    for part in program.populations:
        sources = {edge.source: program.sources(edge.source) for edge in program.edges if edge.target == part.name}
        if sum(sources.values()) > core.axons_in:
            yield Violation(
                "fan_in", called(part),
                f"there must be at most {core.axons_in} sources, not {sum(sources.values())}",
                "train with fewer channels or smaller layers", None,
            )  # fmt: skip


def fan_out(program: Program, core: Core) -> Iterator[Violation]:
    """A population's lines out, one per neuron and population it reaches, are no more than a core's."""
    for part in program.populations:
        targets = {edge.target for edge in program.edges if edge.source == part.name}
        if part.size * len(targets) > core.axons_out:
            yield Violation(
                "fan_out", called(part),
                f"there must be at most {core.axons_out} lines out, not {part.size} neurons · {len(targets)} "
                "populations", "split it, or train with fewer populations that it reaches",
                "split_populations" if part.fires else None,
            )  # fmt: skip


def cores(program: Program, core: Core) -> Iterator[Violation]:
    """The populations fit on the chip."""
    needed = sum(cores_of(program, part, core) for part in program.populations)
    if needed > core.cores:
        yield Violation(
            "cores", "program", f"there must be at most {core.cores} cores, not {needed}",
            "prune, or train a smaller network", None,
        )  # fmt: skip


def synapse_bits(program: Program, part: Population, core: Core) -> int:
    """Return the bits of the synapses that lead to a population."""
    synapses = sum(len(edge.weight) for edge in program.edges if edge.target == part.name)
    return synapses * (core.bits + max(part.size - 1, 1).bit_length())


def cores_of(program: Program, part: Population, core: Core) -> int:
    """Return how many cores a population takes at least."""
    return max(-(-part.size // core.neurons), -(-synapse_bits(program, part, core) // core.synapse_bits))


def all_of(program: Program, core: Core) -> Iterator[Violation]:
    """Yield what breaks any of these rules."""
    for rule in (neurons_per_core, synapses_per_core, fan_in, fan_out, cores):
        yield from rule(program, core)
