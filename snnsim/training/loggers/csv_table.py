"""Metrics as a table, metrics.csv in the folder of a run: a row for each epoch, a column for each number."""

import csv
from typing import Any

from snnsim.files import written_whole
from snnsim.training.loggers.protocol import LoggedRun, Row, numbers

FILE = "metrics.csv"


class CSVLogger:
    """A table that is written as a whole after every epoch.

    Args:
        section: The settings, which are none.
    """

    def __init__(self, section: Any = None) -> None:
        del section
        self._rows: dict[int, dict[str, float]] = {}

    def start(self, run: LoggedRun) -> None:
        """Begin, or go on after the epochs of a history.

        Args:
            run: The run.
        """
        self._path = run.folder / FILE
        self._rows = {row["epoch"]: numbers(row) for row in run.history}
        if self._rows:
            self._write()

    def add(self, row: Row) -> None:
        """Write the table with the metrics of an epoch.

        Args:
            row: The metrics.
        """
        self._rows[row["epoch"]] = numbers(row)
        self._write()

    def _write(self) -> None:
        names = dict.fromkeys(name for row in self._rows.values() for name in row)
        with written_whole(self._path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, ["epoch", *names])
            table.writeheader()
            table.writerows({"epoch": epoch, **row} for epoch, row in sorted(self._rows.items()))

    def close(self) -> None:
        """Do nothing, as all is written."""
