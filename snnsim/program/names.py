"""Names of populations in files: names that a format holds, and names that stay inside a folder."""

import re
from collections.abc import Collection

# names of devices on Windows
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
LONGEST = 100
"""The most characters of a safe name, before a number behind it."""


def can_be_written(name: str) -> bool:
    """Return whether files hold the name: it has no NUL, and no half of a surrogate pair.

    Args:
        name: Name of a population, any text.
    """
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


def safe_name(name: str, taken: Collection[str] = ()) -> str:
    """Return the name of a file or group for a population: one part of a path for any name of the population.

    Args:
        name: Name of the population, which may look like a path.
        taken: Names that other files or groups have; upper and lower case are the same.

    Returns:
        The name itself where it is safe. Elsewhere "_" stands for separators of paths, control characters, quotes and
        wildcards, and a number follows a name that is taken.
    """
    safe = re.sub(r"[^\w.\- +#=()]", "_", name)[:LONGEST].rstrip(". ")
    if not safe.strip("._ ") or safe.startswith((".", "-", " ")) or _DEVICES.fullmatch(safe):
        safe = f"_{safe}"
    used, number, unique = {other.casefold() for other in taken}, 2, safe
    while unique.casefold() in used:
        unique, number = f"{safe}_{number}", number + 1
    return unique
