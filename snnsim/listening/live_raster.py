"""Lines of text of a live raster: one row of characters per population, one line per piece, so that time runs down.

A character is the number of spikes of neighboring neurons, from none to many: " .:-=+*#%@".
"""

import numpy as np

from snnsim.listening.listener import Heard
from snnsim.program import Program

_GLYPHS = " .:-=+*#%@"


def header(program: Program, width: int) -> str:
    """Return the names of the columns.

    Args:
        program: The Program.
        width: Characters of a line for all rasters.
    """
    return "|".join(
        f"{name[:size]:^{size}}" for (name, _), size in zip(_rows(program), widths(program, width), strict=True)
    )


def line(program: Program, heard: Heard, width: int) -> str:
    """Return the spikes of a piece.

    Args:
        program: The Program.
        heard: The piece.
        width: Characters of a line for all rasters.
    """
    counts: list[np.ndarray] = [np.bincount(heard.events.channel, heard.events.count, program.channels)]
    for name, size in _rows(program)[1:]:
        counts.append(np.zeros(size) if heard.result is None else heard.result.counts(name)[0])
    return "|".join(_glyphs(row, size) for row, size in zip(counts, widths(program, width), strict=True))


def widths(program: Program, width: int) -> list[int]:
    """Return the characters of each raster: the input has a half, the populations that fire share the rest.

    Args:
        program: The Program.
        width: Characters of a line for all rasters.
    """
    rows = _rows(program)
    share = max(width // (len(rows) + 1) - 1, 1)
    return [min(size, share * 2 if number == 0 else share) for number, (_, size) in enumerate(rows)]


def _rows(program: Program) -> list[tuple[str, int]]:
    return [("input", program.channels), *((each.name, each.size) for each in program.populations if each.fires)]


def _glyphs(counts: np.ndarray, width: int) -> str:
    """Return a character for each group of neighbors: logarithmic, so that one spike is visible."""
    groups = np.array([group.sum() for group in np.array_split(counts, width)])
    level = np.minimum(np.ceil(2 * np.log2(1 + groups)), len(_GLYPHS) - 1).astype(int)
    return "".join(_GLYPHS[value] for value in level)
