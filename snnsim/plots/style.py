"""Style of all figures, and functions that write them."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsim.files import written_whole

WIDTH_INCH = 5.5
"""Text width of a one-column conference paper; the font sizes below are for this width."""
NOTE_POINTS = 6

# Okabe & Ito's colors, which stay apart in every common form of color blindness
INK, GRAY, PALE = "#222222", "#8c8c8c", "#cfcfcf"
BLUE, VERMILION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
LAYER_COLORS = (INK, BLUE, GREEN, "#aa4499", VERMILION, "#56b4e9")
"""Color of the input, the first hidden layer, and so on; the same in every figure."""

_STYLE = {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": NOTE_POINTS,
    "ytick.labelsize": NOTE_POINTS,
    "legend.fontsize": NOTE_POINTS,
    "figure.titlesize": 8,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.borderaxespad": 0.2,
    # text is text in both vector formats, so that it can be searched and edited
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    # a constant, as ids in an SVG are random without it, and the same data must give the same bytes
    "svg.hashsalt": "snnsim",
}

_FORMATS: dict[str, dict[str, Any]] = {
    ".pdf": {"metadata": {"CreationDate": None}},
    ".png": {},
    ".svg": {"metadata": {"Date": None}},
}


def style() -> AbstractContextManager[None]:
    """Return a context in which matplotlib has the style of snnsim instead of the user's settings."""
    return matplotlib.style.context(["default", _STYLE])


def layer_color(index: int) -> str:
    """Return the color of a layer in all figures.

    Args:
        index: Number of the layer; 0 is the input. The colors repeat after the last of LAYER_COLORS.
    """
    return LAYER_COLORS[index % len(LAYER_COLORS)]


def note(axes: Axes, x: float, y: float, text: str, **options: Any) -> None:
    """Write a small gray note.

    Args:
        axes: The panel.
        x: Horizontal position, from 0 to 1 of the panel.
        y: Vertical position, from 0 to 1 of the panel.
        text: The note.
        options: Options of matplotlib's `text`.
    """
    axes.text(x, y, text, transform=axes.transAxes, fontsize=NOTE_POINTS, **{"color": GRAY, **options})


def common_legend(figure: Figure, *, ncols: int | None = None) -> None:
    """Draw one legend below all panels, with each label once; no legend without a label.

    Args:
        figure: The figure.
        ncols: The most columns; None for a column for each label.
    """
    entries: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        columns = min(ncols or len(entries), len(entries))
        figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=columns)


def check_time_step(time_step_ms: float, who: str) -> None:
    """Check that the duration of a step is positive.

    Args:
        time_step_ms: Duration of a step.
        who: Name of the function that was called, for the message.

    Raises:
        ValueError: If the duration is not positive.
    """
    if not time_step_ms > 0:
        raise ValueError(f"{who}: time_step_ms must be positive; it is {time_step_ms}")


def check_suffix(path: Path, known: list[str], who: str) -> str:
    """Return the suffix of a path in lower case.

    Args:
        path: The file to write.
        known: The known suffixes.
        who: Name of the function that was called, for the message.

    Raises:
        ValueError: If the suffix is unknown.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise ValueError(f"{who}: a file name must end in {', '.join(known)}; {Path(path).name!r} does not")
    return suffix


def save(figure: Figure, path: Path) -> None:
    """Write a figure; the same data gives the same bytes.

    Args:
        figure: The figure.
        path: The file, with the suffix .png, .svg or .pdf.

    Raises:
        ValueError: If the suffix is unknown.
        OSError: If the file cannot be written.
    """
    suffix = check_suffix(path, sorted(_FORMATS), "save")
    with style(), written_whole(path) as partial:
        figure.savefig(partial, format=suffix[1:], dpi=200, **_FORMATS[suffix])
