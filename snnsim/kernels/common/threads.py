"""Compiled loops with torch's number of threads, and with one thread in a process that was forked.

OpenMP, which Numba and torch share, does not survive a fork: Numba ends a process that goes on with it, and torch waits
for threads that no longer exist. A forked process therefore computes with one thread, without OpenMP; the results are
the same. For several threads in each process, start processes by `spawn`.
"""

import functools
import os
from collections.abc import Callable
from typing import Any, cast

import numba
import torch

from snnsim.kernels.common.jit import JIT_DISABLED, Function, njit

_forked = False


def _in_child() -> None:
    global _forked
    _forked = True
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def forked() -> bool:
    """Return whether this process was forked from one that had imported this module."""
    return _forked


@functools.cache
def _start() -> None:
    """Start Numba's threading layer, which compiled code refers to."""
    before = torch.get_num_threads()
    numba.get_num_threads()
    # the layer gives its number of threads to the OpenMP that it shares with torch
    if torch.get_num_threads() != before:
        torch.set_num_threads(before)


def parallel(**options: Any) -> Callable[[Function], Function]:
    """Return a decorator for a function with a loop over jobs, see `jobs.for_each`.

    Args:
        **options: Further options of `numba.njit`.
    """

    def decorate(function: Function) -> Function:
        compiled = njit(nogil=True, cache=True, **options)(function)
        if JIT_DISABLED:
            return compiled

        @functools.wraps(function)
        def run(*arguments: Any) -> Any:
            if _forked:
                numba.set_num_threads(1)
            _start()
            return compiled(*arguments)

        return cast(Function, run)

    return decorate


class torch_threads:
    """A context in which Numba's parallel loops have torch's number of threads; its end restores both numbers."""

    def __enter__(self) -> None:
        if _forked:
            return
        self.torch, self.numba = torch.get_num_threads(), numba.get_num_threads()
        most: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
        numba.set_num_threads(max(1, min(self.torch, most)))

    def __exit__(self, *_: object) -> None:
        if _forked:
            return
        numba.set_num_threads(self.numba)
        # Numba's threading layer gives its number of threads to the OpenMP that it shares with torch
        if torch.get_num_threads() != self.torch:
            torch.set_num_threads(self.torch)


def thread_count() -> int:
    """Return the number of threads of a parallel loop within `torch_threads`."""
    return 1 if _forked else numba.get_num_threads()
