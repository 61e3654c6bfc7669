"""The commands of targets: export a program, import a file, verify a file in other simulators."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import COUNT, SECONDS
from snnsim.cli.printing import json_text
from snnsim.cli.programs import NewProgram, Recordings

if TYPE_CHECKING:
    from snnsim.export.checks import Violation
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

    A program that breaks design rules of the target is refused, with all violations and remedies at once. Only --fix
    changes the program; it prints each repair with its changes and its cost.
    """

    source: Source
    """A program, or the folder of a run, which is frozen first."""
    to: TargetName
    """The target; the documentation has a page for each: npz, hdf5, nir, sonata, spinnaker, c, loihi1, loihi2, xylo."""
    output: To = None
    """The file or folder to write."""
    encoding: Annotated[str | None, arg(metavar="seq|fan|relay", help_behavior_hint="(nir; default: seq)")] = None
    """Encoding of delays. seq: a Delay node in series with the synapses; fan: parallel branches, each with a Delay node; relay: relay neurons in place of Delay nodes, which every backend runs."""
    dt: Annotated[
        float | None, arg(metavar="SECONDS", help_behavior_hint="(nir; default: the program's step)"), SECONDS
    ] = None
    """Duration of a step in the file; 0.0001 by default for relay, the one step that all backends have."""
    resistance: Annotated[str | None, arg(metavar="euler|one", help_behavior_hint="(nir; default: euler)")] = None
    """The r of neurons: tau / dt, or 1 with larger weights for backends without r; the latter by default for relay."""
    ear: bool = False
    """Of the target c: also write the inner-ear model, and the program `listen`, which hears a WAV on its standard input."""
    check: bool = False
    """Show the violations of design rules, and write nothing."""
    fix: bool = False
    """Apply the repairs of violations, and print them; with --check, write nothing."""
    data: Recordings = None
    """Recordings to measure the cost of repairs with: a file in SHD's format, or a file or folder of the kind of the training's data."""
    split: Literal["train", "valid", "test", "none"] = "valid"
    """Split of the data to measure with; none measures nothing, and needs no data."""

    def __call__(self) -> None:
        """Export."""
        from snnsim import export

        target = export.targets.get_target(self.to)
        program = export.targets.single_synapses(_program(self.source), self.to)
        if self.fix:
            program = self._fixed(program)
        if self.check:
            _show(list(target.violations(program)), self.to)
            return
        path = self.output or _named_after(self.source, target.suffix or f"-{self.to}")
        options = _present(encoding=self.encoding, dt=self.dt, resistance=self.resistance, ear=self._ear(program))
        export.write(program, self.to, path, **options)
        print(f"{path}: {target.title}; {program.size:,} neurons, {program.synapses:,} synapses")

    def _ear(self, program: "Program") -> "dict[str, str] | None":
        """Return the files of the inner-ear model, or None; a target without them refuses the option."""
        from snnsim import export
        from snnsim.listening import in_c

        has_option = "ear" in export.targets.get_target(self.to).options
        return None if not self.ear else in_c.files(program) if has_option else {}

    def _fixed(self, program: "Program") -> "Program":
        from snnsim import export
        from snnsim.experiment import exports

        changed, repairs = export.targets.fixed(program, self.to)
        data = None if self.split == "none" else exports.Data(self.data, self.split)
        costs = exports.costs(program, [repair.program for repair in repairs], data)
        for repair, cost in zip(repairs, costs, strict=True):
            counts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in repair.counts.items())
            print(f"{repair.name}: {counts}{cost}")
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
    """Duration of a step, of a file that has none."""
    reset: Annotated[Literal["value", "subtract"], arg(help_behavior_hint="(nir; default: value)")] = "value"
    """Effect of a spike in graphs of other libraries: sets the membrane to v_reset, or subtracts the threshold."""
    synapse: Annotated[Literal["model", "taps"], arg(help_behavior_hint="(nir; default: model)")] = "model"
    """Exponential synapses in graphs of other libraries: part of the neurons, or taps, which every target takes."""

    def __call__(self) -> None:
        """Import."""
        from snnsim import export

        # readers of other formats do not have the options
        reset = None if self.reset == "value" else self.reset
        options = _present(dt=self.dt, reset=reset, synapse=None if self.synapse == "model" else self.synapse)
        program = export.read(export.targets.target_of(self.source), self.source, **options)
        program.save(self.output)
        print(f"{self.output}: {program.size:,} neurons, {program.synapses:,} synapses")
        for note in program.provenance.get("notes", ()):
            print(f"  {note}")


