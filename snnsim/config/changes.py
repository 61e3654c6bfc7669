"""Changes of single values of a config, by dotted names such as "network.neuron.tau_ms"."""

from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any

from snnsim import schema
from snnsim.validation import shown


def replaced(config: Any, changes: Mapping[str, object]) -> Any:
    """Return a config with other values.

    Args:
        config: Dataclass of sections.
        changes: New values by dotted names such as "training.epochs".

    Raises:
        ValueError: If a name is unknown, or a value is wrong.
    """
    for dotted in changes:
        declared(type(config), dotted)
    return _replaced(config, changes)


def _replaced(section: Any, changes: Mapping[str, object]) -> Any:
    """Return a section with other values, all of them at once, as one may be valid only together with another."""
    values: dict[str, object] = {}
    parts: dict[str, dict[str, object]] = {}
    for dotted, value in changes.items():
        name, _, rest = dotted.partition(".")
        if rest:
            parts.setdefault(name, {})[rest] = value
        else:
            values[name] = value
    section_kind: type = type(section)
    types = schema.hints(section_kind)
    for name in parts | values:
        present, kinds = getattr(section, name), schema.kinds_of(types[name])
        if kinds:
            values[name] = _of_kind(kinds, present, values.get(name, present), parts.get(name, {}))
        elif name in parts:
            values[name] = _replaced(present, parts[name])
    return replace(section, **values)


def _of_kind(kinds: Mapping[str, Any], present: object, value: object, settings: Mapping[str, object]) -> object:
    """Return the new value of a part that is of several kinds.

    A kind that is named without settings starts from its default settings, and from those of the present section that
    both kinds carry.

    Args:
        kinds: The sections by their kinds.
        present: The present section, or None.
        value: A section, its values, the name of a kind, or None.
        settings: Settings that replace those of the value.
    """
    if not settings and not isinstance(value, str):
        return value
    table = _table(value)
    kind = settings.get("kind", table.get("kind"))
    if isinstance(value, str) or kind != table.get("kind"):
        own = kinds.get(kind) if isinstance(kind, str) else None
        if own is None and not settings:
            return value
        table = {"kind": kind, **({} if own is None or present is None else _carried(present, own))}
    return {**table, **settings}


def _table(value: object) -> dict[str, object]:
    if isinstance(value, Mapping):
        return dict(value)
    return schema.plain(value) if is_dataclass(value) else {"kind": schema.NONE if value is None else value}


def _carried(present: Any, kind: Any) -> dict[str, object]:
    """Return the settings that a section of another kind takes over."""
    return {name: getattr(present, name) for name in present.carried if name in kind.carried}


def declared(kind: type, dotted: str) -> Any:
    """Return the declared type of a value; that of a setting of several kinds is the one of any of them.

    Args:
        kind: Type of the config.
        dotted: Name of the value, such as "training.epochs".

    Raises:
        ValueError: If there is no such value; the message lists the names of the section.
    """
    *sections, name = dotted.split(".")
    for number, section in enumerate(sections, start=1):
        schema.known(kind, section, dotted)
        kinds = schema.kinds_of(schema.hints(kind)[section])
        if kinds and number == len(sections):
            return _setting(kinds, name, dotted)
        if not is_dataclass(schema.hints(kind)[section]):
            raise ValueError(f"config: {shown(dotted)[1:-1]} is unknown; {section} is a value, not a section")
        kind = schema.hints(kind)[section]
    schema.known(kind, name, dotted)
    wanted = schema.hints(kind)[name]
    if is_dataclass(wanted):
        raise ValueError(f"config: {dotted} is a section; name one of its keys: {schema.names(wanted)}")
    return wanted


def _setting(kinds: Mapping[str, Any], name: str, dotted: str) -> Any:
    """Return the declared type of a setting of a kind, one that takes None where a kind has it.

    Raises:
        ValueError: If no kind has the setting.
    """
    types: dict[str, Any] = {"kind": str}
    for section in kinds.values():
        for key, declared in schema.hints(section).items():
            if key != "kind" and not schema.takes_none(types.get(key)):
                types[key] = declared
    if name not in types:
        raise ValueError(f"config: {shown(dotted)[1:-1]} is unknown; the known keys there are {', '.join(types)}")
    return types[name]
