"""Results of configurations in several objectives, with the Pareto front: each further objective against the first."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from snnsim.plots.style import GRAY, NOTE_POINTS, VERMILION, WIDTH_INCH, style


@dataclass(frozen=True)
class ParetoPoints:
    """Results of configurations."""

    names: Sequence[str]
    """Names of two objectives or more."""
    values: Sequence[Sequence[float]]
    """One value for each objective, for each configuration."""
    labels: Sequence[str]
    """Names of the configurations."""
    best: Sequence[bool]
    """Whether a configuration is on the Pareto front."""

    def __post_init__(self) -> None:
        if len(self.names) < 2 or not self.values or any(len(row) != len(self.names) for row in self.values):
            raise ValueError(
                f"ParetoPoints: there must be two objectives and one configuration at least, and a value for each; "
                f"there are {len(self.names)} objectives and {len(self.values)} configurations"
            )


def pareto(points: ParetoPoints) -> Figure:
    """Return a figure with a panel for each objective but the first; the first is on the vertical axis.

    Args:
        points: The results.
    """
    with style():
        panels = len(points.names) - 1
        figure = Figure(figsize=(WIDTH_INCH, 2.4), layout="constrained")
        for number, axes in enumerate(figure.subplots(1, panels, squeeze=False, sharey=True).ravel(), start=1):
            chosen = sorted((row[number], row[0]) for row, best in zip(points.values, points.best, strict=True) if best)
            axes.scatter([row[number] for row in points.values], [row[0] for row in points.values], s=8, color=GRAY)
            axes.plot(*zip(*chosen, strict=True), "o-", color=VERMILION, markersize=3.5, label="Pareto front")
            for row, label in zip(points.values, points.labels, strict=True):
                position = (row[number], row[0])
                axes.annotate(label, position, (2, 2), textcoords="offset points", fontsize=NOTE_POINTS)
            axes.set_xlabel(points.names[number].replace("_", " "))
        figure.axes[0].set_ylabel(points.names[0].replace("_", " "))
        figure.axes[0].legend(loc="lower right")
    return figure
