"""Sections of a config, frozen dataclasses, from and to plain values: typed, with errors that list what is known."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints


def replaced(whole: Any, changes: Mapping[str, object]) -> Any:
    """Return sections with values replaced, by dotted names such as "training.epochs"."""
    # all of a section at once, as a value may be right only beside another
    changed: dict[str, dict[str, object]] = {}
    for dotted, value in changes.items():
        *sections, name = dotted.split(".")
        part = whole
        for section in sections:
            _known(type(part), section, dotted)
            part = getattr(part, section)
            if not is_dataclass(part):
                raise ValueError(f"config: {dotted} is not there; {section} is a value, not a section")
        changed.setdefault(".".join(sections), {})[name] = _checked(type(part), name, value, dotted)
    own = changed.pop("", {})
    own |= {section: replace(getattr(whole, section), **parts) for section, parts in changed.items()}
    return replace(whole, **own)


def _checked(kind: type, name: str, value: object, dotted: str) -> object:
    """Return a value for a key of a section."""
    _known(kind, name, dotted)
    wanted = get_type_hints(kind)[name]
    if isinstance(wanted, type) and is_dataclass(wanted):
        raise ValueError(f"config: {dotted} is a section; name one of its keys: {_names(wanted)}")
    return _typed(wanted, value, dotted)


def build(kind: type, values: Mapping[str, object], where: str) -> Any:
    """Return a section of plain values; `where` is what stands in front of its keys."""
    hints = get_type_hints(kind)
    parts = {}
    for name, value in values.items():
        dotted = f"{where}{name}"
        _known(kind, name, dotted)
        if is_dataclass(hints[name]):
            if not isinstance(value, Mapping):
                raise ValueError(f"config: {dotted} must be a section, not {value!r}")
            parts[name] = build(hints[name], value, f"{dotted}.")
        else:
            parts[name] = _typed(hints[name], value, dotted)
    return kind(**parts)


def _known(kind: type, name: str, dotted: str) -> None:
    if name not in {item.name for item in fields(kind)}:
        raise ValueError(f"config: {dotted} is unknown; the known keys there are {_names(kind)}")


def _names(kind: type) -> str:
    return ", ".join(item.name for item in fields(kind))


def _typed(kind: Any, value: object, dotted: str) -> object:
    """Return a value as its declared type, or raise if it is of another."""
    if get_origin(kind) is UnionType:
        if value is None:
            return None
        (kind,) = (choice for choice in get_args(kind) if choice is not NoneType)
    if get_origin(kind) is Literal:
        return _chosen(get_args(kind), value, dotted)
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"config: {dotted} must be a list, not {value!r}")
        return tuple(_typed(get_args(kind)[0], item, dotted) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"config: {dotted} must be of type {kind.__name__}, not {value!r}")
    return value


def _chosen(choices: tuple[object, ...], value: object, dotted: str) -> object:
    if value not in choices:
        raise ValueError(f"config: {dotted} must be one of {', '.join(map(str, choices))}, not {value!r}")
    return value


def without_none(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values but those that are None, which TOML does not have."""
    return {
        name: without_none(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if value is not None
    }
