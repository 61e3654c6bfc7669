"""Draw the data flow of docs/architecture.md: scripts/site/dataflow.py writes figures/dataflow.svg."""

from html import escape
from pathlib import Path
from typing import NamedTuple

FIGURE = Path(__file__).parent.parent.parent / "figures/dataflow.svg"
WIDTH, HEIGHT = 720, 560
INK, FLOW, FILES = "#333333", "#3949ab", "#8a6d1f"


class Box(NamedTuple):
    """A rectangle around its center, with a title and a line below it."""

    x: float
    y: float
    title: str
    note: str
    color: str = FLOW
    width: float = 196
    height: float = 50


BOXES = {
    "config": Box(120, 40, "config, presets", "a run as frozen values"),
    "data": Box(360, 40, "data", "reading, binning, splits"),
    "files": Box(600, 40, "recordings on disk", "SHD, SSC, synthetic, yours", FILES),
    "network": Box(120, 140, "network", "synapses, neurons, kernels"),
    "training": Box(360, 140, "training, learning", "loop, rules, losses"),
    "run": Box(600, 140, "run folder", "checkpoints, metrics, figures", FILES),
    "freeze": Box(240, 230, "freeze", "rounds delays, folds batch norm"),
    "program": Box(360, 330, "Program", "NumPy arrays, integer delays", FLOW, 250, 64),
    "quantize": Box(90, 330, "quantize, prune", "integers, fewer synapses", FLOW, 168),
    "snn": Box(630, 330, "file .snn", "arrays, no pickles", FILES, 168),
    "simulate": Box(120, 430, "simulate", "spikes, scores, energy"),
    "export": Box(400, 430, "export", "design rules, repairs, writers"),
    "target": Box(620, 430, "target file", "NIR, SONATA, Loihi, C, ...", FILES, 176),
    "verify": Box(400, 520, "verify", "other simulators run the file"),
}
ARROWS = [
    ("files", "data", ""),
    ("data", "training", ""),
    ("config", "network", ""),
    ("training", "network", ""),
    ("training", "run", ""),
    ("network", "freeze", ""),
    ("freeze", "program", ""),
    ("program", "quantize", "both"),
    ("program", "snn", "both"),
    ("program", "simulate", ""),
    ("program", "export", ""),
    ("export", "target", ""),
    ("target", "verify", ""),
    ("simulate", "verify", ""),
]


def edge(box: Box, toward: Box) -> tuple[float, float]:
    """Return the point at which the line between two centers leaves a box.

    Args:
        box: Box that the line leaves.
        toward: Box at the other end of the line.
    """
    across, down = toward.x - box.x, toward.y - box.y
    scale = min(
        box.width / 2 / abs(across) if across else float("inf"), box.height / 2 / abs(down) if down else float("inf")
    )
    return box.x + across * scale, box.y + down * scale


def arrow(source: str, target: str, kind: str) -> str:
    """Return an arrow between two boxes, as SVG.

    Args:
        source: Name of the box in BOXES at which the arrow begins.
        target: Name of the box in BOXES at which it ends.
        kind: Kind of the arrow; "both" has a tip at each end.
    """
    begin, end = BOXES[source], BOXES[target]
    ends = 'marker-end="url(#tip)"' + (' marker-start="url(#tip)"' if kind == "both" else "")
    (x1, y1), (x2, y2) = edge(begin, end), edge(end, begin)
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{INK}" {ends}/>'


def drawn(box: Box) -> str:
    """Return a box, as SVG.

    Args:
        box: Position, size, color and texts of the box.
    """
    left, top = box.x - box.width / 2, box.y - box.height / 2
    return (
        f'<rect x="{left}" y="{top}" width="{box.width}" height="{box.height}" rx="6" fill="white" '
        f'stroke="{box.color}" stroke-width="1.6"/>'
        f'<text x="{box.x}" y="{box.y - 3}" font-weight="bold" fill="{box.color}">{escape(box.title)}</text>'
        f'<text x="{box.x}" y="{box.y + 14}" font-size="11.5">{escape(box.note)}</text>'
    )


def main() -> None:
    """Write the figure."""
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" fill="{INK}"/></marker></defs>'
    )
    torch = (
        f'<rect x="4" y="96" width="712" height="172" rx="8" fill="#eef0fa"/>'
        f'<text x="12" y="261" text-anchor="start" font-size="11.5" fill="{INK}">needs torch</text>'
        f'<text x="12" y="288" text-anchor="start" font-size="11.5" fill="{INK}">needs no torch</text>'
    )
    shapes = [torch, *(arrow(*each) for each in ARROWS), *(drawn(box) for box in BOXES.values())]
    FIGURE.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="14" text-anchor="middle" fill="{INK}">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{tip}\n' + "\n".join(shapes) + "\n</svg>\n",
        encoding="utf-8",
    )
    print(FIGURE)


if __name__ == "__main__":
    main()
