"""Options that several commands share, with the ranges of their numbers."""

import os
import sys
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from tyro.conf import Positional, UseAppendAction, arg

from snnsim.config import parse_assignment, renamed_keys
from snnsim.schema import Range
from snnsim.validation import shown

COUNT, SEED = Range(at_least=1, at_most=2**31 - 1), Range(at_least=0, at_most=2**63 - 1)
SECONDS = Range(at_least=1e-9, at_most=1e6)
THREADS, NATURAL = Range(at_least=1, at_most=4096), Range(at_least=0, at_most=2**31 - 1)
# without the option, the value is that of the preset or the config file
_FROM_CONFIG = "(default: as configured)"
Number = Annotated[int | None, arg(metavar="N", help_behavior_hint=_FROM_CONFIG)]
Rate = Annotated[float | None, arg(metavar="RATE", help_behavior_hint=_FROM_CONFIG)]
Milliseconds = Annotated[float | None, arg(metavar="MS", help_behavior_hint=_FROM_CONFIG)]
Seed = Annotated[int, arg(metavar="N"), SEED]
Jobs = Annotated[int, arg(metavar="N"), THREADS]
Folder = Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")]
Output = Annotated[Path | None, arg(aliases=("-o",), metavar="FILE", help_behavior_hint="")]
DataPath = Annotated[str | None, arg(metavar="PATH", help_behavior_hint="(default: ./datasets or the cache)")]
MovedData = Annotated[str | None, arg(metavar="FILE|FOLDER", help_behavior_hint="(default: as in training)")]
RunFolder = Annotated[Positional[Path], arg(metavar="RUN")]
Camera = Annotated[
    Literal["dvs128", "davis"] | None, arg(metavar="dvs128|davis", help_behavior_hint="(default: by the header)")
]
TimeUnit = Annotated[
    Literal["s", "ms", "us", "ns"] | None, arg(metavar="s|ms|us|ns", help_behavior_hint="(needed for CSV files)")
]
Device = Annotated[str, arg(metavar="auto|cpu|cuda|cuda:N")]
SetValues = Annotated[UseAppendAction[tuple[str, ...]], arg(name="set", metavar="SECTION.KEY=VALUE")]


def check(command: Any) -> None:
    """Check that every number of a command is in the range of its option.

    Args:
        command: A dataclass of options; a subcommand is a field.

    Raises:
        ValueError: If a number is outside of its range.
    """
    kind: type = type(command)
    hints = get_type_hints(kind, include_extras=True)
    for each in fields(command):
        value = getattr(command, each.name)
        if is_dataclass(value):
            check(value)
        for limits in get_args(hints[each.name]):
            must = limits.broken(value) if isinstance(limits, Range) and value is not None else None
            if must is not None:
                raise ValueError(f"--{each.name.replace('_', '-')} must be {must}, not {shown(value)}")


def without(command: Any, names: Iterable[str], where: str) -> None:
    """Check that options have their defaults, as another value would have no effect.

    Args:
        command: A dataclass of options.
        names: Names of its fields.
        where: What the options have no meaning for.

    Raises:
        ValueError: If one has another value.
    """
    defaults = {each.name: each.default for each in fields(command)}
    changed = [f"--{name.replace('_', '-')}" for name in names if getattr(command, name) != defaults[name]]
    if changed:
        raise ValueError(f"{', '.join(changed)} {'has' if len(changed) == 1 else 'have'} no meaning for {where}")


RENAMED = {
    ("--engine", "clock"): ("--engine", "clock_driven"),
    ("--engine", "touched"): ("--engine", "event_driven"),
    ("--engine", "event"): ("--engine", "simulator"),
}
"""Options with their values of today, by those of earlier releases."""
RENAMED_OPTIONS = {"--consumer": "--backend", "--peer": "--baseline"}
"""Names of options by those of earlier releases."""


def renamed(words: list[str]) -> list[str]:
    """Replace old names of options and values.

    Args:
        words: The words of a command line.

    Returns:
        The words with the names of today; a note on stderr says each new name.
    """
    words = list(words)
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        new_option = RENAMED_OPTIONS.get(option)
        if new_option is not None:
            print(f"snnsim: {option} is now {new_option}", file=sys.stderr)
            words[index] = f"{new_option}{equals}{value}"
            continue
        value = value if equals else next(iter(words[index + 1 : index + 2]), "")
        new = RENAMED.get((option, value))
        if new is None:
            continue
        print(f"snnsim: {option} {value} is now {' '.join(new)}", file=sys.stderr)
        words[index : index + (1 if equals else 2)] = ["=".join(new)] if equals else list(new)
    return words


def assignments(texts: Iterable[str]) -> dict[str, object]:
    """Return the values of `--set` by their names; a note on stderr says the name of today of a renamed key.

    Args:
        texts: The assignments, "section.key=value".

    Raises:
        ValueError: If one is no assignment, or the key is unknown.
    """
    values = dict(map(parse_assignment, texts))
    for note in renamed_keys.notes(values):
        print(f"snnsim: {note}", file=sys.stderr)
    return values


def at_home(words: list[str]) -> list[str]:
    """Return the words of a command line with `~` expanded to the home folder.

    Args:
        words: The words. A `~` is expanded where it begins a word, or a value behind "=".
    """
    return ["=".join(map(os.path.expanduser, word.split("="))) for word in words]
