"""Design rules of chips and simulators, one function each: what of a Program breaks them, and what to do about it.

A rule yields a Violation for every edge or population that breaks it. A target runs the rules it has, and all that they
find is shown at once; nothing is changed here (`repairs` has what can be changed, by name).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from snnsim.program import Edge, Program


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


def integers(program: Program) -> Iterator[Violation]:
    """Weights, decays, thresholds and biases are integers."""
    if program.fixed is None:
        yield Violation(
            "integers", "program", "numbers must be integers, and it is in floats",
            "quantise it: snnsim quantize PROGRAM --weights int8", "quantize",
        )  # fmt: skip


def weight_range(program: Program, *, least: int, most: int) -> Iterator[Violation]:
    """Integer weights fit into the target's word."""
    for edge in program.edges:
        low, high = edge.weight.min(initial=0), edge.weight.max(initial=0)
        if low < least or high > most:
            yield Violation(
                "weight_range", named(edge), f"weights must be from {least} to {most}, not {low:g} to {high:g}",
                "requantise with fewer bits: snnsim quantize", "requantize",
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


def reset(program: Program, *, rules: tuple[str, ...] = ("hard",)) -> Iterator[Violation]:
    """Neurons that fire are reset in a way the target knows."""
    for part in program.populations:
        if part.fires and part.rule not in rules:
            yield Violation(
                "reset", f"population {part.name!r}", f"the reset must be {' or '.join(rules)}, not {part.rule!r}",
                f"train with network.reset = {rules[0]!r}" if rules else "use another target",
            )  # fmt: skip


def sums(program: Program) -> Iterator[Violation]:
    """The weights of a neuron, all of them at once, add up in 32 bits."""
    for part in program.populations:
        total = np.zeros(part.size)
        for edge in program.edges:
            if edge.target == part.name:
                total += np.bincount(edge.post, np.abs(edge.weight.astype(np.float64)), part.size)
        if total.max() > np.iinfo(np.int32).max:
            yield Violation(
                "sums", f"population {part.name!r}",
                f"weights of a neuron must add up to less than 2^31, not to {total.max():g}",
                "requantise with fewer bits: snnsim quantize", "requantize",
            )  # fmt: skip
