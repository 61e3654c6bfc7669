"""The figures of a report, in plotly: curves, rasters, delays and confusion. Colors of axes and text follow the page.

Units    time in ms, delays in ms
"""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from snnsim.plots import LayerDelays
from snnsim.report.measurement import Raster

COLORS = ("#3b82f6", "#e08a1e", "#2aa876", "#d1495b", "#9b6dd6", "#5b9aa0", "#b0883a", "#7f8fa6")
"""Colors that are visible on a white and on a dark page."""
_HEAT = ((0.0, "rgba(0,0,0,0)"), (1e-6, "rgba(59,130,246,0.6)"), (1.0, "rgb(59,130,246)"))
_CONFUSION = (
    (0.0, "rgba(42,168,118,0.45)"), (0.499, "rgba(42,168,118,0.1)"), (0.5, "rgba(0,0,0,0)"),
    (0.501, "rgba(224,138,30,0.25)"), (1.0, "rgba(224,138,30,0.85)"),
)  # fmt: skip
"""Colors from -1, all of a class right, over 0, none, to 1, the most frequent confusion."""
_SHOWN_CLASSES = 4
"""Classes whose readout is drawn: the right one, the decision, and the next best."""
_EPOCHS = 8
"""The most ticks of an axis of epochs."""
_PANEL = {"input": 190.0}
"""Height of the raster of a population in pixels; 130 for others."""


def curves(subjects: Sequence[tuple[str, list[dict[str, Any]]]], metric: str, title: str) -> go.Figure | None:
    """Return the curves of a metric over the epochs, of all runs over each other; None if no run has it.

    Args:
        subjects: Name and metrics of each run.
        metric: Name of the metric without the prefix of the split, such as "loss".
        title: Label of the axis.
    """
    figure = go.Figure()
    for number, (name, history) in enumerate(subjects):
        for prefix, dash in (("train", "dot"), ("valid", "solid")):
            key = f"{prefix}_{metric}"
            rows = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
            if rows:
                epoch, value = zip(*rows, strict=True)
                kind = "training" if prefix == "train" else "validation"
                figure.add_scatter(
                    x=epoch, y=value, mode="lines+markers" if len(rows) < 30 else "lines",
                    name=f"{_text(name)}, {kind}", marker={"size": 4},
                    line={"dash": dash, "color": COLORS[number % len(COLORS)]},
                )  # fmt: skip
    if not figure.data:
        return None
    _epochs(figure)
    figure.update_yaxes(title=title, tickformat=".0%" if metric == "accuracy" else None)
    return _sized(figure, 320, "curves")


def activity(name: str, history: list[dict[str, Any]]) -> go.Figure | None:
    """Return the spikes per neuron and step of each hidden layer over the epochs; None if the run has none.

    Args:
        name: Name of the run.
        history: Metrics of each epoch.
    """
    rows = [(row["epoch"], row["activity"]) for row in history if row.get("activity")]
    if not rows:
        return None
    figure = go.Figure()
    for layer, values in enumerate(zip(*(value for _, value in rows), strict=True), start=1):
        figure.add_scatter(
            x=[epoch for epoch, _ in rows], y=values, mode="lines+markers" if len(rows) < 30 else "lines",
            name=f"hidden {layer}", marker={"size": 4}, line={"color": COLORS[layer % len(COLORS)]},
        )  # fmt: skip
    _epochs(figure)
    figure.update_yaxes(title="spikes per neuron and step", rangemode="tozero")
    return _sized(figure, 320, f"activity of {name}")


def delays(layer: LayerDelays, time_step_ms: float) -> go.Figure:
    """Return the distribution of the delays of a layer before and after training.

    Args:
        layer: The delays.
        time_step_ms: Duration of a step.
    """
    figure, edges = go.Figure(), np.arange(layer.max_delay + 2) - 0.5
    for name, values, color in (
        ("before training", layer.before, COLORS[-1]),
        ("after training", layer.after, COLORS[0]),
    ):
        share = np.histogram(values, edges)[0] / values.size
        figure.add_scatter(
            x=(edges[:-1] + 0.5) * time_step_ms, y=share, name=name, mode="lines",
            line={"shape": "hvh", "color": color, "width": 2}, fill="tozeroy",
            fillcolor="rgba(127,143,166,0.18)" if color == COLORS[-1] else "rgba(59,130,246,0.18)",
        )  # fmt: skip
    moved = np.abs(np.round(layer.after) - np.round(layer.before)) * time_step_ms
    figure.update_xaxes(title=f"delay (ms); moved by {moved.mean():.3g} ms on average")
    figure.update_yaxes(title="share of synapses", tickformat=".0%", rangemode="tozero")
    return _sized(figure, 300, f"delays of {layer.name}")


