"""Calls of a function in a new process, with a chosen allocator and number of threads."""

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from snnsim import allocator


@dataclass(frozen=True)
class Surroundings:
    """Settings of the process, equal for all sides of a comparison."""

    threads: int
    allocator: str = "tuned"
    """"tuned" is the setting of `snnsim train`, "lean" that of training in chunks of time, "system" that of the C
    library."""

    def __post_init__(self) -> None:
        if self.allocator not in allocator.CHOICES:
            raise ValueError(f"allocator must be one of {', '.join(allocator.CHOICES)}, not {self.allocator!r}")
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, not {self.threads}")


def call(function: Callable[..., Any], *arguments: Any, surroundings: Surroundings) -> Any:
    """Return the result of a function that runs in a new process; its error is raised in this process.

    Args:
        function: Function of a module.
        arguments: Positional arguments.
        surroundings: Settings of the process.

    Raises:
        OSError: If the process was killed.
    """
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_settle, initargs=(surroundings,))
    with _without_choices(), pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise OSError(
                "a measuring process was killed; if the memory was exhausted, choose a smaller batch size"
            ) from error


def _settle(surroundings: Surroundings) -> None:
    if surroundings.allocator == "tuned":
        allocator.keep_memory()
    if surroundings.allocator == "lean":
        allocator.keep_little()
    # imported now, so that torch's own allocations obey the setting, too
    import torch

    torch.set_num_threads(surroundings.threads)
    # spikingjelly makes torch look for Triton, and torch logs that there is none
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)


@contextmanager
def _without_choices() -> Iterator[None]:
    """Hide the user's choice of an allocator from new processes, so that each has the allocator of its settings."""
    names = (*allocator.VARIABLES, allocator.OPT_OUT, "GLIBC_TUNABLES")
    hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)
