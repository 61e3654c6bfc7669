"""What a Program must hold to be run; everything that is wrong is named at once."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.choices import DECISIONS
from snnsim.program.fixed_point import FixedPoint
from snnsim.program.names import can_be_written
from snnsim.program.parts import INPUT, MOST, Edge, Population
from snnsim.validation import shown

if TYPE_CHECKING:
    from snnsim.program.model import Program

MOST_EXTRA_STEPS = 10**6


def check(program: "Program") -> None:
    """Raise a ValueError that names everything that is wrong."""
    wrong = [*_names(program), *_numbers(program)]
    # what follows looks names up
    wrong = wrong or [*_readout(program), *(line for edge in program.edges for line in _edge(program, edge))]
    wrong = wrong or [*_arithmetic(program), *_chance(program)]
    if wrong:
        raise ValueError(f"Program: {'; '.join(wrong)}")


def _names(program: "Program") -> Iterator[str]:
    names = [population.name for population in program.populations]
    if not names:
        yield "there must be a population"
    if not all(isinstance(name, str) and name for name in names) or len({INPUT, *names}) <= len(names):
        yield f"populations must have names of their own, none of them {INPUT!r}; got {names}"
        return
    for name in names:
        if not can_be_written(name):
            yield f"population {name!r}: a name must be text that files hold, without NUL and lone surrogates"
    for edge in program.edges:
        for name, known in ((edge.source, [INPUT, *names]), (edge.target, names)):
            if name not in known:
                yield f"edge {edge.source!r} -> {edge.target!r}: {name!r} is unknown; the known names are {known}"


def _numbers(program: "Program") -> Iterator[str]:
    if not _is_count(program.channels, 1, MOST):
        yield f"channels must be a whole number of at least 1, not {shown(program.channels)}; at most {MOST}"
    step = program.time_step_ms
    if not (isinstance(step, int | float) and not isinstance(step, bool) and 0 < step <= sys.float_info.max):
        yield f"time_step_ms must be positive, not {shown(step)}"
    if not _is_count(program.extra_steps, 0, MOST_EXTRA_STEPS):
        yield (
            f"extra_steps must be a whole number of 0 or more, not {shown(program.extra_steps)}; "
            f"at most {MOST_EXTRA_STEPS}"
        )
    if sum(part.size for part in program.populations) > MOST:
        yield f"there must be at most {MOST} neurons"
    if not (program.fixed is None or isinstance(program.fixed, FixedPoint)):
        yield f"fixed must be a FixedPoint or None, not {shown(program.fixed)}"
    if not isinstance(program.provenance, dict):
        yield f"provenance must be a table of facts, not {shown(program.provenance)}"
    elif (why := _not_in_json(program.provenance)) is not None:
        yield f"provenance must be what JSON holds: {why}"


def _is_count(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _not_in_json(facts: dict[str, Any]) -> str | None:
    try:
        json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return str(error)
    return None


def _readout(program: "Program") -> Iterator[str]:
    if program.readout is None:
        if program.decision is not None or program.classes:
            yield "a decision and classes need a readout; name its population"
        return
    if not isinstance(program.readout, str):
        yield f"readout must be the name of a population, not {shown(program.readout)}"
        return
    readout = program.population(program.readout)
    if readout.fires:
        yield f"readout {readout.name!r} must have the rule 'readout', not {readout.rule!r}"
    if program.decision is not None and not (isinstance(program.decision, str) and program.decision in DECISIONS):
        yield f"decision {shown(program.decision)} is unknown; the known ones are {', '.join(DECISIONS)}"
    if program.classes and len(program.classes) != readout.size:
        yield f"there are {len(program.classes)} classes for {readout.size} neurons of the readout"


def _edge(program: "Program", edge: Edge) -> Iterator[str]:
    who = f"edge {edge.source!r} -> {edge.target!r}"
    sources, targets = program.sources(edge.source), program.population(edge.target).size
    if len(edge.first) != sources + 1:
        yield f"{who}: first must have {sources + 1} values, one per source and the end, not {len(edge.first)}"
    if len(edge.post) and not (edge.post.min() >= 0 and edge.post.max() < targets):
        yield f"{who}: target neurons must be from 0 to {targets - 1}, not {edge.post.min()} to {edge.post.max()}"
    if edge.source == INPUT:
        return
    if not program.population(edge.source).fires:
        yield f"{who}: a readout does not fire, so nothing can start at it"
    names = [population.name for population in program.populations]
    least = edge.delay.min(initial=1)
    if names.index(edge.source) >= names.index(edge.target) and least < 1:
        yield (
            f"{who}: delays must be at least 1, not {least}, as the source is not computed before the target; "
            "order the populations, or lengthen these delays"
        )


def _arithmetic(program: "Program") -> Iterator[str]:
    for population in program.populations:
        one = 1 if program.fixed is None else 2**program.fixed.decay_bits
        if not ((population.decay >= 0) & (population.decay <= one)).all():
            yield f"population {population.name!r}: decay must be from 0 to {one}, the share of the voltage kept"
        if not _is_whole(population.decay) == _is_whole(population.bias) == (program.fixed is not None):
            yield f"population {population.name!r}: numbers are integers if, and only if, `fixed` says how they count"
        elif program.fixed is not None and _too_large(population, program.fixed.limit):
            yield (
                f"population {population.name!r}: thresholds and biases must be within ± {program.fixed.limit}, "
                f"which is what {program.fixed.word_bits} bits hold; use a longer word or a smaller weight_shift"
            )
    for edge in program.edges:
        if _is_whole(edge.weight) != (program.fixed is not None):
            yield f"edge {edge.source!r} -> {edge.target!r}: weights are integers if, and only if, `fixed` is given"


def _chance(program: "Program") -> Iterator[str]:
    for population in program.populations:
        if population.width is not None and not (population.width >= 0).all():
            yield f"population {population.name!r}: width must be 0 or more, as a scatter has no sign"
        if population.noisy and program.fixed is not None:
            yield f"population {population.name!r}: neurons that fire by chance have no arithmetic in integers"


def _is_whole(values: np.ndarray) -> bool:
    return bool(np.issubdtype(values.dtype, np.integer))


def _too_large(population: Population, limit: int) -> bool:
    # not by absolute values, as the smallest integer has none
    bias = population.bias.min() < -limit or population.bias.max() > limit
    return bool(bias or (population.fires and population.threshold.max() > limit))
