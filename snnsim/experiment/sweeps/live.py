"""A table on a terminal that is written again in place; elsewhere, lines about what happens."""

import shutil
import threading
from collections.abc import Callable, Sequence
from typing import TextIO

_UP, _CLEAR = "\x1b[{}F", "\x1b[J"


class Live:
    """A table that changes, and lines above it.

    Args:
        stream: The terminal, or a file, which gets the lines alone.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._height, self._mutex = stream, 0, threading.Lock()
        self._lines: list[str] = []
        self._table: Sequence[str] = ()

    def say(self, line: str) -> None:
        """Add a line; threads may call this at any time.

        Args:
            line: The line.
        """
        with self._mutex:
            self._lines.append(line)

    def show(self, current: Callable[[], Sequence[str]]) -> None:
        """Write the new lines, and on a terminal the table if it has changed.

        Args:
            current: Function that returns the table; it is called for a terminal alone.
        """
        with self._mutex:
            lines, self._lines = self._lines, []
        terminal = self._stream.isatty()
        table = current() if terminal else ()
        if not lines and list(table) == list(self._table):
            return
        if terminal and self._height:
            self._stream.write(_UP.format(self._height) + _CLEAR)
        self._stream.write("".join(f"{line}\n" for line in lines))
        if terminal:
            size = shutil.get_terminal_size()
            # a line that wraps, or a table that scrolls, could not be written again in place
            visible = [line[: size.columns - 1] for line in table[-(size.lines - 2) :]]
            self._stream.write("".join(f"{line}\n" for line in visible))
            self._height, self._table = len(visible), table
        self._stream.flush()

    def close(self) -> None:
        """Write the last lines, and remove the table from the terminal."""
        self.show(lambda: self._table)
        if self._height:
            self._stream.write(_UP.format(self._height) + _CLEAR)
            self._stream.flush()
        self._height, self._table = 0, ()


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns; the first row is the header.

    Args:
        rows: Cells of every row, as many in each.
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
