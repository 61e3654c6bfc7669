"""Sections of a config, frozen dataclasses, from and to plain values: typed, with errors that list what is known."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints


def replaced(part: Any, names: list[str], value: object, dotted: str) -> Any:
    """Return a section with the value at `names` replaced; `dotted` is what an error calls it."""
    _known(type(part), names[0], dotted)
    inner = getattr(part, names[0])
    if len(names) > 1:
        if not is_dataclass(inner):
            raise ValueError(f"config: {dotted} is not there; {names[0]} is a value, not a section")
        return replace(part, **{names[0]: replaced(inner, names[1:], value, dotted)})
    if is_dataclass(inner):
        raise ValueError(f"config: {dotted} is a section; name one of its keys: {_names(type(inner))}")
    kind = get_type_hints(type(part))[names[0]]
    return replace(part, **{names[0]: _typed(kind, value, dotted)})


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
