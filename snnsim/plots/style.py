"""The look that all figures share, and how a figure becomes a file."""

from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsim.files import written_whole

WIDTH_INCH = 5.5
"""Text width of the usual one-column conference paper; sizes below are read at this width."""
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
    # text stays text, to be searched and edited, in both vector formats
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    # the same data gives the same bytes: without this, ids in an SVG are random
    "svg.hashsalt": "snnsim",
}

_FORMATS = {".pdf": {"metadata": {"CreationDate": None}}, ".png": {}, ".svg": {"metadata": {"Date": None}}}


def style() -> AbstractContextManager[None]:
    """Return a context in which matplotlib draws in our style, whatever the user's own settings."""
    return matplotlib.style.context(["default", _STYLE])


def layer_color(index: int) -> str:
    """Return the color of layer `index`, where 0 is the input."""
    return LAYER_COLORS[index % len(LAYER_COLORS)]


def note(axes: Axes, x: float, y: float, text: str, **options: str) -> None:
    """Write a small gray remark at (x, y), both as shares of the panel."""
    axes.text(x, y, text, transform=axes.transAxes, fontsize=NOTE_POINTS, **{"color": GRAY, **options})


def check_time_step(time_step_ms: float, who: str) -> None:
    """Raise if the duration of a step is not positive."""
    if not time_step_ms > 0:
        raise ValueError(f"{who}: time_step_ms must be positive; it is {time_step_ms}")


def check_suffix(path: Path, known: list[str], who: str) -> str:
    """Return the suffix of `path` in lower case, or raise if it is not a known one."""
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise ValueError(f"{who}: a file name must end in {', '.join(known)}; {Path(path).name!r} does not")
    return suffix


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the suffix of `path`; the same data gives the same bytes."""
    suffix = check_suffix(path, sorted(_FORMATS), "save")
    with style(), written_whole(path) as partial:
        figure.savefig(partial, format=suffix[1:], dpi=200, **_FORMATS[suffix])
