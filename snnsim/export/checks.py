"""Design rules of chips and simulators, one function each: what of a Program breaks them, and what to do about it.

A rule yields a Violation for every edge or population that breaks it. A target runs the rules it has, and all that they
find is shown at once; nothing is changed here (`repairs` has what can be changed, by name).
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from snnsim.export.retiming import retimed
from snnsim.program import INPUT, Edge, Population, Program


@dataclass(frozen=True)
class Violation:
    """One place where a Program breaks a rule of a target."""

    rule: str
    """Name of the function that found it."""
    where: str
    """Such as: edge 'input' -> 'hidden0'."""
    found: str
    """What must hold, and what came."""
    remedy: str
    """What to do."""
    repair: str | None = None
    """Name of the repair that `snnsim export --fix` would apply."""

    def __str__(self) -> str:
        fix = f" (--fix: {self.repair})" if self.repair else ""
        return f"{self.where}: {self.found}; {self.remedy}{fix} [{self.rule}]"


def refuse(target: str, violations: Iterable[Violation]) -> None:
    """Raise a ValueError that names every violation, if there is one."""
    lines = [str(violation) for violation in violations]
    if lines:
        raise ValueError(f"export to {target}: the program breaks {len(lines)} of its rules:\n  " + "\n  ".join(lines))


def named(edge: Edge) -> str:
    """Return what an edge is called in messages."""
    return f"edge {edge.source!r} -> {edge.target!r}"


def called(part: Population) -> str:
    """Return what a population is called in messages."""
    return f"population {part.name!r}"


def integers(program: Program) -> Iterator[Violation]:
    """Weights, decays, thresholds and biases are integers."""
    if program.fixed is None:
        yield Violation(
            "integers", "program", "numbers must be integers, and it is in floats",
            "quantize it: snnsim quantize PROGRAM --weights int8", "quantize",
        )  # fmt: skip


def weight_range(program: Program, *, least: int, most: int) -> Iterator[Violation]:
    """Integer weights fit into the target's word."""
    for edge in program.edges:
        low, high = edge.weight.min(initial=0), edge.weight.max(initial=0)
        if low < least or high > most:
            yield Violation(
                "weight_range", named(edge), f"weights must be from {least} to {most}, not {low:g} to {high:g}",
                "requantize with fewer bits: snnsim quantize", "requantize",
            )  # fmt: skip


def delay_range(program: Program, *, most: int) -> Iterator[Violation]:
    """Delays are not longer than the target's."""
    for edge in program.edges:
        if edge.longest() > most:
            count = int((edge.delay > most).sum())
            yield Violation(
                "delay_range", named(edge),
                f"delays must be at most {most} steps; {count} of {len(edge.delay)} are longer, up to {edge.longest()}",
                "train with a shorter max_delay, take longer steps, or shorten these delays", "clamp_delays",
            )  # fmt: skip


def reset(program: Program, *, models: tuple[str, ...] = ("lif_hard",)) -> Iterator[Violation]:
    """Neurons that fire are reset in a way the target knows."""
    for part in program.populations:
        if part.noisy:
            yield Violation(
                "reset", f"population {part.name!r}", "neurons must not fire by chance, and these have noise",
                "train with network.neuron = 'lif', or with noise 0 and network.learn_neuron = 'fixed'",
            )  # fmt: skip
        elif part.fires and part.model not in models:
            yield Violation(
                "reset", f"population {part.name!r}", f"the model must be {' or '.join(models)}, not {part.model!r}",
                f"train with network.reset = {models[0].removeprefix('lif_')!r}" if models else "use another target",
            )  # fmt: skip


def thresholds(program: Program, *, most: float) -> Iterator[Violation]:
    """Thresholds fit into the target's numbers."""
    for part in program.populations:
        if part.fires and part.threshold.max() >= most:
            yield Violation(
                "thresholds", f"population {part.name!r}",
                f"thresholds must be below {most:g}, not up to {part.threshold.max():g}",
                "quantize it anew with smaller weights",
            )  # fmt: skip


def sums(program: Program) -> Iterator[Violation]:
    """The weights of a neuron, all of them at once, add up in 32 bits."""
    for part in program.populations:
        total = _arriving(program, part)
        if total.max() > np.iinfo(np.int32).max:
            yield Violation(
                "sums", f"population {part.name!r}",
                f"weights of a neuron must add up to less than 2^31, not to {total.max():g}",
                "requantize with fewer bits: snnsim quantize", "requantize",
            )  # fmt: skip


def arithmetic(program: Program, *, word_bits: int, decay_bits: int, least_shift: int) -> Iterator[Violation]:
    """Membranes and decays have the target's bits, and weights count in a unit that it has."""
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
    """Weights above `all_of` units of 2^unit in size are even: the sign takes the last bit of a word of 8."""
    if program.fixed is None:
        return
    for edge in program.edges:
        weight = edge.weight.astype(np.int64) << max(program.fixed.weight_shift - unit, 0)
        wide = weight.max(initial=0) >= all_of or weight.min(initial=0) < -all_of
        if wide and (weight % 2).any():
            yield Violation(
                "weight_parity", named(edge),
                f"weights must be even, or from {-all_of} to {all_of - 1}; {int((weight % 2).sum())} are odd, and they "
                f"reach from {weight.min()} to {weight.max()}",
                "requantize with 8 bits or fewer", "requantize",
            )  # fmt: skip


