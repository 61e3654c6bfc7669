"""The protocol of loggers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Row = Mapping[str, Any]
"""Metrics of an epoch by name, among them its number `epoch`; lists have a number for each layer."""


@dataclass(frozen=True)
class LoggedRun:
    """The run whose metrics are logged."""

    folder: Path
    """Folder of the run."""
    config: Mapping[str, Any]
    """Sections and values of the config, as a file has them."""
    history: Sequence[Row]
    """Metrics of the epochs that are done."""

    @property
    def name(self) -> str:
        """Name of the config, or of the folder."""
        return str(self.config.get("name", self.folder.name))


class Logger(Protocol):
    """Receives the metrics of a training; the training process of rank 0 alone has loggers."""

    def start(self, run: LoggedRun) -> None:
        """Begin, or go on after the epochs of a history.

        Args:
            run: The run.
        """

    def add(self, row: Row) -> None:
        """Log the metrics of an epoch; an epoch may come a second time, and then replaces its first metrics.

        Args:
            row: The metrics.
        """

    def close(self) -> None:
        """Write all that is pending."""


def numbers(row: Row) -> dict[str, float]:
    """Return the numbers of an epoch by name, those of a list as NAME/1, NAME/2 and so on.

    Args:
        row: Metrics of the epoch; `epoch` itself and values that are no numbers are left out.
    """
    values: dict[str, float] = {}
    for name, value in row.items():
        items = {name: value} if not isinstance(value, list | tuple) else {
            f"{name}/{number}": each for number, each in enumerate(value, start=1)
        }  # fmt: skip
        for key, each in items.items():
            if isinstance(each, int | float) and not isinstance(each, bool) and key != "epoch":
                values[key] = float(each)
    return values


@contextmanager
def opened(loggers: Sequence[Logger], run: LoggedRun) -> Iterator[Sequence[Logger]]:
    """Start loggers, and close all of them at the end.

    Args:
        loggers: The loggers.
        run: The run.
    """
    with ExitStack() as stack:
        for logger in loggers:
            logger.start(run)
            stack.callback(logger.close)
        yield loggers
