"""Names of populations: what a file can hold, and what stays inside a folder."""

import re
from collections.abc import Collection

_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
LONGEST = 100


def can_be_written(name: str) -> bool:
    """Return whether files hold the name: it has no NUL, and no half of a surrogate pair."""
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


def safe_name(name: str, taken: Collection[str] = ()) -> str:
    """Return the name of a file or group for a population: one part of a path, whatever the population is called.

    Args:
        name: Name of the population, which may look like a path.
        taken: Names that are given away already; upper and lower case are the same.

    Returns:
        The name itself where it is safe; else with "_" for what separates paths, and for control characters, quotes
        and wildcards; with a number behind it if it is taken.
    """
    kept = re.sub(r"[^\w.\- +#=()]", "_", name)[:LONGEST].rstrip(". ")
    if not kept.strip("._ ") or kept.startswith((".", "-", " ")) or _DEVICES.fullmatch(kept):
        kept = f"_{kept}"
    used, number, found = {other.casefold() for other in taken}, 2, kept
    while found.casefold() in used:
        found, number = f"{kept}_{number}", number + 1
    return found