def threshold_grid(program: Program, *, unit: int, most: int) -> Iterator[Violation]:
    """Thresholds are T 2^unit + 1, so that u ≥ θ is the target's u > T 2^unit, with T up to `most`."""
    for part in program.populations:
        above = (part.threshold - 1) / 2**unit
        wrong = (above != np.floor(above)) | (above > most)
        if part.fires and wrong.any():
            yield Violation(
                "threshold_grid", called(part),
                f"thresholds must be 1 above a multiple of {2**unit}, up to {most} of it; {int(wrong.sum())} of "
                f"{part.size} are not, such as {part.threshold[wrong][0]:g}",
                "move them to the grid", "thresholds_to_grid",
            )  # fmt: skip


def one_threshold(program: Program) -> Iterator[Violation]:
    """The neurons of a population that fires share a threshold."""
    for part in program.populations:
        if part.fires and len(set(part.threshold.tolist())) > 1:
            scaled = len(set(part.scale.tolist())) > 1
            yield Violation(
                "one_threshold", called(part),
                f"neurons must share one threshold, not have {len(set(part.threshold.tolist()))}",
                "requantize with one scale per population: snnsim quantize --scale layer" if scaled else
                "give them their mean", "requantize" if scaled else "thresholds_to_grid",
            )  # fmt: skip


def one_decay(program: Program) -> Iterator[Violation]:
    """The neurons of a population share a decay."""
    for part in program.populations:
        if len(set(part.decay.tolist())) > 1:
            yield Violation(
                "one_decay", called(part), f"neurons must share one decay, not have {len(set(part.decay.tolist()))}",
                "train with one decay per layer, or take their mean", "average_decays",
            )  # fmt: skip


def decay_range(program: Program, *, least: int) -> Iterator[Violation]:
    """Of a membrane, `least` parts or more are kept in a step."""
    for part in program.populations:
        if program.fixed is not None and part.decay.min() < least:
            yield Violation(
                "decay_range", called(part),
                f"a step must keep at least {least} of {2**program.fixed.decay_bits} parts of a membrane, not "
                f"{part.decay.min()}", "train with a longer tau_ms, or keep that much", "raise_decays",
            )  # fmt: skip


def no_bias(program: Program, *, repair: str | None) -> Iterator[Violation]:
    """No neuron has a bias."""
    for part in program.populations:
        if part.bias.any():
            yield Violation(
                "no_bias", called(part),
                f"biases must be 0, as they would act before the population's time; {np.count_nonzero(part.bias)} "
                f"of {part.size} are not", "train with network.batch_norm = false, or let a clock give them", repair,
            )  # fmt: skip


def chain(program: Program) -> Iterator[Violation]:
    """Each population is reached by the one before it alone, the first by the input."""
    names = [INPUT, *(part.name for part in program.populations)]
    for before, name in itertools.pairwise(names):
        sources = sorted(edge.source for edge in program.edges if edge.target == name)
        if sources != [before]:
            yield Violation(
                "chain", f"population {name!r}",
                f"one edge must lead to it, from {before!r}; there are {len(sources)}: {', '.join(sources) or 'none'}",
                "use a target that takes any graph, such as loihi1", None,
            )  # fmt: skip


def one_synapse(program: Program) -> Iterator[Violation]:
    """A source neuron has one synapse at most to each target neuron."""
    for edge in program.edges:
        pairs = edge.pre() * program.population(edge.target).size + edge.post
        more = len(pairs) - len(np.unique(pairs))
        if more:
            yield Violation(
                "one_synapse", named(edge), f"there must be one synapse for each pair of neurons; {more} are further "
                "ones", "train with network.taps = 1, or join the taps of a pair", "join_taps",
            )  # fmt: skip


def machine_delays(program: Program, *, latency: int, least: int, most: float) -> Iterator[Violation]:
    """Delays that the target has to be given, after retiming, are not longer than it has; loops are long enough."""
    try:
        moved = retimed(program, latency=latency, least=least)
    except ValueError as error:
        yield Violation("machine_delays", "program", str(error), "train with longer delays in it", None)
        return
    for edge in moved.connections:
        longest = int(edge.delay.max(initial=0))
        if longest > most:
            yield Violation(
                "machine_delays", f"edge {edge.source!r} -> {edge.target!r}",
                f"delays must be at most {most} steps on the machine; {int((edge.delay > most).sum())} are longer, up "
                f"to {longest}", "train with a shorter max_delay, take longer steps, or shorten these delays",
                "clamp_delays",
            )  # fmt: skip


def currents(program: Program, *, bits: int) -> Iterator[Violation]:
    """What can arrive at a neuron in one step, all synapses at once, fits into a word that would wrap around."""
    if program.fixed is None:
        return
    for part in program.populations:
        most = _arriving(program, part).max() * 2**program.fixed.weight_shift
        if most >= 2 ** (bits - 1):
            yield Violation(
                "currents", called(part),
                f"the sum of a neuron's weights, in units of membrane, must be less than 2^{bits - 1}, not {most:g}",
                "prune: snnsim prune, or requantize with fewer bits", None,
            )  # fmt: skip


def _arriving(program: Program, part: Population) -> np.ndarray:
    total = np.zeros(part.size)
    for edge in program.edges:
        if edge.target == part.name:
            total += np.bincount(edge.post, np.abs(edge.weight.astype(np.float64)), part.size)
    return total
