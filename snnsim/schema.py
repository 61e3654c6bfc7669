"""Conversion of config sections (frozen dataclasses) from and to plain values, with checks of types and ranges.

The declared type of a field says which values it takes, and `Annotated[int, Range(...)]` their range. Every section
calls `settle` in its constructor, so that a section of Python code is checked like one of a file.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from snnsim.validation import shown

INTEGERS = -(2**63), 2**63 - 1
"""The smallest and the largest integer of a TOML file, and of int64."""
MOST_BYTES = 2**20
"""Bytes of the longest config file."""
MOST_DOTS = 500
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
        """Return the condition that a number violates, such as "at least 1", or None."""
        if self.above is not None and not number > self.above:
            return "positive" if self.above == 0 else f"above {self.above:,}"
        if self.at_least is not None and not number >= self.at_least:
            return f"at least {self.at_least:,}"
        if self.at_most is not None and not number <= self.at_most:
            return f"at most {self.at_most:,}"
        return None


@cache
def hints(kind: type) -> dict[str, Any]:
    """Return the declared types of a section's fields, with their ranges."""
    return get_type_hints(kind, include_extras=True)


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


def replaced(config: Any, changes: Mapping[str, object]) -> Any:
    """Return a config with other values.

    Args:
        config: Dataclass of sections.
        changes: New values by dotted names such as "training.epochs".

    Raises:
        ValueError: If a name is unknown, or a value is wrong.
    """
    # all values of a section at once, as a value may be valid only together with another
    changed: dict[str, dict[str, object]] = {}
    for dotted, value in changes.items():
        *sections, name = dotted.split(".")
        declared(type(config), dotted)
        changed.setdefault(".".join(sections), {})[name] = value
    own = changed.pop("", {})
    own |= {section: replace(getattr(config, section), **parts) for section, parts in changed.items()}
    return replace(config, **own)


def declared(kind: type, dotted: str) -> Any:
    """Return the declared type of a value.

    Args:
        kind: Type of the config.
        dotted: Name of the value, such as "training.epochs".

    Raises:
        ValueError: If there is no such value; the message lists the names of the section.
    """
    *sections, name = dotted.split(".")
    for section in sections:
        _known(kind, section, dotted)
        if not is_dataclass(hints(kind)[section]):
            raise ValueError(f"config: {shown(dotted)[1:-1]} is unknown; {section} is a value, not a section")
        kind = hints(kind)[section]
    _known(kind, name, dotted)
    wanted = hints(kind)[name]
    if is_dataclass(wanted):
        raise ValueError(f"config: {dotted} is a section; name one of its keys: {_names(wanted)}")
    return wanted


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
        _known(kind, name, f"{where}{name}")
        if is_dataclass(hints(kind)[name]):
            if not isinstance(value, Mapping):
                raise ValueError(f"config: {where}{name} must be a section, not {shown(value)}")
            value = build(hints(kind)[name], value, f"{where}{name}.")
        parts[name] = value
    return kind(**parts)


def text_of(path: Path) -> str:
    """Return the text of a config file.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If the file cannot be read.
        ValueError: If the file is too large, or not in UTF-8.
    """
    if not path.is_file():
        no_file = f"{path} is no file; a config is a TOML file"
        raise FileNotFoundError(no_file if path.exists() else f"there is no config file {path}")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path}: a config must have at most {MOST_BYTES:,} bytes, and this file has more")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: a config must be text in UTF-8; byte {error.start:,} is not") from error


def table(text: str, source: str) -> dict[str, object]:
    """Return the values of a TOML text.

    Args:
        text: The text.
        source: Name of its file, for messages.

    Raises:
        ValueError: If the text is too long, is nested too deeply, or is no TOML.
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"{source}: a config must have at most {MOST_BYTES:,} characters, not {len(text):,}")
    # the memory of the parser grows with the square of the number of names in a dotted key
    if any(line.count(".") > MOST_DOTS for line in text.split("\n")):
        raise ValueError(f"{source}: a line of a config must have at most {MOST_DOTS:,} dots, and one has more")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(f"{source}: not a TOML file that can be read: it is nested too deeply") from error
    except ValueError as error:
        # not only TOMLDecodeError: an integer of thousands of digits is a plain ValueError
        raise ValueError(f"{source}: not a TOML file: {error}") from error


def takes_none(kind: Any) -> bool:
    """Return whether a declared type includes None."""
    return get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind)


def is_text(kind: Any) -> bool:
    """Return whether a declared type takes every text."""
    return kind is str or (takes_none(kind) and str in get_args(kind))


def _known(kind: type, name: str, dotted: str) -> None:
    if name not in hints(kind):
        raise ValueError(f"config: {shown(dotted)[1:-1]} is unknown; the known keys there are {_names(kind)}")


def _names(kind: Any) -> str:
    return ", ".join(item.name for item in fields(kind))


def _typed(kind: Any, value: object, dotted: str) -> object:
    """Return a value converted to its declared type."""
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
    if is_tagged(kind):
        return _tagged(get_args(kind), value, dotted)
    return _plain(kind, value, dotted)


def _plain(kind: type, value: object, dotted: str) -> object:
    """Return a value as a text, a truth value, an integer of 64 bits, a finite number, or a section.

    Raises:
        ValueError: If the value has another type, or is out of bounds.
    """
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


def is_tagged(kind: Any) -> bool:
    """Return whether a declared type is one of several sections, which the key `kind` tells apart."""
    return get_origin(kind) in (Union, UnionType) and all(is_dataclass(choice) for choice in get_args(kind))


def _tagged(choices: tuple[Any, ...], value: object, dotted: str) -> object:
    """Return the section of a table whose key `kind` names it, or a section as it is.

    Raises:
        ValueError: If the value is no table, or its kind is unknown.
    """
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
    names = (f"{dotted}[{number}]" if is_tagged(kind) else dotted for number in range(len(value)))
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
    """
    values: dict[str, object] = {}
    section_kind: type = type(section)
    kinds = hints(section_kind)
    for item in fields(section):
        value = getattr(section, item.name)
        if isinstance(value, tuple) and is_tagged(get_args(kinds[item.name])[0]):
            if value:
                values[item.name] = [plain(table) for table in value]
        elif value is not None or item.default is not None:
            values[item.name] = plain(value) if is_dataclass(value) else NONE if value is None else value
    return values
