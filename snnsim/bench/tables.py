"""Tables of text."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows as lines with aligned columns, the first to the left and the others to the right."""
    texts = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = []
    for first, *others in texts:
        cells = [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def megabytes(size: float | None) -> str:
    """Return a number of bytes in MiB, or a dash."""
    return "-" if size is None else f"{size / 2**20:.0f}"


def times(ratio: float | None) -> str:
    """Return a ratio, or a dash."""
    return "-" if ratio is None else f"{ratio:.2f}"
