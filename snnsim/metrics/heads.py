"""The metrics of several heads: those of each head by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snnsim.metrics.protocols import Report


@dataclass(frozen=True, eq=False)
class HeadsReport:
    """The reports of all heads."""

    reports: Mapping[str, Report]

    def scalars(self) -> dict[str, float]:
        """Return the metrics of each head, with its name in front."""
        parts = ((name, report.scalars()) for name, report in self.reports.items())
        return {f"{name} {metric}": value for name, scalars in parts for metric, value in scalars.items()}

    def facts(self) -> dict[str, Any]:
        """Return the metrics of each head by its name."""
        return {"heads": {name: report.facts() for name, report in self.reports.items()}}

    def text(self) -> str:
        """Return the metrics of each head with their intervals as a text."""
        return "; ".join(f"{name}: {report.text()}" for name, report in self.reports.items())

    def brief(self) -> str:
        """Return the metrics of each head without intervals as a text."""
        return "; ".join(f"{name}: {report.brief()}" for name, report in self.reports.items())

    def short(self) -> str:
        """Return the shortest text of each head."""
        return ", ".join(f"{name} {report.short().strip()}" for name, report in self.reports.items())
