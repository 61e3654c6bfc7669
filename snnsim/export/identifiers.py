"""Names of populations as they can stand in paths, in tables that are separated by spaces, and in files of others.

A name is any text. It becomes a part of a path inside of what is written, never a path of its own: no two of them are
the same, also where letters are not told from capitals, and none is long, reserved by a system, or leads elsewhere.
"""

import re
from collections.abc import Callable

from snnsim.program import INPUT, Program

_LONGEST = 80
_RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(10))}
"""Names of devices of Windows."""


def plain_names(program: Program) -> dict[str, str]:
    """Return a name of letters of ASCII, digits and _ alone for each population and the input, no two the same."""
    return _distinct(program, lambda name: re.sub(r"[^0-9A-Za-z_]", "_", name))


def path_names(program: Program) -> dict[str, str]:
    """Return a name for each population and the input that is one part of a path; most names are one as they are."""
    return _distinct(program, lambda name: name if _is_harmless(name) else re.sub(r"[^0-9A-Za-z_]", "_", name))


def _is_harmless(name: str) -> bool:
    return name.isprintable() and not set(name) & set('/\\:*?"<>|') and name.strip(" .") == name


def _distinct(program: Program, change: Callable[[str], str]) -> dict[str, str]:
    found, taken = {INPUT: INPUT}, {INPUT}
    for part in program.populations:
        wanted = made = _shortened(change(part.name))
        number = 1
        while made.lower() in taken:
            number += 1
            made = f"{wanted}_{number}"
        found[part.name] = made
        taken.add(made.lower())
    return found


def _shortened(name: str) -> str:
    short = name.encode()[:_LONGEST].decode(errors="ignore") if name.isprintable() else name[:_LONGEST]
    return f"{short}_" if short.lower() in _RESERVED else short
