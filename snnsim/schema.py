"""Conversion of config sections (frozen dataclasses) from and to plain values, with checks of types and ranges.

The declared type of a field says which values it takes, and `Annotated[int, Range(...)]` their range. Every section
calls `settle` in its constructor, so that a section of Python code is checked like one of a file.

A part of a config may be of several kinds, each a section with settings of its own. The declared type is then the union
of the sections, each a class of Kind:

    neuron: LIF | AdLIF = LIF()                     [network.neuron]
    augment: tuple[Blend | CutMix, ...] = ()        [[data.augment]]
    recurrent: Dense | Delayed | None = None        the kind "none" is None

A file names the kind by the key `kind` of the section, or by a text in place of the section, which then has its default
settings.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from snnsim.validation import shown

INTEGERS = -(2**63), 2**63 - 1
"""The smallest and the largest integer of a TOML file, and of int64."""
NONE = "none"
"""Value of a file for None."""
MOST_ITEMS = 1000
"""Most values of a list."""
MOST_CHARACTERS = 4096
"""Most characters of a text; no system has longer paths."""
_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Range:
    """Bounds of the numbers of a field; None is no bound."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None

    def broken(self, number: float) -> str | None:
        """Return the bound that a number violates as a text, such as "at least 1", or None.

        Args:
            number: Number to compare with the bounds; NaN violates every bound.
        """
        if self.above is not None and not number > self.above:
            return "positive" if self.above == 0 else f"above {self.above:,}"
        if self.at_least is not None and not number >= self.at_least:
            return f"at least {self.at_least:,}"
        if self.at_most is not None and not number <= self.at_most:
            return f"at most {self.at_most:,}"
        return None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A section of one of several kinds; each kind declares its own field `kind`, with its name as the only value."""

    kind: str
    """Name of the kind in a config."""

    carried: ClassVar[tuple[str, ...]] = ()
    """Settings that a section of another kind, which has them here too, takes over when it replaces this one."""


EXTENSIONS: dict[type[Kind], Callable[[], Mapping[str, Any]]] = {}
"""Functions that return sections of plug-ins by their kinds, for every union of sections of a base class."""


def kinds_of(kind: Any) -> dict[str, Any]:
    """Return the sections of a declared type by their kinds; an empty table if its values are not of several kinds.

    Args:
        kind: Declared type of a field, such as a union of sections.
    """
    choices = [choice for choice in get_args(kind) if choice is not NoneType]
    if get_origin(kind) not in (Union, UnionType) or not all(map(is_dataclass, choices)):
        return {}
    kinds = {get_args(hints(choice)["kind"])[0]: choice for choice in choices}
    for base, more in EXTENSIONS.items():
        if all(issubclass(choice, base) for choice in choices):
            kinds |= {name: section for name, section in more().items() if name not in kinds}
    return kinds


@cache
def hints(kind: type) -> dict[str, Any]:
    """Return the declared types of a section's fields, with their ranges.

    Args:
        kind: Type of the section, a dataclass.
    """
    types = get_type_hints(kind, include_extras=True)
    return {each.name: types[each.name] for each in fields(kind)}


def settle(section: Any, where: str) -> None:
    """Check the values of a new section, and convert lists to tuples and integers to floats where its types say so.

    Args:
        section: A frozen dataclass.
        where: Prefix of its keys in messages, such as "network.".

    Raises:
        ValueError: If a value has another type, is not finite, or is outside of its range.
    """
    section_kind: type = type(section)
    for name, kind in hints(section_kind).items():
        object.__setattr__(section, name, _typed(kind, getattr(section, name), f"{where}{name}"))


def build(kind: type, values: Mapping[str, object], where: str) -> Any:
    """Return a section of plain values.

    Args:
        kind: Type of the section.
        values: Values of its fields; nested mappings are sections.
        where: Prefix of its keys in messages, such as "network.".

    Raises:
        ValueError: If a key is unknown, or a value is wrong.
    """
    parts = {}
    for name, value in values.items():
        known(kind, name, f"{where}{name}")
        if is_dataclass(hints(kind)[name]):
            if not isinstance(value, Mapping):
                raise ValueError(f"config: {where}{name} must be a section, not {shown(value)}")
            value = build(hints(kind)[name], value, f"{where}{name}.")
        parts[name] = value
    return kind(**parts)


def takes_none(kind: Any) -> bool:
    """Return whether a declared type includes None.

    Args:
        kind: Declared type of a field.
    """
    return get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind)


def is_text(kind: Any) -> bool:
    """Return whether a declared type takes every text.

    Args:
        kind: Declared type of a field; `str | None` counts, `Literal` does not.
    """
    return kind is str or (takes_none(kind) and str in get_args(kind))


def known(kind: type, name: str, dotted: str) -> None:
    """Check that a section has a key.

    Args:
        kind: Type of the section.
        name: Name of the key.
        dotted: Its name with its sections, for messages.

    Raises:
        ValueError: If the section has no such key; the message lists its keys.
    """
    if name not in hints(kind):
        raise ValueError(f"config: {shown(dotted)[1:-1]} is unknown; the known keys there are {names(kind)}")


def names(kind: Any) -> str:
    """Return the keys of a section as a text.

    Args:
        kind: Type of the section, a dataclass, or a section itself.
    """
    return ", ".join(item.name for item in fields(kind))


def _typed(kind: Any, value: object, dotted: str) -> object:
    """Return a value converted to its declared type."""
    if kinds_of(kind):
        return _of_kind(kind, value, dotted)
    if takes_none(kind):
        if value is None or (value == NONE and not is_text(kind)):
            return None
        (kind,) = (choice for choice in get_args(kind) if choice is not NoneType)
    if get_origin(kind) is Annotated:
        kind, limits = get_args(kind)
        value = _typed(kind, value, dotted)
        _check_range(limits, value, dotted)
        return value
    if get_origin(kind) is Literal:
        return _chosen(get_args(kind), value, dotted)
    if get_origin(kind) is tuple:
        return _list(get_args(kind)[0], value, dotted)
    return _plain(kind, value, dotted)


# the value as a text, a truth value, an integer of 64 bits, a finite number, or a section
def _plain(kind: type, value: object, dotted: str) -> object:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        # an integer beyond the largest float becomes infinite, which is refused below
        value = float(value) if abs(value) <= 2**1023 else math.inf
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"config: {dotted} must be of type {kind.__name__}, not {shown(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"config: {dotted} must be a finite number, not {value}")
    if kind is int and isinstance(value, int) and not INTEGERS[0] <= value <= INTEGERS[1]:
        raise ValueError(f"config: {dotted} must be an integer of 64 bits, not {shown(value)}")
    if isinstance(value, str) and (len(value) > MOST_CHARACTERS or _UNFIT.search(value)):
        must = f"one line of at most {MOST_CHARACTERS:,} characters, none of them for control"
        raise ValueError(f"config: {dotted} must be {must}, not {shown(value)}")
    return value


def _of_kind(declared: Any, value: object, dotted: str) -> object:
    """Return the section of a kind.

    Args:
        declared: The union of the sections.
        value: A section, its values with the key `kind`, the name of a kind, or None.
        dotted: Name of the part, for messages.

    Raises:
        ValueError: If the kind is missing or unknown, or a setting is unknown or wrong.
    """
    sections = kinds_of(declared)
    if type(value) in sections.values():
        return value
    values: Mapping[str, object] = value if isinstance(value, Mapping) else {"kind": NONE if value is None else value}
    names = (*((NONE,) if takes_none(declared) else ()), *sections)
    if values is not value and values["kind"] not in names:
        must = f'{", ".join(names)}, or a section such as {{kind = "{next(iter(sections))}"}}'
        raise ValueError(f"config: {dotted} must be one of {must}, not {shown(value)}")
    if "kind" not in values:
        raise ValueError(f"config: {dotted}.kind is missing; it must be one of {', '.join(names)}")
    name = _chosen(names, values["kind"], f"{dotted}.kind")
    section = sections.get(name)
    for key in values:
        if key != "kind" and (section is None or key not in hints(section)):
            raise ValueError(_unknown_setting(sections, name, key, dotted))
    return section and build(section, values, f"{dotted}.")


def _unknown_setting(sections: Mapping[str, Any], kind: str, key: str, dotted: str) -> str:
    """Return the message that a kind has no such setting, with its settings and the kinds that have this one."""
    others = [name for name, section in sections.items() if key in hints(section)]
    own = f"the known keys of the kind {kind} are {names(sections[kind]) if kind in sections else 'kind'}"
    having = f"; {key} is a key of {', '.join(others)}" if others else ""
    return f"config: {shown(f'{dotted}.{key}')[1:-1]} is unknown; {own}{having}"


def _list(kind: Any, value: object, dotted: str) -> tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"config: {dotted} must be a list, not {shown(value)}")
    if len(value) > MOST_ITEMS:
        raise ValueError(f"config: {dotted} must have at most {MOST_ITEMS:,} values, not {len(value):,}")
    # a table has a name of its own, as its keys are named in messages
    names = (f"{dotted}[{number}]" if kinds_of(kind) else dotted for number in range(len(value)))
    return tuple(_typed(kind, item, name) for item, name in zip(value, names, strict=True))


def _check_range(limits: Range, value: Any, dotted: str) -> None:
    must = limits.broken(value)
    if must is not None:
        raise ValueError(f"config: {dotted} must be {must}, not {value!r}")


def _chosen(choices: tuple[Any, ...], value: object, dotted: str) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"config: {dotted} must be one of {', '.join(map(str, choices))}, not {shown(value)}")
    return value


def plain(section: Any) -> dict[str, object]:
    """Return a section as values of a TOML file.

    TOML has no None: a default of None is left out, and any other None is the text "none". An empty list of tables is
    left out too.

    Args:
        section: Section, a frozen dataclass with the declared types of this module.
    """
    values: dict[str, object] = {}
    section_kind: type = type(section)
    types = hints(section_kind)
    for each in fields(section):
        value = getattr(section, each.name)
        if isinstance(value, tuple) and kinds_of(get_args(types[each.name])[0]):
            if value:
                values[each.name] = [plain(table) for table in value]
        elif is_dataclass(value):
            values[each.name] = plain(value)
        elif value is not None or each.default is not None:
            values[each.name] = NONE if value is None else value
    return values
