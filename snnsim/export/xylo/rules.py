"""Design rules of Xylo Audio 2, and the repairs that bring a Program nearer to them.

    fires where W ≥ L = ⌈(θ − b) / 2^shift⌉      once, as long as Σ max(w, 0) < 2 L

Names    W sum of the integer weights that arrive in a step · θ threshold · b bias · L the chip's threshold
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from snnsim.export import checks, integer_checks, repairs
from snnsim.export.checks import Violation, population_text
from snnsim.export.repairs import Counts, Repair
from snnsim.export.retiming import keeps_current
from snnsim.export.xylo.chains import hidden_neurons, relay_chains
from snnsim.program import Edge, Population, Program
from snnsim.quantization import Scheme

CHANNELS, HIDDEN, OUTPUTS = 16, 1000, 8
SCHEME = Scheme("int7", None, "layer", word_bits=24, decay_bits=12, weight_shift=6)
WORD = 2**14 - 1
"""A current is twice the sum of weights before it decays, in 16 bits."""


def check(program: Program) -> Iterator[Violation]:
    """Yield what Xylo cannot compute or hold, and how to train differently.

    Args:
        program: Program in floats or integers; one in floats breaks a rule.
    """
    yield from integer_checks.integers(program)
    yield from checks.one_readout(program)
    yield from sizes(program)
    yield from checks.one_synapse(program)
    yield from integer_checks.weight_range(program, least=-63, most=63)
    # the reset of neurons without memory has no effect
    yield from checks.reset(program, models=("lif_hard", "lif_soft", "cuba_lif_hard", "cuba_lif_soft"))
    yield from one_step_currents(program)
    yield from memoryless(program)
    if program.fixed is not None:
        yield from single_spikes(program)
        yield from words(program)
    violations = list(checks.hardware_delays(program, latency=0, shortest=1, most=HIDDEN))
    yield from violations
    if not violations:
        yield from hidden(program, hidden_neurons(program, relay_chains(program)))


def sizes(program: Program) -> Iterator[Violation]:
    """The chip has as many channels and outputs, and there is one readout at most.

    Args:
        program: Program in floats or integers.
    """
    if program.channels > CHANNELS:
        yield Violation(
            "sizes", "input", f"there must be at most {CHANNELS} channels, not {program.channels}",
            f"train with data.channels = {CHANNELS} or fewer",
        )  # fmt: skip
    outputs = [population for population in program.populations if not population.fires]
    if len(outputs) > 1 or sum(population.size for population in outputs) > OUTPUTS:
        yield Violation(
            "sizes", "outputs", f"there must be one readout, of at most {OUTPUTS} neurons, not "
            f"{', '.join(str(population.size) for population in outputs)}", "train on data of fewer classes",
        )  # fmt: skip


def hidden(program: Program, count: int) -> Iterator[Violation]:
    """Neurons and relays are no more than the hidden neurons of the chip.

    Args:
        program: Program in floats or integers.
        count: Number of neurons that fire and of relays together.
    """
    neurons = sum(population.size for population in program.populations if population.fires)
    if count > HIDDEN:
        yield Violation(
            "hidden", "program",
            f"there must be at most {HIDDEN} hidden neurons, not {neurons} and {count - neurons} relays, one for each "
            "step of a source's longest delay", "train with fewer neurons, or a shorter network.max_delay_ms",
        )  # fmt: skip


def memoryless(program: Program) -> Iterator[Violation]:
    """Neurons are memoryless, as the chip's decays are shifts, which round in another way than a Program's.

    Args:
        program: Program in floats or integers.
    """
    for population in program.populations:
        if population.decay.any():
            yield Violation(
                "memoryless", population_text(population), f"decays must be 0, not up to {population.decay.max():g}",
                "train with a network.neuron.tau_ms far below the time step, and delays as the memory", "remove_memory",
            )  # fmt: skip


def one_step_currents(program: Program) -> Iterator[Violation]:
    """Synaptic currents last for one step, as the chip rounds decaying ones up and a Program rounds them towards 0.

    A positive current x becomes x − ⌊x / 2^dash⌋ there, and ⌊x (1 − 2^−dash)⌋ here; negative currents are the same.

    Args:
        program: Program in floats or integers.
    """
    for population in program.populations:
        if keeps_current(population.model):
            yield Violation(
                "one_step_currents", population_text(population),
                "synapses must not be exponential: the chip's shifts round a positive current up where it decays, and "
                "a program rounds it towards 0, so spikes would differ",
                "train with network.neuron = 'lif', or export to loihi1, whose currents are the same",
            )  # fmt: skip


def single_spikes(program: Program) -> Iterator[Violation]:
    """No neuron fires without input, and no sum of its weights reaches twice its threshold: it would fire twice.

    Args:
        program: Program in integers.
    """
    for population in program.populations:
        if not population.fires:
            continue
        limit, largest = threshold_weights(program, population), positive_sum(program, population)
        twice = int((largest >= 2 * limit).sum())
        if limit.min() < 1 or limit.max() > WORD:
            yield Violation(
                "single_spikes", population_text(population),
                f"thresholds minus biases must be from 1 to {WORD}, in units of the weights, not {limit.min()} to "
                f"{limit.max()}",
                "train with network.batch_norm = false",
            )  # fmt: skip
        elif twice:
            yield Violation(
                "single_spikes", population_text(population),
                f"the positive weights of a neuron must add up to less than twice its threshold, or it may fire "
                f"twice; those of {twice} of {population.size} do not",
                "train with network.sparsity, so that a neuron has few synapses", "drop_weakest",
            )  # fmt: skip


def words(program: Program) -> Iterator[Violation]:
    """The sum of all weights of a neuron fits into half of the chip's word.

    Args:
        program: Program in integers. The sum of weights counts absolute values.
    """
    for population in program.populations:
        total = int(program.fan_in_weight(population.name).max())
        if total > WORD:
            yield Violation(
                "words", population_text(population),
                f"the weights of a neuron must add up to {WORD} or less, not {total}", "prune: snnsim prune",
            )  # fmt: skip


def threshold_weights(program: Program, population: Population) -> np.ndarray:
    """Return the sum of weights at which each neuron fires, int64 (neuron,).

    Args:
        program: Program in integers that has the population.
        population: Population that fires.
    """
    shift = program.fixed.weight_shift if program.fixed else 0
    return np.asarray(-(-(population.threshold - population.bias) // 2**shift))


def positive_sum(program: Program, population: Population) -> np.ndarray:
    """Return the sum of each neuron's positive weights, int64 (neuron,).

    Args:
        program: Program in integers that has the population.
        population: Target of the synapses.
    """
    return program.fan_in_weight(population.name, lambda weight: np.maximum(weight, 0)).astype(np.int64)


def remove_memory(program: Program) -> tuple[Program, Counts]:
    """Set all decays to 0.

    Args:
        program: Program in floats or integers. The counts have the largest removed decay as a share, from 0 to 1.
    """
    changed = [replace(population, decay=np.zeros_like(population.decay)) for population in program.populations]
    largest = max(float(population.decay.max()) for population in program.populations)
    return replace(program, populations=tuple(changed)), {
        "decays_changed": sum(int(np.count_nonzero(population.decay)) for population in program.populations),
        "largest_change": largest / 2 ** (program.fixed.decay_bits if program.fixed else 0),
    }


def drop_weakest(program: Program) -> tuple[Program, Counts]:
    """Leave out the weakest positive weights of neurons whose sum of them reaches twice the threshold.

    Args:
        program: Program in integers.
    """
    dropped = {population.name: _surplus(program, population) for population in program.populations if population.fires}
    edges = []
    for number, edge in enumerate(program.single_edges):
        mask = ~dropped.get(edge.target, {}).get(number, np.zeros(len(edge.weight), bool))
        synapses = (edge.pre()[mask], edge.post[mask], edge.delay[mask], edge.weight[mask])
        edges.append(Edge.of(edge.source, edge.target, synapses, sources=program.sources(edge.source)))
    changed = replace(program, edges=tuple(edges))
    return changed, {"synapses_left_out": program.synapses - changed.synapses}


def _surplus(program: Program, population: Population) -> dict[int, np.ndarray]:
    """Return a mask of the synapses to leave out, by the number of their edge.

    Of each neuron, those are the positive weights behind the point at which the largest ones add up to twice the
    threshold.
    """
    numbers = [number for number, edge in enumerate(program.single_edges) if edge.target == population.name]
    if not numbers:
        return {}
    post, weight = (
        np.concatenate([getattr(program.single_edges[k], name) for k in numbers]) for name in ("post", "weight")
    )
    size = np.maximum(weight, 0).astype(np.int64)
    order = np.lexsort((-size, post))
    running = np.cumsum(size[order])
    begin = np.searchsorted(post[order], post[order])
    running = running - np.concatenate([[0], running])[begin]
    mask = np.zeros(len(post), bool)
    mask[order] = (size[order] > 0) & (running >= 2 * threshold_weights(program, population)[post[order]])
    bounds = np.cumsum([0, *(len(program.single_edges[k].weight) for k in numbers)])
    return {k: mask[start:end] for k, (start, end) in zip(numbers, itertools.pairwise(bounds), strict=True)}


REPAIRS: Mapping[str, Repair] = {
    "quantize": partial(repairs.requantize, scheme=SCHEME),
    "join_taps": repairs.join_taps,
    "requantize": partial(repairs.requantize, scheme=SCHEME),
    "remove_memory": remove_memory,
    "drop_weakest": drop_weakest,
}
