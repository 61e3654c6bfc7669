"""Compiled loops with as many threads as torch is set to use, and with one in a process that was forked.

OpenMP, which Numba and torch share, does not survive a fork: Numba ends a process that goes on with it, torch waits for
threads that are no longer there. So a forked process computes with one thread, in loops that were compiled without
OpenMP; what it computes is the same. For several threads in each process, start processes by `spawn`.
"""

import functools
import os
import types
from collections.abc import Callable
from typing import Any

import numba
import torch

_forked = False


def _in_child() -> None:
    global _forked
    _forked = True
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def forked() -> bool:
    """Return whether this process was forked from one that had this module."""
    return _forked


def parallel(**how: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that compiles a loop over `numba.prange` for several threads, and once more for one alone.

    Args:
        **how: What `numba.njit` is told besides.
    """

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        several = numba.njit(parallel=True, cache=True, **how)(function)
        if numba.config.DISABLE_JIT:
            return several
        alone = numba.njit(cache=True, **how)(_named(function, f"{function.__name__}_alone"))

        @functools.wraps(function)
        def run(*arguments: Any) -> Any:
            return (alone if _forked else several)(*arguments)

        run.several, run.alone = several, alone
        return run

    return compiled


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a function of another name: Numba keeps compiled code by name, not by how it was compiled."""
    made = types.FunctionType(
        function.__code__, function.__globals__, name, function.__defaults__, function.__closure__
    )
    made.__qualname__ = name
    made.__module__ = function.__module__
    return made


class as_torch_has:
    """Run Numba's parallel loops with torch's number of threads, and leave both as they were."""

    def __enter__(self) -> None:
        if _forked:
            return
        self.torch, self.numba = torch.get_num_threads(), numba.get_num_threads()
        numba.set_num_threads(max(1, min(self.torch, numba.config.NUMBA_NUM_THREADS)))

    def __exit__(self, *_: object) -> None:
        if _forked:
            return
        numba.set_num_threads(self.numba)
        # numba's first parallel loop sets the number of threads of the OpenMP that it shares with torch
        if torch.get_num_threads() != self.torch:
            torch.set_num_threads(self.torch)


def number() -> int:
    """Return how many threads a parallel loop has, inside of `as_torch_has`."""
    return 1 if _forked else numba.get_num_threads()
