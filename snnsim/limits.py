"""Comparison of the memory that a computation needs with the available memory, before the computation begins.

    needed = Σ parts        an error if it exceeds the available memory; needs below 64 MiB are never refused

The environment variable SNNSIM_MEMORY_LIMIT states the available memory, in bytes or such as 64GB or 1.5TB. Without the
variable, it is the least of the system's available memory, the rest below the limit of a container, and the rest below
RLIMIT_AS.
"""

import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from snnsim.allocator import give_back
from snnsim.validation import shown

VARIABLE = "SNNSIM_MEMORY_LIMIT"
LITTLE = 2**26
"""Bytes up to which nothing is compared, because reading the available memory would take too long."""
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_CONTAINERS = (
    # files of the limit, the use and the statistics: version 2 of control groups, and version 1
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)


def require_memory(who: str, parts: Mapping[str, int]) -> None:
    """Check that a computation needs no more than the available memory.

    Args:
        who: Name of the function or class that was called, for the message.
        parts: Bytes of each part of the computation by its name, such as {"membranes of 10 steps": 80}.

    Raises:
        MemoryError: If the parts together need more than `available_memory`; the message names the three largest.
        ValueError: If SNNSIM_MEMORY_LIMIT has a wrong value.
    """
    needed = sum(parts.values())
    limit = _allowed()
    if limit is None and needed <= LITTLE:
        return
    limit = available_memory() if limit is None else limit
    if limit is not None and needed > limit:
        # memory that this process has freed, and its allocator has kept, is available, too
        give_back()
        limit = available_memory()
    if limit is None or needed <= limit:
        return
    largest = sorted(parts.items(), key=lambda part: -part[1])[:3]
    named = ", ".join(f"{name}: {size_text(size)}" for name, size in largest if size)
    raise MemoryError(
        f"{who}: needs about {size_text(needed)} of memory, and {size_text(limit)} are available; largest parts: "
        f"{named}; choose smaller sizes, or set {VARIABLE} (such as 64GB) if more is available"
    )


def available_memory() -> int | None:
    """Return the bytes that this process may still use, or None where they are unknown.

    Raises:
        ValueError: If SNNSIM_MEMORY_LIMIT has a wrong value.
    """
    allowed = _allowed()
    if allowed is not None:
        return allowed
    sizes = (_of_system(), *map(_of_container, _CONTAINERS), _of_process())
    known = [size for size in sizes if size is not None]
    return max(0, min(known)) if known else None


def size_text(size: int) -> str:
    """Return a number of bytes as text with two digits or more, in kB, MB, GB or TB.

    Args:
        size: Number of bytes, at least 0; a kB has 1000 of them.
    """
    for unit in ("TB", "GB", "MB", "kB"):
        one = _UNITS[unit.upper()]
        if size >= one:
            return f"{size / one:.0f} {unit}" if size >= 9.95 * one else f"{size / one:.1f} {unit}"
    return f"{size} bytes"


def _allowed() -> int | None:
    """Return the bytes of the variable, or None without it.

    Raises:
        ValueError: If the variable is no number of bytes.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B?)", text.upper())
    unit = None if match is None else _UNITS.get(match[2] if match[2] in _UNITS else f"{match[2]}B")
    if match is None or unit is None or not math.isfinite(float(match[1])):
        raise ValueError(f"{VARIABLE}: the value must be a number of bytes, or one such as 64GB, not {shown(text)}")
    return int(float(match[1]) * unit)


def _read(path: Path, find: Callable[[str], str]) -> int | None:
    """Return a number in a file of the system, or None."""
    try:
        return int(find(path.read_text(encoding="ascii")))
    except (OSError, ValueError, IndexError):
        return None


def _of_system() -> int | None:
    available = _read(Path("/proc/meminfo"), lambda text: text.split("MemAvailable:")[1].split()[0])
    if available is not None:
        return available * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_container(names: tuple[str, str, str], root: Path = Path("/sys/fs/cgroup")) -> int | None:
    most, used = (_read(root / name, str) for name in names[:2])
    if most is None or used is None:
        return None
    # the use includes cached pages of files, which the system frees on demand
    files = _read(root / names[2], lambda text: text.split("inactive_file ")[-1].split()[0])
    return most - used + (files or 0)


def _of_process() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    used = _read(Path("/proc/self/statm"), lambda text: text.split()[0])
    if most == resource.RLIM_INFINITY or used is None:
        return None
    return most - used * os.sysconf("SC_PAGE_SIZE")