def edge_delays(name: str, delay: np.ndarray, time_step_ms: float) -> go.Figure:
    """Return the distribution of the delays of an edge of a Program.

    Args:
        name: Name of the edge.
        delay: Delays in steps (synapse,).
        time_step_ms: Duration of a step.
    """
    count = np.bincount(delay)
    figure = go.Figure(
        go.Bar(x=np.arange(len(count)) * time_step_ms, y=count / len(delay), marker={"color": COLORS[0]})
    )
    figure.update_xaxes(title="delay (ms)")
    figure.update_yaxes(title="share of synapses", tickformat=".0%", rangemode="tozero")
    return _sized(figure, 300, f"delays of {name}")


def _epochs(figure: go.Figure) -> None:
    """Label the axis of epochs; fractions of few epochs have no ticks."""
    last = max(max(trace.x) for trace in figure.data)
    figure.update_xaxes(title="epoch", tickformat=",d", **({"dtick": 1} if last <= _EPOCHS else {"nticks": _EPOCHS}))


def confusion(counts: np.ndarray, names: Sequence[str]) -> go.Figure:
    """Return the confusion matrix.

    Args:
        counts: Number of recordings (class, predicted class).
        names: Names of the classes; empty for numbers.
    """
    labels = [_text(name) for name in names] or [str(number) for number in range(len(counts))]
    right = np.eye(len(counts), dtype=bool)
    wrong = np.where(right, 0, counts)
    share = np.where(right, -counts / np.maximum(counts.sum(1, keepdims=True), 1), wrong / max(wrong.max(), 1))
    figure = go.Figure(
        go.Heatmap(
            z=share, x=labels, y=labels, text=np.where(counts > 0, counts.astype(str), ""), texttemplate="%{text}",
            customdata=counts, colorscale=_CONFUSION, showscale=False, xgap=1, ygap=1, zmin=-1, zmax=1,
            hovertemplate="%{y} taken for %{x}: %{customdata}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(title="decision", type="category", tickangle=-60)
    figure.update_yaxes(title="class", type="category", autorange="reversed")
    return _sized(figure, 130 + 22 * max(len(counts), 8), "confusion matrix")


def raster(recording: Raster, time_step_ms: float, names: Sequence[str]) -> go.Figure:
    """Return the spikes of every population over a recording, and the readout.

    Args:
        recording: The activity.
        time_step_ms: Duration of a step.
        names: Names of the classes.
    """
    drawn = _shown_classes(recording)
    heights = [_PANEL.get(name, 130.0) for name in recording.counts] + ([150.0] if drawn else [])
    figure = make_subplots(len(heights), 1, shared_xaxes=True, vertical_spacing=0.03, row_heights=heights)
    time = np.arange(recording.output.shape[0]) * time_step_ms
    for row, (name, counts) in enumerate(recording.counts.items(), start=1):
        figure.add_trace(
            go.Heatmap(
                z=counts, x0=0, dx=time_step_ms, colorscale=_HEAT, showscale=False, zmin=0, zmax=max(counts.max(), 1),
                name=_text(name), hovertemplate=f"{_text(name)} %{{y}}, %{{x}} ms: %{{z}}<extra></extra>",
            ), row, 1,
        )  # fmt: skip
        figure.update_yaxes(title=_text(name), row=row, col=1)
    for order, number in enumerate(drawn):
        roles = [
            role for role, value in (("class", recording.label), ("decision", recording.predicted)) if value == number
        ]
        label = _text(names[number] if number < len(names) else str(number))
        label += f" ({', '.join(roles)})" if roles else ""
        figure.add_trace(
            go.Scatter(
                x=time, y=recording.output[:, number], mode="lines", name=label,
                line={"color": COLORS[order], "width": 2.5 if roles else 1.2},
            ), len(heights), 1,
        )  # fmt: skip
    if drawn:
        figure.update_yaxes(title="readout", row=len(heights), col=1)
    figure.update_xaxes(title="time (ms)", row=len(heights), col=1)
    return _sized(figure, int(sum(heights)) + 100, f"raster of recording {recording.index}")


def _shown_classes(recording: Raster) -> list[int]:
    """Return the classes whose readout is drawn."""
    classes = recording.output.shape[1]
    if not classes:
        return []
    order = [recording.label, recording.predicted, *np.argsort(-recording.output.max(0)).tolist()]
    return list(dict.fromkeys(number for number in order if number >= 0))[: min(_SHOWN_CLASSES, classes)]


def _text(name: str) -> str:
    """Return a name from an untrusted file as a label; plotly draws some tags of HTML."""
    return html.escape(str(name), quote=False)


def _sized(figure: go.Figure, height: int, title: str) -> go.Figure:
    figure.update_xaxes(automargin=True, title_standoff=8)
    figure.update_yaxes(automargin=True, title_standoff=8)
    figure.update_layout(
        height=height, margin={"l": 56, "r": 12, "t": 28, "b": 48}, meta={"title": title},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}, hovermode="closest",
    )  # fmt: skip
    return figure
