"""Validation of a Program; one error names all violations."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.choices import DECISIONS, REGRESSION_DECISIONS, TASKS
from snnsim.program.conv_edge import ConvEdge
from snnsim.program.edge import Edge
from snnsim.program.fixed_point import FixedPoint
from snnsim.program.names import can_be_written
from snnsim.program.parts import INPUT, MODELS, MOST, Population
from snnsim.program.readouts import Readout
from snnsim.validation import shown

if TYPE_CHECKING:
    from snnsim.program.model import Program

MOST_EXTRA_STEPS = 10**6
"""The most extra steps of a Program."""
LARGEST_COEFFICIENT = 2**30
"""The largest gain and coupling in integers, with the fixed point of a decay."""


def check(program: "Program") -> None:
    """Check a Program: its names, numbers, shapes, ranges, and the order of its populations.

    Args:
        program: The Program, whose arrays have already been checked one by one by Population and Edge.

    Raises:
        ValueError: If the Program cannot be run; the message names all violations.
    """
    violations = [*_names(program), *_numbers(program)]
    # the checks of a stage rely on those of the stage before: a population is looked up by its name
    violations = violations or [*_readouts(program), *(line for edge in program.edges for line in _edge(program, edge))]
    violations = violations or list(_arithmetic(program))
    if violations:
        raise ValueError(f"Program: {'; '.join(violations)}")


def _names(program: "Program") -> Iterator[str]:
    names = [population.name for population in program.populations]
    if not names:
        yield "there must be a population"
    if not all(isinstance(name, str) and name for name in names) or len({INPUT, *names}) <= len(names):
        yield f"populations must have unique names, none of them {INPUT!r}; got {names}"
        return
    for name in names:
        if not can_be_written(name):
            yield f"population {name!r}: a name must be text without NUL and lone surrogates"
    for edge in program.edges:
        for name, known in ((edge.source, [INPUT, *names]), (edge.target, names)):
            if name not in known:
                yield f"edge {edge.source!r} -> {edge.target!r}: {name!r} is unknown; the known names are {known}"


def _numbers(program: "Program") -> Iterator[str]:
    if not _is_count(program.channels, 1, MOST):
        yield f"channels must be an integer of at least 1, not {shown(program.channels)}; at most {MOST}"
    step = program.time_step_ms
    if not (isinstance(step, int | float) and not isinstance(step, bool) and 0 < step <= sys.float_info.max):
        yield f"time_step_ms must be positive, not {shown(step)}"
    if not _is_count(program.extra_steps, 0, MOST_EXTRA_STEPS):
        yield (
            f"extra_steps must be an integer of at least 0, not {shown(program.extra_steps)}; "
            f"at most {MOST_EXTRA_STEPS}"
        )
    if sum(population.size for population in program.populations) > MOST:
        yield f"there must be at most {MOST} neurons"
    if not (program.fixed is None or isinstance(program.fixed, FixedPoint)):
        yield f"fixed must be a FixedPoint or None, not {shown(program.fixed)}"
    if not isinstance(program.provenance, dict):
        yield f"provenance must be a dict, not {shown(program.provenance)}"
    elif (error := _json_error(program.provenance)) is not None:
        yield f"provenance must be of the types of JSON: {error}"


def _is_count(value: Any, least: int, most: int) -> bool:
    # True is an int to Python
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _json_error(facts: dict[str, Any]) -> str | None:
    try:
        json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return str(error)
    return None


def _readouts(program: "Program") -> Iterator[str]:
    if program.readout is None:
        if program.decision is not None or program.classes:
            yield "a decision and classes need a readout; set `readout` to the name of a population"
        if program.further_readouts:
            yield "further readouts need a first one; set `readout` to the name of a population"
        return
    names: set[str] = set()
    for readout in program.readouts:
        if not isinstance(readout.population, str):
            yield f"readout must be the name of a population, not {shown(readout.population)}"
            return
        if readout.population in names:
            yield f"readouts must be different populations; {readout.population!r} is one of them twice"
        names.add(readout.population)
        yield from _readout(program, readout)


def _readout(program: "Program", readout: Readout) -> Iterator[str]:
    population, decision, classes = program.population(readout.population), readout.decision, readout.classes
    if population.fires:
        yield f"readout {population.name!r} must have the model 'readout' or 'sigma', not {population.model!r}"
    if decision is not None and not (isinstance(decision, str) and decision in DECISIONS):
        yield f"decision {shown(decision)} is unknown; the known ones are {', '.join(DECISIONS)}"
    if readout.task not in TASKS:
        yield f"task {shown(readout.task)} is unknown; the known ones are {', '.join(TASKS)}"
    elif readout.per_step and decision is not None:
        yield f"a readout with the task {readout.task} must have no decision, as steps are predicted one by one"
    elif readout.task == "regression" and decision not in (None, *REGRESSION_DECISIONS):
        yield f"decision {shown(decision)} gives no numbers; those that do are {', '.join(REGRESSION_DECISIONS)}"
    if classes and len(classes) != population.size:
        yield f"there are {len(classes)} classes for {population.size} neurons of the readout"


def _edge(program: "Program", edge: Edge | ConvEdge) -> Iterator[str]:
    who = f"edge {edge.source!r} -> {edge.target!r}"
    sources, targets = program.sources(edge.source), program.population(edge.target).size
    if isinstance(edge, ConvEdge):
        for name, size in (("source", sources), ("target", targets)):
            field = getattr(edge.geometry, name)
            if field.size != size:
                yield f"{who}: the field of the {name} must have its {size} neurons, not {' x '.join(map(str, field))}"
    else:
        yield from _synapses(who, edge, sources, targets)
    if edge.source == INPUT:
        return
    if not program.population(edge.source).fires:
        yield f"{who}: a readout does not fire, so no synapse can start at it"
    if edge.delay.min(initial=1) < program.least_delay(edge):
        yield (
            f"{who}: delays must be at least 1, not 0, as the source is not computed before the target; "
            "order the populations, or lengthen these delays"
        )


def _synapses(who: str, edge: Edge, sources: int, targets: int) -> Iterator[str]:
    if len(edge.indptr) != sources + 1:
        yield f"{who}: indptr must have {sources + 1} values, one per source and the end, not {len(edge.indptr)}"
    if len(edge.post) and not (edge.post.min() >= 0 and edge.post.max() < targets):
        yield f"{who}: target neurons must be from 0 to {targets - 1}, not {edge.post.min()} to {edge.post.max()}"


def _arithmetic(program: "Program") -> Iterator[str]:
    yield from _graded(program)
    for population in program.populations:
        yield from _decays(population, 1 if program.fixed is None else 2**program.fixed.decay_bits)
        if not _is_integer(population.decay) == _is_integer(population.bias) == (program.fixed is not None):
            yield f"population {population.name!r}: arrays must be integers if, and only if, `fixed` is given"
        elif program.fixed is not None and _too_large(population, program.fixed.limit):
            yield (
                f"population {population.name!r}: thresholds and biases must be within ± {program.fixed.limit}, "
                f"the range of {program.fixed.word_bits} bits; use a longer word or a smaller weight_shift"
            )
        if program.fixed is not None:
            yield from _coefficients(population, program.fixed)
    for edge in program.edges:
        if _is_integer(edge.weight) != (program.fixed is not None):
            yield f"edge {edge.source!r} -> {edge.target!r}: weights must be integers if, and only if, `fixed` is given"


def _graded(program: "Program") -> Iterator[str]:
    if not program.graded:
        return
    one = 1 if program.fixed is None else 2**program.fixed.decay_bits
    for population in program.populations:
        if not MODELS[population.model].graded:
            yield (
                f"population {population.name!r}: the model {population.model!r} takes spikes, and other populations "
                "send graded messages; a Program has one kind"
            )
        elif (population.decay != one).any():
            yield f"population {population.name!r}: decay must be {one}, as sums of messages last"


def _is_integer(values: np.ndarray) -> bool:
    return bool(np.issubdtype(values.dtype, np.integer))


def _decays(population: Population, one: int) -> Iterator[str]:
    for name, variable in (("decay", "a voltage"), ("second_decay", "the second variable")):
        decay = getattr(population, name)
        if decay is not None and not ((decay >= 0) & (decay <= one)).all():
            share = f"the share that remains of {variable}"
            yield f"population {population.name!r}: {name} must be from 0 to {one}, {share}"


def _coefficients(population: Population, fixed: FixedPoint) -> Iterator[str]:
    """Yield whether products of coefficients and membranes may exceed 64 bits, and jumps the word."""
    if not MODELS[population.model].fixed_point:
        yield f"population {population.name!r}: the model {population.model!r} has no integer arithmetic"
    for name, most in {"gain": LARGEST_COEFFICIENT, "coupling": LARGEST_COEFFICIENT, "jump": fixed.limit}.items():
        value = getattr(population, name)
        if value is not None and not ((value >= -most) & (value <= most)).all():
            yield f"population {population.name!r}: {name} must be within ± {most}; use other bits or another scale"


def _too_large(population: Population, limit: int) -> bool:
    # not by absolute values, as the smallest integer has none in its type
    bias = population.bias.min() < -limit or population.bias.max() > limit
    return bool(bias or (population.fires and population.threshold.max() > limit))
