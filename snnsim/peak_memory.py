"""Peak memory of a computation: the highest resident size during it, above the resident size before it.

The size before includes libraries, compiled code, parameters, gradients and optimizers. Measure in a new process after
a small computation, so that the process has no free memory of its own that the computation could use unseen. Linux
only: /proc has the peak and lets it be reset, so that an earlier peak, such as that of a compilation, does not count.
"""

import gc
from collections.abc import Callable
from pathlib import Path

from snnsim.allocator import give_back

_SELF = Path("/proc/self")
_RESET_PEAK = "5"


def peak(work: Callable[[], object]) -> int | None:
    """Return the peak memory of a function in bytes, or None where it is unknown.

    Args:
        work: Function without arguments.
    """
    before = settled()
    if not start_anew():
        return None
    work()
    return highest() - before


def start_anew() -> bool:
    """Reset the highest resident size to the present one; return whether the system allows it."""
    try:
        (_SELF / "clear_refs").write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def settled() -> int:
    """Return the resident size in bytes after freeing unused memory, or 0 where it is unknown."""
    gc.collect()
    # a computation would use free memory of the allocator without a growth of the resident size
    give_back()
    return resident()


def resident() -> int:
    """Return the resident size of this process in bytes, or 0 where it is unknown."""
    return _status("VmRSS")


def highest() -> int:
    """Return the highest resident size of this process in bytes, or 0 where it is unknown."""
    return _status("VmHWM")


def _status(name: str) -> int:
    try:
        lines = (_SELF / "status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
