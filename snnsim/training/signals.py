"""A clean stop: Ctrl-C or SIGTERM lets the present batch end and the checkpoint be written; a second one does not."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Stopped(Exception):
    """Training was asked to stop, and has saved where it stands."""


@dataclass
class Request:
    """Whether somebody has asked to stop."""

    made: bool = False


@contextmanager
def noted() -> Iterator[Request]:
    """Note a Ctrl-C besides what it does: what is cut off by it may raise any error in the place of its own."""
    request = Request()
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        request.made = True
        if callable(before):
            before(number, frame)

    # only the main thread may listen to signals; and whoever ignores them goes on doing so
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
    """Turn the first Ctrl-C or SIGTERM into a request; the next one acts as usual."""
    request = Request()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: FrameType | None) -> None:
        request.made = True
        signal.signal(number, before[number])

    try:
        for number in before:
            signal.signal(number, note)
    except ValueError:
        # only the main thread may listen to signals; elsewhere a stop is somebody else's business
        yield request
        return
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
