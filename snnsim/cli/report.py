"""The command report."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from snnsim.cli.options import NATURAL, MovedData

Sources = Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN|PROGRAM", help_behavior_hint="")]


@dataclass(frozen=True)
class Report:
    """Write one page of HTML on runs and programs, which needs no network: results, curves, rasters, delays, chips.

    - snnsim report runs/digits-demo -o report.html
    - snnsim report runs/with-delays runs/without-delays net-int8.snn -o comparison.html

    The page has the accuracy with its interval, learning curves of all runs over each other, rasters that can be zoomed
    and scrubbed in time, delays before and after training, the confusion matrix with the wrong recordings, work, energy
    and budgets of chips, quantization, and the commands that repeat all of it. Needs `pip install 'snnsim[report]'`.
    """

    sources: Sources
    """Folders of runs, and files of programs."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FILE")] = Path("report.html")
    """The file to write."""
    split: Literal["train", "valid", "test", "none"] = "valid"
    """Part of the data to simulate; none simulates nothing. The test split is for the final figure."""
    data_path: MovedData = None
    """File or folder of the data, if they have moved since training."""
    rasters: Annotated[int, arg(metavar="N"), NATURAL] = 4
    """Recordings with a raster, wrong ones first."""
    parity: Annotated[UseAppendAction[tuple[Path, ...]], arg(metavar="FILE", help_behavior_hint="")] = ()
    """Output of `snnsim verify --json`; may be given several times."""
    title: Annotated[str | None, arg(metavar="TEXT", help_behavior_hint="(default: the names)")] = None
    """Title of the page."""

    def __call__(self) -> None:
        """Write.

        Raises:
            ImportError: If the packages of the report are not installed.
        """
        try:
            from snnsim import report
            from snnsim.report.subject import Source
        except ImportError as error:
            raise ImportError(
                f"report: the packages plotly and jinja2 must be installed ({error}); pip install 'snnsim[report]'"
            ) from error
        split = None if self.split == "none" else self.split
        source = Source(split, self.data_path, self.rasters)
        settings = report.Settings(source, self.parity, self.title, ("snnsim", *sys.argv[1:]))
        subjects = report.write(self.sources, self.output, settings)
        for subject in subjects:
            for note in subject.notes:
                print(f"{subject.name}: {note}")
        print(f"{self.output}: {self.output.stat().st_size / 1e6:.1f} MB; open it in a browser")
