"""Peak memory of a work: the highest resident size during it, above what was there before.

What was there: libraries, compiled code, parameters, gradients, optimizers; measure in a fresh process, and warm up
with little, so that nothing the work needs is there already. Linux only: /proc keeps the mark, and lets it be reset,
so that an earlier peak (a compilation) neither counts nor hides the later one.
"""

import gc
from collections.abc import Callable
from pathlib import Path

from snnsim.allocator import give_back

_SELF = Path("/proc/self")
_RESET_PEAK = "5"


def peak(work: Callable[[], object]) -> int | None:
    """Return the bytes that a work needs at its highest; None where the system does not tell."""
    before = settled()
    if not start_anew():
        return None
    work()
    return highest() - before


def start_anew() -> bool:
    """Let the highest resident size be counted from now on; return whether the system does that."""
    try:
        (_SELF / "clear_refs").write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def settled() -> int:
    """Return the bytes that this process has in memory and needs, 0 where the system does not tell."""
    gc.collect()
    # freed memory that the allocator has kept would be used again unseen
    give_back()
    return resident()


def resident() -> int:
    """Return the bytes that this process has in memory, 0 where the system does not tell."""
    return _status("VmRSS")


def highest() -> int:
    """Return the most of them that it has had."""
    return _status("VmHWM")


def _status(name: str) -> int:
    try:
        lines = (_SELF / "status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
