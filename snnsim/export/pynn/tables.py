"""Tables of numbers as text, as PyNN reads them: a row is a line, and the first line names the columns."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import untrusted


def table_text(names: Sequence[str], columns: Sequence[np.ndarray]) -> str:
    """Return the text of a table.

    Args:
        names: Names of the columns.
        columns: The columns, each (row,).
    """
    rows = zip(*(column.tolist() for column in columns), strict=True)
    lines = ["\t".join(map(repr, row)) for row in rows]
    return "\n".join([f"# columns = {json.dumps(list(names))}", *lines, ""])


def digest(text: str) -> str:
    """Return the SHA-256 of a table, in hexadecimal.

    Args:
        text: The text of the table, as `table_text` returns it.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def read_table(folder: Path, name: Any, *, columns: int, digests: Mapping[str, Any] | None) -> np.ndarray:
    """Return the columns of a table, float64 (column, row).

    Args:
        folder: The folder.
        name: Path of the table in it, as the header has it.
        columns: Number of columns.
        digests: Digest of each table; None in folders without digests.

    Raises:
        ValueError: If the table is outside of the folder, was changed, or has other contents than rows of numbers.
    """
    text = untrusted.read_text(untrusted.inside(folder, name))
    if digests is not None and digests.get(name) != digest(text):
        raise ValueError(f"{name}: it was changed since snnsim wrote it, as its digest in the header is another")
    lines = [line.split() for line in text.splitlines() if line.strip() and line[0] != "#"]
    wrong = next((number for number, line in enumerate(lines) if len(line) != columns), None)
    if wrong is not None:
        raise ValueError(f"{name}: row {wrong} must have {columns} numbers, not {len(lines[wrong])}")
    try:
        values = np.array(lines, np.float64).reshape(-1, columns).T
    except ValueError as error:
        raise ValueError(f"{name}: its rows must be numbers: {error}") from error
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: its numbers must be finite")
    return values
