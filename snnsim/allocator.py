"""Settings of glibc's allocator: keep freed memory for the next step, or return it to the system.

A step frees hundreds of megabytes that the next step needs again. By default, glibc returns large blocks to the system
and requests them again, and the system clears every page at its first access (a page fault). `keep_memory` lets glibc
take large blocks from its heap (M_MMAP_MAX = 0) and never shrink the heap (M_TRIM_THRESHOLD = -1), as the variables
MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1 do at the start of a process.

The cost is that the process keeps memory that it needed once, in a fragmented heap. `keep_little` does the opposite:
every array of 64 KiB or more is requested from the system and returned to it (M_MMAP_THRESHOLD), at the cost of page
faults. Training in chunks of time uses it, as its memory does not grow with the length of recordings.

The functions change nothing if the user sets glibc's own variables (or glibc.malloc in GLIBC_TUNABLES), with
SNNSIM_ALLOCATOR=system, and with any other C library.

Source   mallopt(3)
"""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
LARGE = 65536
"""Bytes from which on `keep_little` requests an array from the system; also the most such arrays, glibc's default."""
OPT_OUT = "SNNSIM_ALLOCATOR"
CHOICES = ("tuned", "lean", "system")
_little = False
VARIABLES = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")
"""glibc's own variables for these settings."""


def keep_memory() -> bool:
    """Let this process keep freed memory, unless the user chose otherwise; return whether the setting was made."""
    if _chosen_by_user():
        return False
    if os.environ.get(OPT_OUT) == "lean":
        return keep_little()
    return _set({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1}, little=False)


def keep_little() -> bool:
    """Let this process return freed memory, unless the user chose otherwise; return whether the setting was made."""
    return not _chosen_by_user() and _set({M_MMAP_MAX: LARGE, M_MMAP_THRESHOLD: LARGE}, little=True)


def keeps_little() -> bool:
    """Return whether `keep_little` was called last; kernels then use smaller buffers."""
    return _little


def give_back() -> None:
    """Return free memory to the system, if the C library is glibc."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _set(options: dict[int, int], *, little: bool) -> bool:
    global _little
    _little, library = little, _glibc()
    # mallopt returns 1 for success
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
