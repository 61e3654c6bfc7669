"""Learning curves: the metrics of a training run by epoch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from snnsim.plots.style import BLUE, GRAY, NOTE_POINTS, ORANGE, VERMILION, WIDTH_INCH, layer_color, style

History = Sequence[Mapping[str, object]]


def curves(history: History) -> Figure:
    """Return a figure with the loss, accuracy, schedules and activity over the epochs.

    Args:
        history: Metrics of each epoch, by name. Without a metric, its curve or panel is left out.

    Raises:
        ValueError: If there is no epoch, or a row has no known metric.
    """
    if not history:
        raise ValueError("curves: the history must have at least one epoch, and is empty")
    for row in history:
        if "epoch" not in row:
            raise ValueError(f"curves: every row must have its epoch; one has only {sorted(row)}")
    draws = [draw for draw, keys in _PANELS.items() if any(len(_series(history, key)[0]) for key in keys)]
    draws[1:1] = [_draw_metrics] if _metrics(history) else []
    if not draws:
        known = [key for keys in _PANELS.values() for key in keys]
        raise ValueError(f"curves: the rows must hold some of {known}; they hold {sorted(history[0])}")
    with style():
        rows, columns = -(-len(draws) // 2), min(2, len(draws))
        figure = Figure(figsize=(WIDTH_INCH, 1.6 * rows + 0.2), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, draw in zip(panels, draws, strict=False):
            draw(axes, history)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
            axes.set_xlabel("epoch")
        for axes in panels[len(draws) :]:
            axes.remove()
    return figure


def _series(history: History, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs with a metric, and its values."""
    rows = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
    return np.array([epoch for epoch, _ in rows]), np.array([value for _, value in rows], dtype=float)


def _draw(axes: Axes, epochs: np.ndarray, values: np.ndarray, **options: Any) -> None:
    """Draw a curve, or a dot for a single epoch."""
    if len(epochs):
        axes.plot(epochs, values, marker="o" if len(epochs) == 1 else None, markersize=3, **options)


def _draw_loss(axes: Axes, history: History) -> None:
    _draw(axes, *_series(history, "train_loss"), color=GRAY, label="training")
    _draw(axes, *_series(history, "valid_loss"), color=BLUE, label="validation")
    axes.set_ylabel("loss")
    axes.legend()


def _draw_accuracy(axes: Axes, history: History) -> None:
    for key, color, label in (("train_accuracy", GRAY, "training"), ("valid_accuracy", BLUE, "validation")):
        epochs, values = _series(history, key)
        if np.any((values < 0) | (values > 1)):
            raise ValueError(f"curves: {key} must be a share from 0 to 1; one is {values.max():g}")
        _draw(axes, epochs, 100 * values, color=color, label=label)
    # epochs and values are those of the validation, which is drawn last
    if len(epochs):
        best = np.argmax(np.nan_to_num(values, nan=-1))
        text = f"best: {values[best]:.1%} in epoch {epochs[best]}"
        axes.plot(epochs[best], 100 * values[best], "o", color=VERMILION, markersize=3.5, label=text)
    axes.set_ylabel("accuracy (%)")
    axes.legend(loc="lower right")


def _draw_metrics(axes: Axes, history: History) -> None:
    for number, name in enumerate(_metrics(history)):
        *head, metric = name.rsplit(" ", 1)
        label = " ".join([*head, _SYMBOLS.get(metric, metric)])
        validated = len(_series(history, f"valid_{name}")[0]) > 0
        for prefix, line in (("train", ":"), ("valid", "-")):
            options: dict[str, Any] = {"color": layer_color(number + 1), "linestyle": line}
            if prefix == "train":
                options["markerfacecolor"] = "white"  # a single epoch has no dotted line
            own = label if (prefix == "valid") == validated else None
            _draw(axes, *_series(history, f"{prefix}_{name}"), label=own, **options)
    axes.set_ylabel("metrics, training (···, ○)")
    axes.legend()


_SYMBOLS = {"mse": "MSE", "r2": "R²"}
"""Labels of metrics whose names in a row of the history are no words."""


def _metrics(history: History) -> list[str]:
    """Return the names of the metrics besides loss and accuracy; sMAPE, a percentage, has a scale of its own."""
    keys = (key for row in history for key in row)
    names = dict.fromkeys(key.partition("_")[2] for key in keys if key.startswith(("train_", "valid_")))
    return [name for name in names if name not in ("loss", "accuracy") and not name.endswith("smape")]


def _draw_schedules(axes: Axes, history: History) -> None:
    for key, color, label in (("lr", GRAY, "of weights"), ("lr_delay", ORANGE, "of delays")):
        epochs, values = _series(history, key)
        # a logarithmic axis has no 0, the rate at the end of a schedule
        _draw(axes, epochs[values > 0], values[values > 0], color=color, label=label)
    handles = axes.get_lines()
    if handles:
        axes.set_yscale("log")
        axes.set_ylabel("learning rate")
    else:
        axes.set_yticks([])
    epochs, values = _series(history, "sigma")
    if len(epochs):
        right = axes.twinx()
        right.spines["right"].set_visible(True)
        _draw(right, epochs, values, color=BLUE, linestyle="--", label="σ (right)")
        right.set_ylim(bottom=0)
        right.set_ylabel("σ (steps)", color=BLUE)
        handles = [*handles, *right.get_lines()]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def _draw_activity(axes: Axes, history: History) -> None:
    epochs, values = _series(history, "activity")
    for layer, rates in enumerate(values.T, start=1):
        _draw(axes, epochs, rates, color=layer_color(layer), label=f"hidden {layer}")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("spikes per neuron and step", fontsize=NOTE_POINTS)
    axes.legend()


def _draw_neurons(axes: Axes, history: History) -> None:
    names = [key for key in NEURONS if len(_series(history, key)[0])]
    for number, key in enumerate(names):
        epochs, values = _series(history, key)
        for layer, means in enumerate(values.T):
            options = {"color": layer_color(number + 1), "linestyle": ("-", "--", ":")[min(layer, 2)]}
            _draw(axes, epochs, means, label=key.removeprefix("neuron ") if layer == 0 else None, **options)
    axes.set_ylabel("neuron parameters,\nmean of hidden 1 (—), 2 (--) ...", fontsize=NOTE_POINTS)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


NEURONS = tuple(
    f"neuron {name}"
    for name in (
        "decay", "threshold", "width", "reset_value", "recovery.kept", "recovery.membrane", "recovery.spike",
        "success", "amplitude", "coupling", "leak", "jump", "adaptation_decay", "synapse_decay",
    )
)  # fmt: skip
"""Names of the learned neuron parameters in a row of the history."""

_PANELS: dict[Callable[[Axes, History], None], tuple[str, ...]] = {
    _draw_loss: ("train_loss", "valid_loss"),
    _draw_accuracy: ("train_accuracy", "valid_accuracy"),
    _draw_schedules: ("lr", "lr_delay", "sigma"),
    _draw_activity: ("activity",),
    _draw_neurons: NEURONS,
}