@dataclass(frozen=True)
class Verify:
    """Run an exported file in other simulators, and compare every spike with those of snnsim.

    - snnsim verify digits.npz
    - snnsim verify digits.npz --backend nest --python ENV/bin/python --json
    - snnsim verify digits.npz --backend nest --threads 4 --processes 8 -- NEST with MPI, as on a cluster

    A backend must be installed; otherwise the message names its packages.
    """

    path: Exported
    """The file or folder of `snnsim export`."""
    backend: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: all that run the file)")] = None
    """The simulator that runs it."""
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
    """Interpreter of the environment in which the backend is installed."""
    trust: bool = False
    """Run code in the folder (run.py, run.c) that is not the code that snnsim writes for this network."""
    threads: Annotated[int, arg(metavar="N"), COUNT] = 1
    """Threads of NEST, in each of its processes."""
    processes: Annotated[int, arg(metavar="N"), COUNT] = 1
    """Processes of a NEST that was built with MPI, each of which has some of the neurons."""
    launcher: Annotated[str, arg(metavar="WORDS")] = "mpirun -n"
    """Command in front of the number of processes; `srun -n` on a cluster with SLURM."""
    json: bool = False
    """Print one JSON object for each backend."""

    def __call__(self) -> None:
        """Verify."""
        from snnsim import export, verification
        from snnsim.experiment import exports

        target = export.targets.target_of(self.path)
        program = export.read(target, self.path)
        data = None if self.random else exports.Data(self.data, self.split)
        events, label = exports.recordings(program, data, self.recordings)
        names = verification.backends_of(target, export.TARGETS[target].variant(self.path), name=self.backend)
        parallel, missing = verification.Parallel(self.threads, self.processes, self.launcher), []
        if self.threads > 1 or self.processes > 1:
            # without any such backend, the first one says so
            names = [name for name in names if verification.BACKENDS[name].parallel] or names[:1]
        for name in names:
            try:
                report = verification.verify(
                    self.path, program, events, backend=name, python=str(self.python), trust=self.trust,
                    parallel=parallel,
                )  # fmt: skip
            except (ImportError, verification.UnsupportedError) as error:
                missing.append(str(error))
                continue
            print(json_text(exports.facts(report, label)) if self.json else "\n".join(_compared(report, label)))
        # a backend that is missing, or cannot run the network, is a note, and an error if all of them are
        print("\n".join(missing), end="\n" if missing else "", file=sys.stderr)
        if len(missing) == len(names):
            sys.exit(1)


def _named_after(source: Path, suffix: str) -> Path:
    """Return the path of an export in the present folder.

    Raises:
        ValueError: If it is the source.
    """
    # a dot in the name of a folder, as in lr-0.01, begins no suffix
    folder = source.resolve()
    path = Path((folder.name if source.is_dir() else source.stem) + suffix)
    if path.resolve() == folder:
        raise ValueError(f"export: {path} is the source; name another file with -o")
    return path


def _present(**options: Any) -> dict[str, Any]:
    """Return the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def _program(source: Path) -> "Program":
    from snnsim.experiment import programs
    from snnsim.program import Program

    return programs.freeze(source) if source.is_dir() else Program.load(source)


def _show(violations: "list[Violation]", to: str) -> None:
    if not violations:
        print(f"{to}: no design rule is broken")
        return
    print("\n".join(map(str, violations)))
    sys.exit(1)


def _compared(report: "Report", label: Any) -> list[str]:
    from snnsim.experiment import exports

    lines = [f"{report.backend} {report.version}, {report.recordings} recordings:"]
    for layer in report.layers:
        lines.append(
            f"  {layer.name}: {layer.spikes_equal:,} of {layer.spikes_total:,} spikes equal, "
            f"{layer.cells_equal:,} of {layer.cells_total:,} cells (a neuron in a step)"
        )
    if report.dropped_spikes:
        lines.append(
            f"  {report.backend} takes one spike per channel and step: {report.dropped_spikes:,} input spikes are left "
            "out, in both simulators"
        )
    if report.differences:
        margins = [each.margin for each in report.differences]
        lines.append(
            f"  {len(margins)} recordings differ; at the first difference, membrane and threshold are {min(margins):.1e} "
            f"to {max(margins):.1e} of the threshold apart"
        )
    facts = exports.facts(report, label)
    if "accuracy" in facts:
        lines.append(f"  accuracy {facts['accuracy']:.2%} in {report.backend}, {facts['our_accuracy']:.2%} in snnsim")
    return lines
