"""Plug-ins: other packages add targets, neurons, data sets and loggers by entry points, without a change of snnsim.

    [project.entry-points."snnsim.targets"]        NAME = "package.module:OBJECT"
    snnsim.targets     a snnsim.export.Target
    snnsim.neurons     a KindPlugin: a section of snnsim.config.neurons, and a function that builds the neurons
    snnsim.datasets    a snnsim.data.registry.Dataset, whose name is NAME
    snnsim.loggers     a KindPlugin: a section of snnsim.config.loggers, and a function that builds the logger

Plug-ins are loaded when a table is read for the first time, so a plug-in may import every module of snnsim. One that
fails, has a name of snnsim or is of another type is left out with a warning that names its package.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

TARGETS, NEURONS, DATASETS, LOGGERS = "snnsim.targets", "snnsim.neurons", "snnsim.datasets", "snnsim.loggers"
GROUPS = (TARGETS, NEURONS, DATASETS, LOGGERS)
"""Groups of entry points."""


class PluginWarning(UserWarning):
    """A plug-in that is left out."""


class KindPlugin(NamedTuple):
    """A kind of a part of a config, and the function that builds the part."""

    section: type
    """Section of the config, a dataclass whose `kind` is the name of the entry point."""
    build: Callable[..., Any]


_LOADED: dict[str, Mapping[str, Any]] = {}
"""Objects of the groups that were loaded."""


def loaded(group: str, of: type[T]) -> Mapping[str, T]:
    """Return the objects of a group of entry points by name.

    Args:
        group: One of GROUPS.
        of: Type of the objects.
    """
    if group in _LOADED:
        return _LOADED[group]
    objects: dict[str, T] = {}
    for entry in sorted(entry_points(group=group), key=lambda each: each.name):
        value = _object(entry, of)
        if value is not None and entry.name in objects:
            _warn(entry, "another package has a plug-in of this name")
        elif value is not None:
            objects[entry.name] = value
    _LOADED[group] = objects
    return objects


def sections(group: str) -> dict[str, type]:
    """Return the sections of a group of KindPlugins by their kinds.

    Args:
        group: One of GROUPS.
    """
    return {name: plugin.section for name, plugin in loaded(group, KindPlugin).items()}


def _object(entry: EntryPoint, of: type[T]) -> T | None:
    try:
        value = entry.load()
    except Exception as error:  # noqa: BLE001 (code of others may raise anything, and must not stop snnsim)
        _warn(entry, f"{type(error).__name__}: {error}")
        return None
    kinds = getattr(getattr(value, "section", None), "kind", None) if of is KindPlugin else getattr(value, "name", None)
    if not isinstance(value, of):
        _warn(entry, f"it must be a {of.__name__}, not {type(value).__name__}")
    elif kinds not in (None, entry.name):
        _warn(entry, f"its own name is {kinds!r}, and must be that of the entry point")
    else:
        return value
    return None


def _warn(entry: EntryPoint, problem: str) -> None:
    package = "" if entry.dist is None else f" of {entry.dist.name} {entry.dist.version}"
    text = f"the plug-in {entry.name!r} ({entry.group}, {entry.value}){package} is left out: {problem}"
    warnings.warn(text, PluginWarning, stacklevel=2)


class Table(MutableMapping[str, T]):
    """A table of snnsim with the entries of plug-ins behind its own, which are loaded at the first access.

    Args:
        own: Entries of snnsim by name.
        group: One of GROUPS.
        of: Type of the objects of plug-ins.
        entry: Function from the object of a plug-in to the entry; None takes the object.
    """

    def __init__(
        self, own: Mapping[str, T], group: str, of: type[Any], *, entry: Callable[[Any], T] | None = None
    ) -> None:
        self._own, self._group, self._of, self._entry = dict(own), group, of, entry
        self._complete: dict[str, T] | None = None

    def _entries(self) -> dict[str, T]:
        if self._complete is None:
            objects = loaded(self._group, self._of)
            more = {name: value if self._entry is None else self._entry(value) for name, value in objects.items()}
            for name in more.keys() & self._own.keys():
                text = f"the plug-in {name!r} ({self._group}) is left out: snnsim has this name"
                warnings.warn(text, PluginWarning, stacklevel=3)
            self._complete = self._own | {name: value for name, value in more.items() if name not in self._own}
        return self._complete

    def __getitem__(self, name: str) -> T:
        return self._entries()[name]

    def __setitem__(self, name: str, value: T) -> None:
        self._entries()[name] = value

    def __delitem__(self, name: str) -> None:
        del self._entries()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries())

    def __len__(self) -> int:
        return len(self._entries())

    def __repr__(self) -> str:
        return repr(self._entries())
