"""Event lists as text: one event a line, with the columns time, x, y and polarity, in any order that a header names.

A file without a header has the columns t x y p, the usual order. Columns are separated by a comma, a semicolon,
a tab or spaces. Lines that begin with # or %, and a byte-order mark, are left out. Polarities are 0 and 1, −1 and 1,
or missing.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from snnsim.data import time_units
from snnsim.data.cameras.events import PIECE, CameraEvents, CameraFile, Options

_NAMES = {
    "t": ("t", "time", "timestamp", "ts", "times"),
    "x": ("x", "column", "col", "columns"),
    "y": ("y", "row", "rows"),
    "p": ("p", "polarity", "pol", "on", "polarities"),
}
_LONGEST_LINE = 10_000


def read(path: Path, options: Options) -> CameraFile:
    """Return the events of a file.

    Args:
        path: The file.
        options: The unit of the times.

    Raises:
        ValueError: If the unit is missing, or the columns are unclear.
    """
    if options.unit not in time_units.IN_MS:
        raise ValueError(f"{path}: a text says no unit of its times; name it: --time-unit {'|'.join(time_units.IN_MS)}")
    order, skipped, separator = _columns(path)
    return CameraFile(_pieces(path, order, skipped, separator), unit=options.unit)


def _columns(path: Path) -> tuple[list[str], int, str]:
    """Return the names of the columns in their order, the lines before the first event, and the separator.

    Raises:
        ValueError: If the columns are unclear.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        lines = (file.readline(_LONGEST_LINE).strip() for _ in range(1000))
        number, line = next(
            ((index, each) for index, each in enumerate(lines) if each and each[0] not in "#%"), (0, "")
        )
        if not line:
            raise ValueError(f"{path}: the first 1,000 lines have no event; it is no list of events")
    separator = next((mark for mark in ",;\t" if mark in line), r"\s+")
    cells = [cell.strip().lower() for cell in re.split(separator, line)]
    if all(re.fullmatch(r"[-+.\deE]+", cell) for cell in cells):
        if len(cells) not in (3, 4):
            raise ValueError(f"{path}: a line must have t, x, y, p, or a header must name them; it is {line[:60]!r}")
        return ["t", "x", "y", "p"][: len(cells)], number, separator
    order = [next((name for name, words in _NAMES.items() if cell in words), "") for cell in cells]
    if not {"t", "x", "y"} <= set(order) or len([name for name in order if name]) != len(set(order) - {""}):
        raise ValueError(f"{path}: the header must name t, x, y, and p if there is one, once each; it is {line[:60]!r}")
    return order, number + 1, separator


def _pieces(path: Path, order: list[str], skipped: int, separator: str) -> Iterator[CameraEvents]:
    import pandas

    names = [name or f"other {number}" for number, name in enumerate(order)]
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for _ in range(skipped):
            file.readline(_LONGEST_LINE)
        try:
            for table in pandas.read_csv(
                _WithoutComments(file), sep=separator, names=names, usecols=[name for name in order if name],
                comment="#", chunksize=PIECE, dtype=np.float64, engine="c", index_col=False,
            ):  # fmt: skip
                yield _events(table.dropna(how="all"))
        except (ValueError, OverflowError, pandas.errors.ParserError) as error:
            text = str(error).removeprefix(f"{path}: ")
            raise ValueError(f"{path}: every line must have {len(order)} numbers; one has not: {text}") from error


class _WithoutComments:
    """A text without the lines that begin with %; pandas leaves out those of one mark alone."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __iter__(self) -> Iterator[str]:
        return iter(self.read, "")

    def read(self, size: int = -1) -> str:
        """Return the next lines, about `size` characters, or nothing at the end."""
        while text := self._file.read(size) + self._file.readline():
            lines = re.sub(r"^[ \t]*%.*\n?", "", text, flags=re.MULTILINE) if "%" in text else text
            if lines:
                return lines
        return ""


def _events(table: Any) -> CameraEvents:
    column, row = table["x"].to_numpy(), table["y"].to_numpy()
    polarity = table["p"].to_numpy() if "p" in table else np.zeros(len(table))
    time = table["t"].to_numpy()
    values = np.concatenate([column, row, polarity])
    if not (np.isfinite(values).all() and np.isfinite(time).all() and (values == np.floor(values)).all()):
        raise ValueError("x, y and p must be whole numbers, and all numbers finite")
    return CameraEvents(time, row.astype(np.int64), column.astype(np.int64), (polarity > 0).astype(np.int64))
