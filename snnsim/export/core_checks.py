"""Design rules of chips that are made of cores: what a core, or all cores of a chip, can hold.

    bits of a population    synapses · (weight + delay + ⌈log2 neurons⌉)
    cores of a population   the larger of: neurons / neurons per core, bits / bits per core

Names    axon in: a line into a core, one per source neuron · axon out: one per neuron and core that the neuron reaches
Differs  several small populations on one core are not tried, so `cores` is an upper bound
"""

from collections.abc import Iterator
from dataclasses import dataclass

from snnsim.export.checks import Violation, population_text
from snnsim.program import Population, Program


@dataclass(frozen=True)
class Core:
    """The capacity of one core of a chip."""

    neurons: int
    synapse_bits: int
    """Memory for synapses."""
    bits: int
    """Bits of weight and delay of a synapse, without the number of its target."""
    axons_in: int
    axons_out: int
    cores: int
    """Number of cores on the chip."""


def neurons_per_core(program: Program, core: Core) -> Iterator[Violation]:
    """A population has no more neurons than a core.

    Args:
        program: Program in floats or integers.
        core: Capacity of a core, of which `neurons` counts.
    """
    for population in program.populations:
        if population.size > core.neurons:
            yield Violation(
                "neurons_per_core", population_text(population),
                f"there must be at most {core.neurons} neurons, not {population.size}",
                "split it", "split_populations" if population.fires else None,
            )  # fmt: skip


def synapses_per_core(program: Program, core: Core) -> Iterator[Violation]:
    """The synapses of a population fit into the memory of a core.

    Args:
        program: Program in floats or integers.
        core: Capacity of a core, of which `synapse_bits` and `bits` count.
    """
    for population in program.populations:
        bits = synapse_bits(program, population, core)
        if bits > core.synapse_bits:
            several = population.size > 1
            yield Violation(
                "synapses_per_core", population_text(population),
                f"its synapses must take at most {core.synapse_bits // 8:,} bytes, not {-(-bits // 8):,}",
                "split it, or prune: snnsim prune" if several else "a neuron has one core; prune: snnsim prune",
                "split_populations" if several and population.fires else None,
            )  # fmt: skip


def fan_in(program: Program, core: Core) -> Iterator[Violation]:
    """The source neurons of a population are no more than a core's axons in.

    Args:
        program: Program in floats or integers.
        core: Capacity of a core, of which `axons_in` counts.
    """
    for population in program.populations:
        sizes = {
            edge.source: program.sources(edge.source) for edge in program.single_edges if edge.target == population.name
        }
        if sum(sizes.values()) > core.axons_in:
            yield Violation(
                "fan_in", population_text(population),
                f"there must be at most {core.axons_in} sources, not {sum(sizes.values())}",
                "train with fewer channels or smaller layers",
            )  # fmt: skip


def fan_out(program: Program, core: Core) -> Iterator[Violation]:
    """A population's axons out, one per neuron and target population, are no more than a core's.

    Args:
        program: Program in floats or integers.
        core: Capacity of a core, of which `axons_out` counts.
    """
    for population in program.populations:
        targets = {edge.target for edge in program.single_edges if edge.source == population.name}
        if population.size * len(targets) > core.axons_out:
            yield Violation(
                "fan_out", population_text(population),
                f"there must be at most {core.axons_out} output axons per core, not {population.size} neurons · "
                f"{len(targets)} target populations", "split it, or train a network in which it has fewer targets",
                "split_populations" if population.fires else None,
            )  # fmt: skip


def cores(program: Program, core: Core) -> Iterator[Violation]:
    """The populations fit on the chip.

    Args:
        program: Program in floats or integers.
        core: Capacity of a core, and the number of cores on the chip.
    """
    needed = sum(cores_of(program, population, core) for population in program.populations)
    if needed > core.cores:
        yield Violation(
            "cores", "program", f"there must be at most {core.cores} cores, not {needed}",
            "prune, or train a smaller network",
        )  # fmt: skip


def synapse_bits(program: Program, population: Population, core: Core) -> int:
    """Return the bits of the synapses that lead to a population.

    Args:
        program: Program that has the population.
        population: Target of the synapses.
        core: Its `bits` are those of weight and delay of a synapse.
    """
    synapses = sum(len(edge.weight) for edge in program.single_edges if edge.target == population.name)
    return synapses * (core.bits + max(population.size - 1, 1).bit_length())


def cores_of(program: Program, population: Population, core: Core) -> int:
    """Return the least number of cores that a population takes.

    Args:
        program: Program that has the population.
        population: The population, alone on its cores.
        core: Capacity of a core.
    """
    by_memory = -(-synapse_bits(program, population, core) // core.synapse_bits)
    return max(-(-population.size // core.neurons), by_memory)


def all_rules(program: Program, core: Core) -> Iterator[Violation]:
    """Yield the violations of all rules of this module.

    Args:
        program: Program in floats or integers.
        core: Capacity of a core, and the number of cores on the chip.
    """
    for rule in (neurons_per_core, synapses_per_core, fan_in, fan_out, cores):
        yield from rule(program, core)
