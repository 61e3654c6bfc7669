"""Call a function in a process of its own, under a chosen allocator and with a chosen number of threads."""

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
    """What both sides of a comparison get alike."""

    threads: int
    allocator: str = "tuned"
    """"tuned" is that of `snnsim train`, "lean" its own in windows of time, "system" the C library's as it comes."""

    def __post_init__(self) -> None:
        if self.allocator not in allocator.CHOICES:
            raise ValueError(f"allocator must be one of {', '.join(allocator.CHOICES)}, not {self.allocator!r}")
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, not {self.threads}")


def call(function: Callable[..., Any], *arguments: Any, around: Surroundings) -> Any:
    """Return what a module's function returns in a new process; an error there is raised here."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_settle, initargs=(around,))
    with _without_choices(), pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise OSError(
                "a process that measured was ended from outside; if memory ran out, choose a smaller batch size"
            ) from error


def _settle(around: Surroundings) -> None:
    if around.allocator == "tuned":
        allocator.keep_memory()
    if around.allocator == "lean":
        allocator.keep_little()
    # only now: what torch allocates when it is imported lies in the same memory
    import torch

    torch.set_num_threads(around.threads)
    # spikingjelly makes torch look for Triton, and torch say that there is none
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)


@contextmanager
def _without_choices() -> Iterator[None]:
    """Hide the user's choice of an allocator from new processes, so that each has the one it is told."""
    names = (*allocator.VARIABLES, allocator.OPT_OUT, "GLIBC_TUNABLES")
    hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)
