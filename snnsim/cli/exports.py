"""The commands of other machines: export a program, read one back, have its readers run it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import COUNT, SECONDS
from snnsim.cli.programs import NewProgram, Recordings

if TYPE_CHECKING:
    from snnsim.program import Program
    from snnsim.verification import Report

Source = Annotated[Positional[Path], arg(metavar="RUN|PROGRAM")]
Exported = Annotated[Positional[Path], arg(metavar="PATH")]
TargetName = Annotated[str, arg(metavar="TARGET")]
To = Annotated[
    Path | None, arg(aliases=("-o",), metavar="PATH", help_behavior_hint="(default: named after the source)")
]


@dataclass(frozen=True)
class Export:
    """Write a trained network for a chip or another simulator, delays included.

    - snnsim export digits.snn --to npz -o digits.npz
    - snnsim export digits.snn --to loihi2 --check
    - snnsim export digits.snn --to loihi2 --fix -o digits.net

    What breaks a target's design rules is shown, all of it at once, with what to do; nothing is changed unless --fix asks
    for it, and then each repair is shown with what it changed and what it costs.
    """

    source: Source
    """A program, or the folder of a run, which is frozen first."""
    to: TargetName
    """What to write; the documentation has a page for each: npz, hdf5, nir, sonata, spinnaker, c, loihi1, loihi2, xylo."""
    output: To = None
    """The file or folder to write."""
    encoding: Annotated[str | None, arg(metavar="seq|fan|relay", help_behavior_hint="(nir; default: seq)")] = None
    """How delays are written: by Delay nodes in a row or side by side, or by relay neurons, which every importer runs."""
    dt: Annotated[
        float | None, arg(metavar="SECONDS", help_behavior_hint="(nir; default: the program's step)"), SECONDS
    ] = None
    """What a step lasts in the file; 0.0001 by default for relay, the one step that all importers know."""
    resistance: Annotated[str | None, arg(metavar="euler|one", help_behavior_hint="(nir; default: euler)")] = None
    """The r of neurons: tau / dt, or 1 with larger weights for importers without r; the latter by default for relay."""
    check: bool = False
    """Show which design rules are broken, and write nothing."""
    fix: bool = False
    """Change what a named repair can mend, and say what it was; with --check, only say it."""
    data: Recordings = None
    """Recordings to measure the cost of repairs with: a file in SHD's format, or the folder of the data in training."""
    split: Literal["train", "valid", "test", "none"] = "valid"
    """Part of the data to measure with; none measures nothing, and needs no data."""

    def __call__(self) -> None:
        """Export."""
        from snnsim import export

        target = export.targets.named(self.to)
        program = _program(self.source)
        if self.fix:
            program = self._fixed(program)
        if self.check:
            _show(list(target.check(program)), self.to)
            return
        path = self.output or Path(self.source.with_suffix("").name + (target.suffix or f"-{self.to}"))
        export.write(program, self.to, path, **_given(encoding=self.encoding, dt=self.dt, resistance=self.resistance))
        print(f"{path}: {target.title}; {program.size:,} neurons, {program.synapses:,} synapses")

    def _fixed(self, program: "Program") -> "Program":
        from snnsim import export
        from snnsim.experiment import exports

        changed, made = export.targets.fixed(program, self.to)
        data = None if self.split == "none" else exports.Data(self.data, self.split)
        costs = exports.costs(program, [each.program for each in made], data)
        for each, cost in zip(made, costs, strict=True):
            counts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in each.counts.items())
            print(f"{each.name}: {counts}{cost}")
        return changed


