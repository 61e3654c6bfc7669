"""Clean stop by signals: after Ctrl-C or SIGTERM, the present batch ends and a checkpoint is written.

A second signal stops the process at once.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Stopped(Exception):
    """Training was stopped by a signal, after it had written a checkpoint.

    Args:
        message: What was stopped, and where.
        advice: How to go on.
    """

    def __init__(self, message: str, *, advice: str = "resume with --resume") -> None:
        super().__init__(message)
        self.advice = advice


@dataclass
class Request:
    """A request to stop."""

    received: bool = False


@contextmanager
def noted() -> Iterator[Request]:
    """Yield a request that records Ctrl-C, besides the usual KeyboardInterrupt.

    A library that KeyboardInterrupt interrupts may raise any other error; the request shows the cause.
    """
    request = Request()
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        request.received = True
        if callable(before):
            before(number, frame)

    # only the main thread may handle signals; a signal that is ignored stays ignored
    try:
        if callable(before):
            signal.signal(signal.SIGINT, note)
    except ValueError:
        before = None
    try:
        yield request
    finally:
        if callable(before):
            signal.signal(signal.SIGINT, before)


@contextmanager
def watched() -> Iterator[Request]:
    """Yield a request that the first Ctrl-C or SIGTERM sets; the next signal acts as usual."""
    request = Request()
    before = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: FrameType | None) -> None:
        request.received = True
        signal.signal(number, before[number])

    try:
        for number in before:
            signal.signal(number, note)
    except ValueError:
        # only the main thread may handle signals; a training in another thread gets no request
        yield request
        return
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
