"""Conversion of config sections (frozen dataclasses) from and to plain values, with checks of types and ranges.

The declared type of a field says which values it takes, and `Annotated[int, Range(...)]` their range. Every section
calls `settle` in its constructor, so that a section of Python code is checked like one of a file.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

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


@dataclass(frozen=True, eq=False)
class Kinds:
    """The kinds of a part of a config, each a section with settings of its own, or a text without settings.

    A file names a kind by the key `kind` of the section, or by a text in place of the section, which then has its
    default settings. The text "none" is the value None.
    """

    texts: tuple[str, ...]
    """Kinds without settings."""
    sections: Mapping[str, type]
    """Kinds with settings, by their names."""

    def value(self, value: object, dotted: str) -> object:
        """Return the section or the text of a kind.

        Args:
            value: A section, its values with the key `kind`, the name of a kind, or None.
            dotted: Name of the part, for messages.

        Raises:
            ValueError: If the kind or a setting is unknown, or a setting is wrong.
        """
        if type(value) in self.sections.values():
            return value
        settings = dict(value) if isinstance(value, Mapping) else {}
        kind, name = (settings.pop("kind", None), f"{dotted}.kind") if isinstance(value, Mapping) else (value, dotted)
        kind = str(_chosen((*self.texts, *self.sections), NONE if value is None else kind, name))
        if kind in self.sections:
            return build(self.sections[kind], settings, f"{dotted}.")
        if settings:
            raise ValueError(
                f"config: {dotted}.{shown(next(iter(settings)))[1:-1]} is unknown; the kind {kind} has no settings "
                f"there, and these have: {', '.join(self.sections)}"
            )
        return None if kind == NONE else kind

    def plain(self, value: object) -> dict[str, object]:
        """Return the values of a kind's section or text, with the key `kind`.

        Args:
            value: Section of one of the kinds, the text of a kind without settings, or None.
        """
        for name, section in self.sections.items():
            if type(value) is section:
                return {"kind": name, **plain(value)}
        return {"kind": NONE if value is None else value}


def kinds_of(kind: Any) -> Kinds | None:
    """Return the kinds of a declared type; None if its values are of one kind.

    Args:
        kind: Declared type of a field, which `Annotated[..., Kinds(...)]` marks.
    """
    markers = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((marker for marker in markers if isinstance(marker, Kinds)), None)


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
    if takes_none(kind):
        if value is None or (value == NONE and not is_text(kind)):
            return None
        (kind,) = (choice for choice in get_args(kind) if choice is not NoneType)
    if get_origin(kind) is Annotated:
        kind, limits = get_args(kind)
        if isinstance(limits, Kinds):
            return limits.value(value, dotted)
        value = _typed(kind, value, dotted)
        _check_range(limits, value, dotted)
        return value
    if get_origin(kind) is Literal:
        return _chosen(get_args(kind), value, dotted)
    if get_origin(kind) is tuple:
        return _list(get_args(kind)[0], value, dotted)
    if _is_tagged(kind):
        return _tagged(get_args(kind), value, dotted)
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


def _is_tagged(kind: Any) -> bool:
    """Return whether a declared type is one of several sections, which the key `kind` tells apart."""
    return get_origin(kind) in (Union, UnionType) and all(is_dataclass(choice) for choice in get_args(kind))


# the section of a table whose key `kind` names it, or a section as it is
def _tagged(choices: tuple[Any, ...], value: object, dotted: str) -> object:
    if isinstance(value, choices):
        return value
    by_kind = {get_args(hints(choice)["kind"])[0]: choice for choice in choices}
    if not isinstance(value, Mapping):
        raise ValueError(
            f'config: {dotted} must be a table such as {{kind = "{next(iter(by_kind))}"}}, not {shown(value)}'
        )
    _chosen(tuple(by_kind), value.get("kind"), f"{dotted}.kind")
    return build(by_kind[value["kind"]], value, f"{dotted}.")


def _list(kind: Any, value: object, dotted: str) -> tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"config: {dotted} must be a list, not {shown(value)}")
    if len(value) > MOST_ITEMS:
        raise ValueError(f"config: {dotted} must have at most {MOST_ITEMS:,} values, not {len(value):,}")
    # a table has a name of its own, as its keys are named in messages
    names = (f"{dotted}[{number}]" if _is_tagged(kind) else dotted for number in range(len(value)))
    return tuple(_typed(kind, item, name) for item, name in zip(value, names, strict=True))


def _check_range(limits: Range, value: Any, dotted: str) -> None:
    must = limits.broken(value)
    if must is not None:
        raise ValueError(f"config: {dotted} must be {must}, not {value!r}")


def _chosen(choices: tuple[object, ...], value: object, dotted: str) -> object:
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
        value, kinds = getattr(section, each.name), kinds_of(types[each.name])
        if isinstance(value, tuple) and _is_tagged(get_args(types[each.name])[0]):
            if value:
                values[each.name] = [plain(table) for table in value]
        elif is_dataclass(value):
            values[each.name] = plain(value) if kinds is None else kinds.plain(value)
        elif value is not None or each.default is not None:
            values[each.name] = NONE if value is None else value
    return values
