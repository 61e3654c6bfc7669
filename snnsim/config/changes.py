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
    # all values of a section at once, as a value may be valid only together with another
    changed: dict[str, dict[str, object]] = {}
    settings: dict[tuple[str, str], dict[str, object]] = {}
    for dotted, value in changes.items():
        declared(type(config), dotted)
        section, _, name = dotted.rpartition(".")
        if section.count("."):
            # a setting of a kind, such as network.neuron.tau_ms
            section, _, part = section.rpartition(".")
            settings.setdefault((section, part), {})[name] = value
        else:
            changed.setdefault(section, {})[name] = value
    for (section, part), new in settings.items():
        values, present = changed.setdefault(section, {}), getattr(config, section)
        section_kind: type = type(present)
        kinds = schema.kinds_of(schema.hints(section_kind)[part])
        values[part] = kinds and _merged(kinds, values.get(part, getattr(present, part)), new)
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
    for number, section in enumerate(sections, start=1):
        schema.known(kind, section, dotted)
        kinds = schema.kinds_of(schema.hints(kind)[section])
        if kinds is not None and number == len(sections):
            return _setting(kinds, name, dotted)
        if not is_dataclass(schema.hints(kind)[section]):
            raise ValueError(f"config: {shown(dotted)[1:-1]} is unknown; {section} is a value, not a section")
        kind = schema.hints(kind)[section]
    schema.known(kind, name, dotted)
    wanted = schema.hints(kind)[name]
    if is_dataclass(wanted):
        raise ValueError(f"config: {dotted} is a section; name one of its keys: {schema.names(wanted)}")
    return wanted


def _merged(kinds: schema.Kinds, present: object, settings: Mapping[str, object]) -> dict[str, object]:
    """Return the values of a kind with other settings; another kind starts from its default settings."""
    values = dict(present) if isinstance(present, Mapping) else kinds.plain(present)
    same = settings.get("kind", values.get("kind")) == values.get("kind")
    return {**(values if same else {}), **settings}


def _setting(kinds: schema.Kinds, name: str, dotted: str) -> Any:
    """Return the declared type of a setting of a kind.

    Raises:
        ValueError: If no kind has the setting.
    """
    types: dict[str, Any] = {"kind": str}
    for section in kinds.sections.values():
        types |= schema.hints(section)
    if name not in types:
        raise ValueError(f"config: {shown(dotted)[1:-1]} is unknown; the known keys there are {', '.join(types)}")
    return types[name]
