"""The command `bench neurobench`, which has the metrics of NeuroBench."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import COUNT, Output
from snnsim.cli.printing import json_text
from snnsim.cli.programs import Recordings

if TYPE_CHECKING:
    from snnsim.bench.neurobench_report import NeuroBenchReport


@dataclass(frozen=True)
class NeuroBench:
    """Metrics of NeuroBench's own harness, beside exact counts: snnsim bench neurobench RUN|PROGRAM.

    Footprint, connection and activation sparsity, synaptic operations and accuracy of a program. The harness is installed by: pip install "snnsim[neurobench]". It runs in a process of its own. The exit status is 1 if a metric differs from our count.

    - snnsim bench neurobench runs/NAME
    - snnsim bench neurobench digits.npz --recordings 100 --json
    """

    source: Annotated[Positional[Path], arg(metavar="RUN|PROGRAM")]
    """A program, or the folder of a run, which is frozen first."""
    data: Recordings = None
    """Recordings to run: a file in SHD's format, or a file or folder of the kind of the training's data."""
    split: Literal["train", "valid", "test"] = "valid"
    """Split of the data, unless a file is given."""
    random: bool = False
    """Run random spikes in place of recordings; the default for a program without a config of its training."""
    recordings: Annotated[int, arg(metavar="N"), COUNT] = 20
    """The most recordings to run."""
    python: Annotated[Path, arg(metavar="PROGRAM", help_behavior_hint="(default: the one that runs this)")] = Path(
        sys.executable
    )
    """Interpreter of the environment in which NeuroBench and snnsim are installed."""
    output: Output = None
    """File for the JSON object."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Measure."""
        from snnsim.bench import neurobench_report
        from snnsim.experiment import exports, programs
        from snnsim.files import written_whole
        from snnsim.program import Program

        program = programs.freeze(self.source) if self.source.is_dir() else Program.load(self.source)
        data = None if self.random else exports.Data(self.data, self.split)
        events, label = exports.recordings(program, data, self.recordings)
        report = neurobench_report.report(program, events, label, python=str(self.python))
        text = json_text(report.facts(), indent=1)
        if self.output is not None:
            with written_whole(self.output) as partial:
                partial.write_text(text + "\n", encoding="utf-8")
        print(text if self.json else "\n".join(_lines(report)))
        if report.differences:
            sys.exit(1)


def _lines(report: "NeuroBenchReport") -> list[str]:
    lines = [f"NeuroBench {report.version}, {report.recordings} recordings", f"{'':26} {'harness':>14} {'snnsim':>14}"]
    for name in dict.fromkeys((*report.harness, *report.ours)):
        values = (report.harness.get(name), report.ours.get(name))
        shown = ("-" if value is None else f"{value:,.4f}" if abs(value) < 10 else f"{value:,.0f}" for value in values)
        lines.append(f"{name.replace('_', ' '):26} {next(shown):>14} {next(shown):>14}")
    equal = "all metrics that both have are equal" if not report.differences else "\n".join(report.differences)
    return [*lines, equal]
