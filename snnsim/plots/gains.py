"""Accuracy with learned and with fixed neuron parameters, for every source, rule and neuron."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from snnsim.plots.style import BLUE, GRAY, GREEN, ORANGE, VERMILION, WIDTH_INCH, common_legend, style


class Gain(NamedTuple):
    """Accuracies of one comparison by seed."""

    source: str
    neuron: str
    rule: str
    decision: str
    fixed: np.ndarray
    """Accuracy of every seed, from 0 to 1."""
    learned: np.ndarray
    interval: tuple[float, float]
    """95 % interval of the mean gain."""
    seconds: tuple[float, float]
    """Duration of one seed, fixed and learned."""


_COLORS = (BLUE, VERMILION, GREEN, ORANGE)


def gains(compared: Sequence[Gain]) -> Figure:
    """Return a figure with a panel for each source and rule.

    A hollow dot is the accuracy with fixed parameters, a filled one that with learned parameters.

    Args:
        compared: The comparisons.

    Raises:
        ValueError: If there is no comparison.
    """
    if not compared:
        raise ValueError("gains: at least one comparison is needed; none came")
    sources, rules, decisions = (
        list(dict.fromkeys(getattr(gain, name) for gain in compared)) for name in ("source", "rule", "decision")
    )
    colors = {decision: _COLORS[number % len(_COLORS)] for number, decision in enumerate(decisions)}
    with style():
        size = WIDTH_INCH, 1.25 * len(sources) + 0.5
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(sources), len(rules), squeeze=False, sharey="row")
        for (row, source), (column, rule) in ((s, r) for s in enumerate(sources) for r in enumerate(rules)):
            axes = panels[row, column]
            _draw(axes, [gain for gain in compared if (gain.source, gain.rule) == (source, rule)], colors)
            if row == 0:
                axes.set_title(rule)
            if column == 0:
                axes.set_ylabel(f"{source}\naccuracy (%)")
        common_legend(figure)
    return figure


def _draw(axes: Axes, compared: list[Gain], colors: Mapping[str, str]) -> None:
    neurons, decisions = (
        list(dict.fromkeys(getattr(gain, name) for gain in compared)) for name in ("neuron", "decision")
    )
    for gain in compared:
        number = decisions.index(gain.decision)
        color, x = colors[gain.decision], neurons.index(gain.neuron) + 0.26 * (number - (len(decisions) - 1) / 2)
        means = 100 * gain.fixed.mean(), 100 * gain.learned.mean()
        axes.plot([x - 0.06, x + 0.06], means, color=GRAY, linewidth=0.6, zorder=0)
        for shift, values, face in ((-0.06, gain.fixed, "white"), (0.06, gain.learned, color)):
            axes.vlines(x + shift, 100 * values.min(), 100 * values.max(), color=color, linewidth=0.5)
            label = f"{gain.decision}, learned" if face != "white" else f"{gain.decision}, fixed"
            axes.plot(x + shift, 100 * values.mean(), "o", color=color, markerfacecolor=face, markersize=3, label=label)
    axes.set_xticks(range(len(neurons)), neurons)
    axes.set_xlim(-0.5, max(len(neurons), 1) - 0.5)
