"""Design rules of chips and simulators, one function each: a yielded Violation says what a Program breaks.

A rule yields a Violation for every edge or population that breaks it. A target runs its rules, and all violations are
shown at once. Rules change nothing; `repairs` has named changes.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from snnsim import renamed
from snnsim.export.common import joined_edges
from snnsim.export.retiming import keeps_current, retime
from snnsim.program import INPUT, MODELS, Edge, Population, Program


@dataclass(frozen=True)
class Violation:
    """A part of a Program that breaks a design rule of a target."""

    rule: str
    """Name of the function that found it."""
    location: str
    """The part, such as: edge 'input' -> 'hidden0'."""
    problem: str
    """What must hold, and the value that does not."""
    remedy: str
    """What to do."""
    repair: str | None = None
    """Name of the repair that `snnsim export --fix` applies; None if there is none."""

    def __str__(self) -> str:
        fix = f" (--fix: {self.repair})" if self.repair else ""
        return f"{self.location}: {self.problem}; {self.remedy}{fix} [{self.rule}]"


for _old, _new in {"where": "location", "found": "problem"}.items():
    setattr(Violation, _old, renamed.property_(_old, _new))


def refuse(target: str, violations: Iterable[Violation]) -> None:
    """Raise a ValueError that names every violation, if there is one.

    Args:
        target: Name of the target.
        violations: Violations of its rules.

    Raises:
        ValueError: If there is a violation.
    """
    lines = [str(violation) for violation in violations]
    if lines:
        raise ValueError(f"export to {target}: the program breaks {len(lines)} of its rules:\n  " + "\n  ".join(lines))


def edge_text(edge: Edge) -> str:
    """Return the name of an edge in messages, such as: edge 'input' -> 'hidden0'.

    Args:
        edge: Edge whose source and target the text names.
    """
    return f"edge {edge.source!r} -> {edge.target!r}"


def population_text(population: Population) -> str:
    """Return the name of a population in messages, such as: population 'hidden0'.

    Args:
        population: Population that the text names.
    """
    return f"population {population.name!r}"


def delay_range(program: Program, *, most: int) -> Iterator[Violation]:
    """Delays are not longer than the target's longest.

    Args:
        program: Program in floats or integers.
        most: The longest delay of the target, in steps of the Program.
    """
    for edge in program.single_edges:
        if edge.longest() > most:
            count = int((edge.delay > most).sum())
            yield Violation(
                "delay_range", edge_text(edge),
                f"delays must be at most {most} steps; {count} of {len(edge.delay)} are longer, up to {edge.longest()}",
                "train with a shorter max_delay, take longer steps, or shorten these delays", "clamp_delays",
            )  # fmt: skip


def reset(program: Program, *, models: tuple[str, ...] = ("lif_hard",)) -> Iterator[Violation]:
    """Neurons that fire are of one of the target's neuron models.

    Args:
        program: Program in floats or integers.
        models: Names of the target's neuron models that fire. The remedy of a violation names the settings of the
            first.
    """
    for population in program.populations:
        if population.noisy:
            yield Violation(
                "reset", population_text(population), "neurons must be deterministic, and these have noise",
                "train with network.neuron = 'lif', or with noise 0 and network.neuron.learn = 'fixed'",
            )  # fmt: skip
        elif population.fires and population.model not in models:
            yield Violation(
                "reset", population_text(population),
                f"the model must be {' or '.join(models)}, not {population.model!r}",
                _lif_settings(population, models[0]) if models else "use another target",
            )  # fmt: skip


def _lif_settings(population: Population, model: str) -> str:
    """Return the settings of a config with which neurons are of a model."""
    reset = f"network.neuron.reset = {model.removeprefix('lif_')!r}"
    return (
        f"train with {reset}" if population.model.startswith("lif") else f"train with network.neuron = 'lif', {reset}"
    )


def one_readout(program: Program) -> Iterator[Violation]:
    """One population at most is a readout, as the target has one output.

    Args:
        program: The Program.
    """
    for readout in program.further_readouts:
        yield Violation(
            "one_readout", population_text(program.population(readout.population)),
            f"there must be one readout, and {program.readout!r} is one too",
            "freeze a network with one head, or use npz or hdf5",
        )  # fmt: skip


def no_graded_messages(program: Program) -> Iterator[Violation]:
    """Neurons send spikes, not graded messages.

    Args:
        program: The Program.
    """
    for population in program.populations:
        if MODELS[population.model].graded:
            yield Violation(
                "no_graded_messages", population_text(population),
                f"neurons must send spikes, and those of the model {population.model!r} send graded messages",
                "run it with `snnsim simulate`, or use npz or hdf5, which hold such programs",
            )  # fmt: skip


def thresholds(program: Program, *, most: float) -> Iterator[Violation]:
    """Thresholds are below the end of the target's range of numbers.

    Args:
        program: Program in floats or integers.
        most: The end of the range, which no threshold may reach, in units of the Program's membranes.
    """
    for population in program.populations:
        if population.fires and population.threshold.max() >= most:
            yield Violation(
                "thresholds", population_text(population),
                f"thresholds must be below {most:g}, not up to {population.threshold.max():g}",
                "quantize it again with smaller weights",
            )  # fmt: skip


def one_threshold(program: Program) -> Iterator[Violation]:
    """The neurons of a population that fires share a threshold.

    Args:
        program: Program in floats or integers.
    """
    for population in program.populations:
        count = len(set(population.threshold.tolist()))
        if population.fires and count > 1:
            scaled = len(set(population.scale.tolist())) > 1
            yield Violation(
                "one_threshold", population_text(population), f"neurons must share one threshold, not have {count}",
                "requantize with one scale per population: snnsim quantize --scale layer" if scaled else
                "give them their mean", "requantize" if scaled else "thresholds_to_grid",
            )  # fmt: skip


def one_decay(program: Program) -> Iterator[Violation]:
    """The neurons of a population share a decay, and one of their synaptic currents.

    Args:
        program: Program in floats or integers.
    """
    for population in program.populations:
        for name, noun in (("decay", "one decay"), ("second_decay", "one decay of their currents")):
            decay = getattr(population, name) if name == "decay" or keeps_current(population.model) else None
            count = 1 if decay is None else len(set(decay.tolist()))
            if count > 1:
                yield Violation(
                    "one_decay", population_text(population), f"neurons must share {noun}, not have {count}",
                    "train with one decay per layer, or take their mean", "average_decays",
                )  # fmt: skip


def unit_gains(program: Program) -> Iterator[Violation]:
    """Synaptic currents act on membranes with a gain of 1.

    Args:
        program: Program in floats or integers.
    """
    one = 1 if program.fixed is None else 2**program.fixed.decay_bits
    for population in program.populations:
        if keeps_current(population.model) and population.gain is not None and (population.gain != one).any():
            yield Violation(
                "unit_gains", population_text(population),
                f"gains of currents must be {one}, not from {population.gain.min():g} to {population.gain.max():g}",
                "train with a gain of 1, or move the gains into the weights", "gains_to_weights",
            )  # fmt: skip


def no_bias(program: Program, *, repair: str | None) -> Iterator[Violation]:
    """No neuron has a bias.

    Args:
        program: Program in floats or integers.
        repair: Name of the target's repair that moves biases into bias channels; None if the target has no such repair.
    """
    for population in program.populations:
        if population.bias.any():
            yield Violation(
                "no_bias", population_text(population),
                f"biases must be 0, as the target would apply them during the population's retiming lag; "
                f"{np.count_nonzero(population.bias)} of {population.size} are not",
                "train with network.batch_norm = false, or use bias channels", repair,
            )  # fmt: skip


def chain(program: Program) -> Iterator[Violation]:
    """One edge leads to each population, from the population before it, or from the input to the first.

    Args:
        program: Program in floats or integers.
    """
    names = [INPUT, *(population.name for population in program.populations)]
    for before, name in itertools.pairwise(names):
        sources = sorted(edge.source for edge in program.single_edges if edge.target == name)
        if sources != [before]:
            yield Violation(
                "chain", f"population {name!r}",
                f"one edge must lead to it, from {before!r}; there are {len(sources)}: {', '.join(sources) or 'none'}",
                "use a target that takes any graph, such as loihi1",
            )  # fmt: skip


def one_synapse(program: Program) -> Iterator[Violation]:
    """A source neuron has one synapse at most to each target neuron, and a population one edge to another.

    Args:
        program: Program in floats or integers.
    """
    count = Counter((edge.source, edge.target) for edge in program.single_edges)
    for edge in joined_edges(program.single_edges):
        pairs = edge.pre() * program.population(edge.target).size + edge.post
        more, parallel = len(pairs) - len(np.unique(pairs)), count[edge.source, edge.target]
        if more or parallel > 1:
            further = f"{more} are further ones" if more else f"there are {parallel} edges"
            yield Violation(
                "one_synapse", edge_text(edge),
                f"there must be one synapse for each pair of neurons, all in one edge; {further}",
                "train with network.taps = 1, or join the taps of a pair", "join_taps",
            )  # fmt: skip


def hardware_delays(
    program: Program, *, latency: int, shortest: int, most: float, current_latency: int = 0
) -> Iterator[Violation]:
    """Delays after retiming are not longer than the target's, and loops are long enough.

    Args:
        program: The Program.
        latency: Steps that a synapse of the target takes besides its delay.
        shortest: The target's shortest delay.
        most: Its longest delay.
        current_latency: Steps that an exponential synapse takes besides the latency.
    """
    try:
        retimed = retime(program, latency=latency, shortest=shortest, current_latency=current_latency)
    except ValueError as error:
        yield Violation("hardware_delays", "program", str(error), "or use npz or hdf5")
        return
    for edge in retimed.edges:
        longest = int(edge.delay.max(initial=0))
        if longest > most:
            yield Violation(
                "hardware_delays", f"edge {edge.source!r} -> {edge.target!r}",
                f"delays must be at most {most} steps after retiming; {int((edge.delay > most).sum())} are longer, up "
                f"to {longest}", "train with a shorter max_delay, take longer steps, or shorten these delays",
                "clamp_delays",
            )  # fmt: skip
