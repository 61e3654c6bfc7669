"""Keep freed memory for the next step, or as little as there can be: on Linux many faults, or much memory.

A step frees hundreds of megabytes that the next one needs again. As it comes, glibc hands large pieces back to the
system and gets them anew, and the system clears every page of them at its first touch. `keep_memory` tells glibc
to take large pieces from its heap (M_MMAP_MAX = 0) and never to shrink that (M_TRIM_THRESHOLD = -1), which is what
the variables MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1 do at the start of a process.

The price: memory that was needed once stays with the process, in pieces between which others lie. `keep_little` is the
other way: every array of 64 KiB or more is taken from the system and goes back to it (M_MMAP_THRESHOLD), which costs
the faults; for training in windows of time, whose memory does not grow with recordings.

Whoever sets glibc's variables for this (or
glibc.malloc in GLIBC_TUNABLES), or SNNSIM_ALLOCATOR=system, is left alone, and so is every other C library.

Source   mallopt(3)
"""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
LARGE = 65536
"""Bytes of what comes from the system and goes back to it, and how many of them there may be; the latter is glibc's."""
OPT_OUT = "SNNSIM_ALLOCATOR"
CHOICES = ("tuned", "lean", "system")
_little = False
VARIABLES = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")
"""glibc's own variables for what is set here."""


def keep_memory() -> bool:
    """Let this process keep the memory it frees, unless the user has chosen; return whether that was done."""
    if _chosen_by_user():
        return False
    if os.environ.get(OPT_OUT) == "lean":
        return keep_little()
    return _set({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1}, little=False)


def keep_little() -> bool:
    """Let this process give back what it frees, unless the user has chosen otherwise; return whether that was done."""
    return not _chosen_by_user() and _set({M_MMAP_MAX: LARGE, M_MMAP_THRESHOLD: LARGE}, little=True)


def keeps_little() -> bool:
    """Return whether `keep_little` was called last: kernels then take less room to work in."""
    return _little


def give_back() -> None:
    """Return what is free to the system, where the C library can."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _set(options: dict[int, int], *, little: bool) -> bool:
    global _little
    _little, library = little, _glibc()
    # mallopt returns 1 when it did it
    return library is not None and all(library.mallopt(*option) for option in options.items())


def _chosen_by_user() -> bool:
    choice = os.environ.get(OPT_OUT, "tuned")
    if choice not in CHOICES:
        raise ValueError(f"{OPT_OUT} must be one of {', '.join(CHOICES)}, not {choice!r}")
    own = any(name in os.environ for name in VARIABLES)
    return choice == "system" or own or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
