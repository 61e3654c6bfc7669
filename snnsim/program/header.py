"""The header of a Program in a file: all that is not an array, as a table of JSON whose fields are checked one by one.

A file in any format holds the table of `Program.header()`, with fields of its own beside it. `Header.of` checks the
table; `Header.program` builds the Program of it and of the arrays that the format holds. A format reads its own fields
of `Header.table` with the functions `*_field`, which raise a ValueError that names the field.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Self

import numpy as np

from snnsim.program.conv_edge import ConvEdge
from snnsim.program.edge import Edge
from snnsim.program.fixed_point import FixedPoint
from snnsim.program.geometry import Geometry
from snnsim.program.model import Program
from snnsim.program.parts import INPUT, Population, model_of_file
from snnsim.program.readouts import Readout
from snnsim.validation import integer, real, require, shown

WHO = "header"
"""Name of the table in messages."""
MOST_CHANNELS = 2**31 - 1
"""The most channels that a header may state."""
MOST_EXTRA_STEPS = 10**7
"""The most extra steps that a header may state."""
MOST_SOURCES = 2**27
"""The most sources of all edges together: an edge has a value of indptr for each neuron or channel of its source."""


@dataclass(frozen=True)
class Header:
    """The checked table of a file."""

    channels: int
    populations: tuple[tuple[str, str], ...]
    """Name and neuron model of each population."""
    edges: tuple[tuple[str, str], ...]
    """Source and target of each edge."""
    time_step_ms: float
    readout: str | None
    decision: str | None
    classes: tuple[str, ...]
    extra_steps: int
    fixed: FixedPoint | None
    provenance: dict[str, Any]
    further_readouts: tuple[Readout, ...]
    task: str
    convolutions: Mapping[int, Geometry]
    """Geometries of the edges that are convolutions, by number."""
    table: Mapping[str, Any]
    """All fields, with those that a format adds."""

    @classmethod
    def of(cls, table: Any, *, form: str | None = None, version: int = 1) -> Self:
        """Return the header of a table that was JSON.

        Args:
            table: The table, of any type until it is checked.
            form: Value that its field `format` must have; None where the format is known otherwise.
            version: The newest known version of the format.

        Raises:
            ValueError: If a field is missing, of another type, or out of its range; the message names the field.
        """
        require(isinstance(table, Mapping), f"{WHO}: it must be a table of fields, not {shown(table)}")
        if form is not None:
            require(table.get("format") == form, f"its format is {shown(table.get('format'))}, not {form!r}")
            newest = integer_field(table, "version", at_least=1)
            require(newest <= version, f"it has version {newest}, newer than the {version} known; upgrade snnsim")
        populations = tuple((name, model_of_file(model)) for name, model in _pairs_field(table, "populations"))
        return cls(
            channels=integer_field(table, "channels", at_least=1, at_most=MOST_CHANNELS),
            populations=populations,
            edges=_edges(table, [name for name, _ in populations]),
            time_step_ms=_time_step(table),
            readout=_name_or_none(table, "readout"),
            decision=_name_or_none(table, "decision"),
            classes=tuple(str(label) for label in list_field(table, "classes", (str, int))),
            extra_steps=integer_field(table, "extra_steps", at_least=0, at_most=MOST_EXTRA_STEPS),
            fixed=_fixed(table),
            provenance=table_field(table, "provenance"),
            further_readouts=_further_readouts(table),
            task=_task(table),
            convolutions=_convolutions(table),
            table=table,
        )

    def sizes(self, populations: Iterable[Population]) -> dict[str, int]:
        """Return the number of neurons of each population by name, and of channels of the input.

        Args:
            populations: The populations of the file.

        Raises:
            ValueError: If the edges have more sources than MOST_SOURCES.
        """
        size = {INPUT: self.channels} | {population.name: population.size for population in populations}
        sources = sum(size[source] + 1 for source, _ in self.edges)
        require(
            sources <= MOST_SOURCES,
            f"{WHO}: the edges must start at {MOST_SOURCES:,} channels and neurons at most, not at {sources:,}",
        )
        return size

    def program(self, populations: Sequence[Population], edges: Sequence[Edge | ConvEdge]) -> Program:
        """Return the Program of the header and of arrays read from the same file.

        Args:
            populations: The populations, in the order of `Header.populations`.
            edges: The edges, in the order of `Header.edges`.

        Raises:
            ValueError: If they are no valid Program.
        """
        parts: dict[str, Any] = {"populations": tuple(populations), "edges": tuple(edges)}
        of_header = {field.name: getattr(self, field.name) for field in fields(Program) if field.name not in parts}
        return Program(**parts, **of_header)

    def by_population(self, name: str) -> dict[str, int]:
        """Return a field that is a table of integers by population, and by INPUT where the table has it.

        Args:
            name: Name of the field in the table. Its values are from -2^31 to 2^31.

        Raises:
            ValueError: If it is no such table, or a population is missing.
        """
        table = table_field(self.table, name)
        populations = {population for population, _ in self.populations}
        require(table.keys() >= populations, f"{WHO}: {name} must have a value for each population")
        return {population: integer_field(table, population, at_least=-(2**31), at_most=2**31) for population in table}


def integer_field(table: Mapping[str, Any], name: str, *, at_least: int, at_most: int = 2**63 - 1) -> int:
    """Return a field that is an integer in a range.

    Args:
        table: The table that has the field.
        name: Name of the field.
        at_least: The smallest value.
        at_most: The largest value.

    Raises:
        ValueError: If the field is missing, of another type, or out of the range.
    """
    require(name in table, f"{WHO}: there is no field {name!r}")
    value: int = _converted(lambda: integer(table[name], who=WHO, name=name, at_least=at_least, at_most=at_most))
    return value


def table_field(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a field that is a table.

    Args:
        table: The table that has the field.
        name: Name of the field.

    Raises:
        ValueError: If the field is missing, or no table.
    """
    value = table.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"{WHO}: {name} must be a table, not {shown(value)}")
    return dict(value)


