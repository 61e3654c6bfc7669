"""What the benchmarks share: the two networks, tables, and the file that figures go to."""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import neighbours

from snnsim.experiment import parts
from snnsim.training.folder import Folder, environment

PARTS = {"snnsim": parts.build_network, "neighbours": neighbours.build_network}


def write(path: Path, results: dict[str, Any], *, seed: int) -> None:
    """Write results as JSON, beside what a reader needs to know to repeat them."""
    versions = {name: importlib.metadata.version(name) for name in ("spikingjelly", "dcls")}
    Folder(path.parent).write_json(path, {**environment(seed), "neighbours": versions, **results})


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows as lines with aligned columns."""
    texts = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in texts)
    return "\n".join(lines)