@dataclass(frozen=True)
class Import:
    """Read a file of another format into a program, which `snnsim simulate` runs.

    - snnsim import network.npz -o network.snn
    """

    source: Exported
    """The file to read."""
    output: NewProgram
    """The program to write."""
    dt: Annotated[
        float | None, arg(metavar="SECONDS", help_behavior_hint="(nir; default: the file's, or 0.0001)"), SECONDS
    ] = None
    """What a step lasts, of a file that does not say so."""
    reset: Annotated[Literal["value", "subtract"], arg(help_behavior_hint="(nir; default: value)")] = "value"
    """What a spike does to neurons of others: sets them to v_reset, or subtracts the threshold."""

    def __call__(self) -> None:
        """Import."""
        from snnsim import export

        # readers of other formats do not know the option
        reset = None if self.reset == "value" else self.reset
        program = export.read(export.targets.of(self.source), self.source, **_given(dt=self.dt, reset=reset))
        program.save(self.output)
        print(f"{self.output}: {program.size:,} neurons, {program.synapses:,} synapses")
        for note in program.provenance.get("notes", ()):
            print(f"  {note}")


@dataclass(frozen=True)
class Verify:
    """Have an exported file run by the program that reads it, and compare its spikes with ours, one by one.

    - snnsim verify digits.npz
    - snnsim verify digits.npz --consumer nest --python ENV/bin/python --json

    The consumer must be installed; the message says which package if it is not.
    """

    path: Exported
    """What `snnsim export` wrote."""
    consumer: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: all that read it)")] = None
    """Who runs it."""
    data: Recordings = None
    """Recordings to run: a file in SHD's format, or the folder the data it was trained on lie in."""
    split: Literal["train", "valid", "test"] = "valid"
    """Part of the data, unless a file is given."""
    random: bool = False
    """Run random spikes in place of recordings; what a program does that does not say what it was trained on."""
    recordings: Annotated[int, arg(metavar="N"), COUNT] = 20
    """How many to run at most."""
    python: Annotated[Path, arg(metavar="PROGRAM", help_behavior_hint="(default: the one that runs this)")] = Path(
        sys.executable
    )
    """Interpreter of the environment in which the consumer is installed."""
    trust: bool = False
    """Run code in the folder (run.py, run.c) that is not what snnsim writes for this network."""
    json: bool = False
    """Print one JSON object for each consumer."""

    def __call__(self) -> None:
        """Verify."""
        from snnsim import export, verification
        from snnsim.experiment import exports

        target = export.targets.of(self.path)
        program = export.read(target, self.path)
        data = None if self.random else exports.Data(self.data, self.split)
        events, label = exports.recordings(program, data, self.recordings)
        readers = verification.readers(target, export.TARGETS[target].variant(self.path), asked=self.consumer)
        missing = []
        for name in readers:
            try:
                report = verification.verify(
                    self.path, program, events, consumer=name, python=str(self.python), trust=self.trust
                )
            except ImportError as error:
                missing.append(str(error))
                continue
            print(json.dumps(exports.facts(report, label)) if self.json else "\n".join(_compared(report, label)))
        # who is not installed is told; it is an error where nobody is
        print("\n".join(missing), end="\n" if missing else "", file=sys.stderr)
        if len(missing) == len(readers):
            sys.exit(1)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _program(source: Path) -> "Program":
    from snnsim.experiment import programs
    from snnsim.program import Program

    return programs.freeze(source) if source.is_dir() else Program.load(source)


def _show(violations: list[Any], to: str) -> None:
    if not violations:
        print(f"{to}: no design rule is broken")
        return
    print("\n".join(map(str, violations)))
    sys.exit(1)


def _compared(report: "Report", label: Any) -> list[str]:
    from snnsim.experiment import exports

    lines = [f"{report.consumer} {report.version}, {report.recordings} recordings:"]
    for layer in report.layers:
        lines.append(
            f"  {layer.name}: {layer.spikes_equal:,} of {layer.spikes_total:,} spikes equal, "
            f"{layer.cells_equal:,} of {layer.cells_total:,} cells"
        )
    if report.left_out:
        lines.append(
            f"  it takes one spike of a channel in a step: {report.left_out:,} input spikes are left out, for both sides"
        )
    if report.differences:
        margins = [each.margin for each in report.differences]
        lines.append(
            f"  {len(margins)} recordings differ, first where a membrane is {min(margins):.1e} to {max(margins):.1e} of "
            "a threshold away from it"
        )
    known = exports.facts(report, label)
    if "accuracy" in known:
        lines.append(f"  {known['accuracy']:.2%} correct there, {known['our_accuracy']:.2%} here")
    return lines