def list_field(
    table: Mapping[str, Any], name: str, types: type | tuple[type, ...], *, count: int | None = None
) -> list[Any]:
    """Return a field that is a list.

    Args:
        table: The table that has the field.
        name: Name of the field.
        types: Type or types of the values; True and False are no integers.
        count: Number of values; None for any number.

    Raises:
        ValueError: If the field is missing, no list, or its values are of another type or number.
    """
    values = table.get(name)
    if not isinstance(values, list):
        raise ValueError(f"{WHO}: {name} must be a list, not {shown(values)}")
    for value in values:
        valid = isinstance(value, types) and not isinstance(value, bool)
        require(valid, f"{WHO}: {name} must not have {shown(value)} in it")
    require(count is None or len(values) == count, f"{WHO}: {name} must be a list of {count}, not of {len(values)}")
    return list(values)


def arrays_field(table: Mapping[str, Any], name: str, *, count: int) -> list[np.ndarray]:
    """Return a field that is a list of lists of numbers, as arrays of int64 or float64.

    Args:
        table: The table that has the field.
        name: Name of the field.
        count: Number of lists.

    Raises:
        ValueError: If the field is missing, or no such list.
    """
    arrays = []
    for index, values in enumerate(list_field(table, name, list, count=count)):
        list_field({name: values}, name, (int, float))
        array = np.array(values) if values else np.zeros(0)
        require(array.dtype.kind in "if", f"{WHO}: {name}[{index}] must be numbers of 64 bits at most")
        arrays.append(array)
    return arrays


def _pairs_field(table: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    pairs = list_field(table, name, list)
    for pair in pairs:
        texts = len(pair) == 2 and all(isinstance(text, str) for text in pair)
        require(texts, f"{WHO}: {name} must be pairs of texts")
    return tuple((first, second) for first, second in pairs)


def _edges(table: Mapping[str, Any], names: list[str]) -> tuple[tuple[str, str], ...]:
    populations = set(names)
    require(len(populations) == len(names), f"{WHO}: populations must have unique names")
    edges = _pairs_field(table, "edges")
    for source, target in edges:
        require(
            source in populations | {INPUT} and target in populations,
            f"{WHO}: the edge {source!r} -> {target!r} must lead from and to populations of the table",
        )
    return edges


def _time_step(table: Mapping[str, Any]) -> float:
    step: Any = table.get("time_step_ms")
    _converted(lambda: real(step, who=WHO, name="time_step_ms", above=0))
    # NumPy has no integers beyond 64 bits
    return step if step < 2**53 else float(step)


def _name_or_none(table: Mapping[str, Any], name: str) -> str | None:
    value = table.get(name)
    if not (value is None or isinstance(value, str)):
        raise ValueError(f"{WHO}: {name} must be a name or null, not {shown(value)}")
    return value


def _task(table: Mapping[str, Any]) -> str:
    return _name_or_none(table, "task") or "class"


def _further_readouts(table: Mapping[str, Any]) -> tuple[Readout, ...]:
    readouts = []
    for each in list_field(table, "further_readouts", dict) if "further_readouts" in table else ():
        population, decision = _name_or_none(each, "population"), _name_or_none(each, "decision")
        require(population is not None, f"{WHO}: further_readouts must name their populations")
        classes = tuple(str(label) for label in list_field(each, "classes", (str, int)))
        readouts.append(Readout(str(population), decision, classes, _task(each)))
    return tuple(readouts)


def _convolutions(table: Mapping[str, Any]) -> dict[int, Geometry]:
    geometries: dict[int, Geometry] = {}
    for each in list_field(table, "convolutions", dict) if "convolutions" in table else ():
        number = integer_field(each, "edge", at_least=0, at_most=len(table["edges"]) - 1)
        require(number not in geometries, f"{WHO}: convolutions must have edge {number} once")
        sides: dict[str, Any] = {field.name: list_field(each, field.name, int) for field in fields(Geometry)}
        geometries[number] = _converted(partial(Geometry, **sides))
    return geometries


def _fixed(table: Mapping[str, Any]) -> FixedPoint | None:
    if table.get("fixed") is None:
        return None
    values = table_field(table, "fixed")
    names = [field.name for field in fields(FixedPoint)]
    require(set(values) == set(names), f"{WHO}: fixed must have the fields {', '.join(names)}, not {', '.join(values)}")
    return FixedPoint(**{name: integer_field(values, name, at_least=0) for name in names})


def _converted(check: Callable[[], Any]) -> Any:
    """Return the result of a check.

    Raises:
        ValueError: If the check fails; a field of another type is a wrong value of a file, so no TypeError.
    """
    try:
        return check()
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
