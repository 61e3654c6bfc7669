"""Peak memory of a work: the highest resident size during it, above what was there before.

What was there: libraries, compiled code, parameters, gradients, optimisers; measure in a fresh process, and warm up
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
    gc.collect()
    # freed memory that the allocator has kept would be used again unseen
    give_back()
    try:
        (_SELF / "clear_refs").write_text(_RESET_PEAK)
    except OSError:
        return None
    before = _status("VmRSS")
    work()
    return _status("VmHWM") - before


def _status(name: str) -> int:
    for line in (_SELF / "status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}")
