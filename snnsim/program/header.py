"""What a file says of a Program besides its arrays: every field is of its type, and in its range, or refused by name.

A file in any format holds the table of `Program.header()` with fields of its own beside it; `Header.of` checks the
table, and `Header.program` makes the Program of it and of what the format holds as arrays.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from snnsim.program.fixed_point import FixedPoint
from snnsim.program.model import Program
from snnsim.program.parts import INPUT, Edge, Population, model_of_file
from snnsim.validation import integer, real, require, shown

WHO = "header"
MOST_CHANNELS = 2**31 - 1
MOST_EXTRA_STEPS = 10**7
MOST_CELLS = 2**27
"""Sources of all edges together: an edge has a number for each neuron or channel that it could start at."""


@dataclass(frozen=True)
class Header:
    """The checked table of a file; `told` is all of it, with the fields that a format adds."""

    channels: int
    populations: tuple[tuple[str, str], ...]
    """Name and neuron model."""
    edges: tuple[tuple[str, str], ...]
    """Source and target."""
    time_step_ms: float
    readout: str | None
    decision: str | None
    classes: tuple[str, ...]
    extra_steps: int
    fixed: FixedPoint | None
    provenance: dict[str, Any]
    told: Mapping[str, Any]

    @classmethod
    def of(cls, told: Any, *, form: str | None = None, version: int = 1) -> Self:
        """Return the header of a table that was JSON.

        Args:
            told: The table.
            form: What its field `format` must be; None where the format is known otherwise.
            version: The newest version of the format that is known.

        Raises:
            ValueError: If a field is missing, of another type, or out of its range; the message names it.
        """
        require(isinstance(told, Mapping), f"{WHO}: it must be a table of fields, not {shown(told)}")
        if form is not None:
            found = told.get("format")
            require(found == form, f"its format is {shown(found)}, not {form!r}")
            newest = whole(told, "version", at_least=1)
            require(newest <= version, f"it has version {newest}, newer than the {version} known; upgrade snnsim")
        names = tuple((name, model_of_file(model)) for name, model in pairs(told, "populations"))
        require(len({name for name, _ in names}) == len(names), f"{WHO}: populations must have names of their own")
        edges = pairs(told, "edges")
        for source, target in edges:
            known = {name for name, _ in names}
            require(
                source in known | {INPUT} and target in known,
                f"{WHO}: the edge {source!r} -> {target!r} must lead from and to populations that are there",
            )
        step: Any = told.get("time_step_ms")
        _converted(lambda: real(step, who=WHO, name="time_step_ms", above=0))
        return cls(
            channels=whole(told, "channels", at_least=1, at_most=MOST_CHANNELS),
            populations=names,
            edges=edges,
            # NumPy has no integers beyond 64 bits
            time_step_ms=step if step < 2**53 else float(step),
            readout=_text_or_none(told, "readout"),
            decision=_text_or_none(told, "decision"),
            classes=tuple(str(each) for each in rows(told, "classes", (str, int))),
            extra_steps=whole(told, "extra_steps", at_least=0, at_most=MOST_EXTRA_STEPS),
            fixed=_fixed(told),
            provenance=table(told, "provenance"),
            told=told,
        )

    def sizes(self, populations: Iterable[Population]) -> dict[str, int]:
        """Return how many neurons each population has, and channels the input.

        Raises:
            ValueError: If edges would need more numbers of sources than any file of ours has.
        """
        size = {INPUT: self.channels} | {part.name: part.size for part in populations}
        cells = sum(size[source] + 1 for source, _ in self.edges)
        require(
            cells <= MOST_CELLS,
            f"{WHO}: the edges start at {cells:,} channels and neurons together, and may at {MOST_CELLS:,}",
        )
        return size

    def program(self, populations: Sequence[Population], edges: Sequence[Edge]) -> Program:
        """Return the Program of these populations and edges; raises ValueError as `Program` does."""
        return Program(
            channels=self.channels,
            populations=tuple(populations),
            edges=tuple(edges),
            time_step_ms=self.time_step_ms,
            readout=self.readout,
            decision=self.decision,
            classes=self.classes,
            extra_steps=self.extra_steps,
            fixed=self.fixed,
            provenance=self.provenance,
        )

    def by_population(self, name: str) -> dict[str, int]:
        """Return a field that has a whole number for each population, and the input where it is given too."""
        found = table(self.told, name)
        wanted = [part for part, _ in self.populations]
        require(found.keys() >= set(wanted), f"{WHO}: {name} must have a value for each population")
        return {each: whole(found, each, at_least=-(2**31), at_most=2**31) for each in found}


def whole(told: Mapping[str, Any], name: str, *, at_least: int, at_most: int = 2**63 - 1) -> int:
    """Return a field that is a whole number in a range; raises ValueError where it is not."""
    require(name in told, f"{WHO}: there is no field {name!r}")
    found: int = _converted(lambda: integer(told[name], who=WHO, name=name, at_least=at_least, at_most=at_most))
    return found


def table(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a field that is a table; raises ValueError where it is not."""
    found: Any = told.get(name)
    require(isinstance(found, dict), f"{WHO}: {name} must be a table, not {shown(found)}")
    return dict(found)


def rows(told: Mapping[str, Any], name: str, kinds: type | tuple[type, ...], *, count: int | None = None) -> list[Any]:
    """Return a field that is a list of values of these types, so many; raises ValueError where it is not."""
    found: Any = told.get(name)
    require(isinstance(found, list), f"{WHO}: {name} must be a list, not {shown(found)}")
    for each in found:
        require(
            isinstance(each, kinds) and not isinstance(each, bool), f"{WHO}: {name} must not have {shown(each)} in it"
        )
    require(count is None or len(found) == count, f"{WHO}: {name} must be a list of {count}, not of {len(found)}")
    return list(found)


def numbers(told: Mapping[str, Any], name: str, *, count: int) -> list[np.ndarray]:
    """Return a field that is a list of so many lists of numbers, as arrays; raises ValueError where it is not."""
    found = []
    for number, row in enumerate(rows(told, name, list, count=count)):
        rows({name: row}, name, (int, float))
        found.append(_array(row, f"{WHO}: {name}[{number}]"))
    return found


def pairs(told: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    """Return a field that is a list of pairs of texts; raises ValueError where it is not."""
    found = []
    for each in rows(told, name, list):
        require(len(each) == 2 and all(isinstance(part, str) for part in each), f"{WHO}: {name} must be pairs of texts")
        found.append((each[0], each[1]))
    return tuple(found)


def _array(row: list[Any], who: str) -> np.ndarray:
    made = np.array(row) if row else np.zeros(0)
    require(made.dtype.kind in "if", f"{who} must be numbers of 64 bits at most")
    return made


def _text_or_none(told: Mapping[str, Any], name: str) -> str | None:
    found = told.get(name)
    require(found is None or isinstance(found, str), f"{WHO}: {name} must be a name or null, not {shown(found)}")
    return found


def _fixed(told: Mapping[str, Any]) -> FixedPoint | None:
    if told.get("fixed") is None:
        return None
    given = table(told, "fixed")
    known = [each.name for each in fields(FixedPoint)]
    require(set(given) == set(known), f"{WHO}: fixed must have the fields {', '.join(known)}, not {', '.join(given)}")
    return FixedPoint(**{name: whole(given, name, at_least=0) for name in known})


def _converted(function: Callable[[], Any]) -> Any:
    """Return what a check returns; what a file says is a wrong value, never a wrong argument."""
    try:
        return function()
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
