"""Tables of text."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows as lines of text with aligned columns.

    Args:
        head: Titles of the columns. The first column is aligned to the left, the others to the right.
        rows: Cells of each row, as many as there are titles.
    """
    texts = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = []
    for first, *others in texts:
        cells = [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def megabytes(size: float | None) -> str:
    """Return a number of bytes in MiB, or a dash.

    Args:
        size: Number of bytes; None returns the dash.
    """
    return "-" if size is None else f"{size / 2**20:.0f}"


def times(ratio: float | None) -> str:
    """Return a ratio with two decimals, or a dash.

    Args:
        ratio: The ratio; None returns the dash.
    """
    return "-" if ratio is None else f"{ratio:.2f}"
