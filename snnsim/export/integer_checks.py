"""Design rules of integer arithmetic: what a target's words of weights, decays, thresholds and membranes can hold."""

from collections.abc import Iterator

import numpy as np

from snnsim.export.checks import Violation, edge_text, population_text
from snnsim.export.retiming import keeps_current
from snnsim.program import Program


def integers(program: Program) -> Iterator[Violation]:
    """Weights, decays, thresholds and biases are integers.

    Args:
        program: The Program; one in floats breaks the rule.
    """
    if program.fixed is None:
        yield Violation(
            "integers", "program", "numbers must be integers, and it is in floats",
            "quantize it: snnsim quantize PROGRAM --weights int8", "quantize",
        )  # fmt: skip


def weight_range(program: Program, *, least: int, most: int) -> Iterator[Violation]:
    """Integer weights fit into the target's word.

    Args:
        program: The Program.
        least: The smallest weight of the target.
        most: Its largest weight.
    """
    for edge in program.single_edges:
        low, high = edge.weight.min(initial=0), edge.weight.max(initial=0)
        if low < least or high > most:
            yield Violation(
                "weight_range", edge_text(edge), f"weights must be from {least} to {most}, not {low:g} to {high:g}",
                "requantize with fewer bits: snnsim quantize", "requantize",
            )  # fmt: skip


def sums(program: Program) -> Iterator[Violation]:
    """The sum of all weights of a neuron fits into 32 bits.

    Args:
        program: Program in integers. The sum of weights counts absolute values, in units of weight.
    """
    for population in program.populations:
        total = program.fan_in_weight(population.name).max()
        if total > np.iinfo(np.int32).max:
            yield Violation(
                "sums", population_text(population),
                f"weights of a neuron must add up to less than 2^31, not to {total:g}",
                "requantize with fewer bits: snnsim quantize", "requantize",
            )  # fmt: skip


def arithmetic(program: Program, *, word_bits: int, decay_bits: int, least_shift: int) -> Iterator[Violation]:
    """Membranes and decays have the target's bits, and weights count in a unit that it has.

    Args:
        program: The Program.
        word_bits: Bits of the target's membranes.
        decay_bits: Bits of its decays.
        least_shift: The smallest weight shift that it has.
    """
    fixed = program.fixed
    if fixed is None:
        return
    if (fixed.word_bits, fixed.decay_bits) != (word_bits, decay_bits) or fixed.weight_shift < least_shift:
        yield Violation(
            "arithmetic", "program",
            f"membranes must have {word_bits} bits, decays {decay_bits}, and weights be shifted by {least_shift} or "
            f"more, not {fixed.word_bits}, {fixed.decay_bits} and {fixed.weight_shift}",
            f"requantize: snnsim quantize --word-bits {word_bits} --decay-bits {decay_bits} --weight-shift "
            f"{least_shift}", "requantize",
        )  # fmt: skip


def weight_parity(program: Program, *, unit: int, all_of: int) -> Iterator[Violation]:
    """Large weights are even, as the sign takes the last bit of a word of 8.

    Args:
        program: The Program.
        unit: Weights of the target count in 2^unit of a membrane.
        all_of: Weights from -all_of to all_of - 1 units may be odd; if any weight is outside, all must be even.
    """
    if program.fixed is None:
        return
    for edge in program.single_edges:
        weight = edge.weight.astype(np.int64) << max(program.fixed.weight_shift - unit, 0)
        wide = weight.max(initial=0) >= all_of or weight.min(initial=0) < -all_of
        if wide and (weight % 2).any():
            yield Violation(
                "weight_parity", edge_text(edge),
                f"weights must be even, or from {-all_of} to {all_of - 1}; {int((weight % 2).sum())} are odd, and they "
                f"reach from {weight.min()} to {weight.max()}",
                "requantize with 8 bits or fewer", "requantize",
            )  # fmt: skip


def threshold_grid(program: Program, *, unit: int, most: int) -> Iterator[Violation]:
    """Thresholds are T 2^unit + 1, so that u ≥ θ is the target's u > T 2^unit, with T up to `most`.

    Args:
        program: The Program.
        unit: Thresholds of the target count in 2^unit of a membrane.
        most: The largest T.
    """
    for population in program.populations:
        mantissa = (population.threshold - 1) / 2**unit
        wrong = (mantissa != np.floor(mantissa)) | (mantissa > most)
        if population.fires and wrong.any():
            yield Violation(
                "threshold_grid", population_text(population),
                f"thresholds must be 1 above a multiple of {2**unit}, up to {most} of it; {int(wrong.sum())} of "
                f"{population.size} are not, such as {population.threshold[wrong][0]:g}",
                "move them to the grid", "thresholds_to_grid",
            )  # fmt: skip


def decay_range(program: Program, *, least: int) -> Iterator[Violation]:
    """A step keeps enough of a membrane, and not all of a synaptic current.

    Args:
        program: The Program; one in floats keeps the rule.
        least: The smallest decay of the target, in parts of 2^decay_bits.
    """
    for population in program.populations:
        if program.fixed is not None and population.decay.min() < least:
            yield Violation(
                "decay_range", population_text(population),
                f"decays must be at least {least}/{2**program.fixed.decay_bits}, not {population.decay.min()}"
                f"/{2**program.fixed.decay_bits}", "train with a longer tau_ms, or raise the decays", "raise_decays",
            )  # fmt: skip
        second = population.second_decay if keeps_current(population.model) else None
        if program.fixed is not None and second is not None and second.max() >= 2**program.fixed.decay_bits:
            yield Violation(
                "decay_range", population_text(population),
                f"decays of synaptic currents must be below 1, not {second.max()}/{2**program.fixed.decay_bits}",
                "train with a shorter tau_synapse_ms",
            )  # fmt: skip


def currents(program: Program, *, bits: int) -> Iterator[Violation]:
    """The current of all weights of a neuron fits into the target's word of currents, where a larger one wraps around.

    A current that decays sums up to Σ |w| / (1 − ρ) where all synapses get a spike in every step.

    Args:
        program: The Program; one in floats keeps the rule.
        bits: Bits of the word, with its sign. A current is in units of membrane.
    """
    if program.fixed is None:
        return
    for population in program.populations:
        rest = population.second_decay if keeps_current(population.model) else None
        rest = np.zeros(1) if rest is None else rest
        share = 1 - rest / 2**program.fixed.decay_bits
        with np.errstate(divide="ignore", invalid="ignore"):
            total = float(np.nan_to_num(program.fan_in_weight(population.name) / share, nan=0.0).max())
        total *= 2**program.fixed.weight_shift
        if total >= 2 ** (bits - 1):
            yield Violation(
                "currents", population_text(population),
                f"the current of a neuron, in units of membrane, must be less than 2^{bits - 1} with a spike of every "
                f"synapse in every step, not {total:g}",
                "prune: snnsim prune, requantize with fewer bits, or train with a shorter tau_synapse_ms",
            )  # fmt: skip
