"""Checks of arguments that choose an entry by its name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from snnsim.validation.display import shown

Entry = TypeVar("Entry")


def one_of(value: Any, known: Sequence[str], *, who: str, name: str) -> str:
    """Return a name if it is one of the known ones.

    Args:
        value: An object of any type.
        known: The known names.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Raises:
        ValueError: If the value is no known name; the message lists the known names.
    """
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{who}: {name} must be one of {', '.join(known)}, not {shown(value)}")
    return value


def known(value: Any, names: Iterable[str], noun: str) -> None:
    """Check that a name is one of the known ones.

    Args:
        value: An object of any type.
        names: The known names.
        noun: Noun for the value, for the message, such as "export: target".

    Raises:
        ValueError: If the value is no known name; the message lists the known names.
    """
    names = tuple(names)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{noun} {shown(value)} is unknown; the known ones are {', '.join(names)}")


def lookup(table: Mapping[str, Entry], name: Any, noun: str) -> Entry:
    """Return the entry of a table by its name.

    Args:
        table: Entries by name.
        name: A name, or an object of any other type, which is refused.
        noun: Noun for the entry, for the message, such as "learning rule".

    Raises:
        ValueError: If the table has no entry of this name; the message lists the names of the table.
    """
    known(name, table, noun)
    return table[name]
