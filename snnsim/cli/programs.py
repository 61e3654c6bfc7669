"""The commands of programs: freeze, info, simulate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import COUNT, SEED, THREADS, MovedData, RunFolder
from snnsim.cli.printing import json_text
from snnsim.units import to_steps

ProgramFile = Annotated[Positional[Path], arg(metavar="FILE")]
NewProgram = Annotated[Path, arg(aliases=("-o",), metavar="FILE")]
Recordings = Annotated[str | None, arg(metavar="FILE|FOLDER", help_behavior_hint="(default: as in training)")]


@dataclass(frozen=True)
class Freeze:
    """Write the best network of a run as a program: one file of arrays with integer delays, which runs without torch.

    - snnsim freeze runs/digits-... -o digits.snn
    """

    run: RunFolder
    """Folder of the run."""
    output: NewProgram
    """The file to write."""
    data_path: MovedData = None
    """File or folder of the data, if they have moved since training; the program takes the names of the classes from them."""

    def __call__(self) -> None:
        """Freeze."""
        from snnsim.experiment import programs
        from snnsim.program.summary import facts

        program = programs.freeze(self.run, data_path=self.data_path)
        program.save(self.output)
        summary = facts(program)
        print(f"{self.output}: {summary['neurons']:,} neurons, {summary['synapses']:,} synapses")


@dataclass(frozen=True)
class Info:
    """Print populations, delays, sparsity, memory and operations per inference of a program.

    - snnsim info digits.snn --steps 80 --activity 0.03
    - snnsim info digits-int8.snn --chip loihi1

    An inference updates every neuron in every step; its synaptic operations are the spikes that reach a synapse.
    """

    file: ProgramFile
    """A file of `snnsim freeze`, `snnsim quantize` or `snnsim prune`."""
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: one second)"), COUNT] = None
    """Steps of the recording of an inference; the extra steps of the program are added."""
    activity: Annotated[float, arg(metavar="SHARE")] = 0.1
    """Spikes per channel or neuron in a step; `snnsim simulate` prints the activity of recordings."""
    chip: Annotated[
        Literal["loihi1", "loihi2", "spinnaker", "xylo", "c"] | None,
        arg(metavar="CHIP", help_behavior_hint="(default: none)"),
    ] = None
    """Also print the needs of the program on a chip: cores, memory, delay slots and energy of an inference, with their sources."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Describe."""
        from snnsim.export.budget import budget
        from snnsim.program import Program
        from snnsim.program.summary import facts, inference

        program = Program.load(self.file)
        steps = round(to_steps(1000.0, program.time_step_ms)) or 1 if self.steps is None else self.steps
        summary = facts(program) | {"inference": inference(program, steps=steps, activity=self.activity)}
        if self.chip is not None:
            summary["budget"] = budget(program, self.chip, summary["inference"])
        if self.json:
            print(json_text(summary | {"provenance": program.provenance}))
            return
        budgeted = summary.get("budget", {})
        lines = [f"  {name.replace('_', ' ')}: {_shown(value)}" for name, value in budgeted.items()]
        print("\n".join([*_described(summary), *lines]))


@dataclass(frozen=True)
class Simulate:
    """Run a program on recordings, and print metrics, activity, speed and estimated energy; no torch is needed.

    - snnsim simulate digits.snn --threads 1
    - snnsim simulate shd.snn --data shd_test.h5 --precision float32 --json

    A synaptic event is a spike at a synapse. The energy is the number of synaptic operations times the published energy of one operation on each chip.
    """

    file: ProgramFile
    """The program."""
    data: Recordings = None
    """A file in SHD's format, a folder of the files of the training's data set, or a file or folder of the kind of the training's data."""
    split: Literal["train", "valid", "test"] = "test"
    """Part of the data; a file has no parts."""
    engine: Literal["clock_driven", "event_driven"] = "clock_driven"
    """clock_driven updates every neuron in every step; event_driven updates only neurons that a spike reaches, which is faster for large, sparse networks with few spikes."""
    precision: Literal["float64", "float32"] = "float64"
    """Arithmetic of a program in floats; a program in integers has its own."""
    threads: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: one per core)"), THREADS] = None
    """Number of recordings that run in parallel; the result does not depend on it."""
    seed: Annotated[int | None, arg(metavar="N|None"), SEED] = 0
    """Seed of stochastic neurons; None lets them fire where a spike has a probability of at least one half."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Run."""
        from snnsim.experiment import programs
        from snnsim.program import Program

        program = Program.load(self.file)
        recordings = programs.recordings(program, self.data, self.split)
        machine = programs.Machine(self.engine, self.precision, self.threads, self.seed)
        result = programs.simulate(program, recordings, machine)
        print(json_text(result) if self.json else "\n".join(_lines(result)))


def _described(summary: dict[str, Any]) -> list[str]:
    arithmetic = summary["arithmetic"]
    if not isinstance(arithmetic, str):
        arithmetic = ", ".join(f"{name} {value}" for name, value in arithmetic.items())
    lines = [
        f"{summary['channels']} channels, {summary['neurons']:,} neurons, {summary['synapses']:,} synapses, "
        f"step {summary['time_step_ms']:g} ms, {summary['extra_steps']} extra steps",
        f"arithmetic: {arithmetic}",
    ]
    for readout in summary["readouts"]:
        task = readout.get("task", "class")
        noun = "classes" if task.endswith("class") else "targets"
        lines.append(
            f"  output {readout['population']}: task {task}, decision {readout['decision'] or 'none'}, "
            f"{len(readout['classes'])} named {noun}"
        )
    for population in summary["populations"]:
        lines.append(
            f"  {population['name']}: {population['neurons']:,} neurons ({population['model']}), "
            f"decay {_span(population['decay'])}"
        )
    for edge in summary["edges"]:
        shared = f" of a kernel of {edge['kernel_weights']:,} weights" if "kernel_weights" in edge else ""
        lines.append(
            f"  {edge['source']} -> {edge['target']}: {edge['synapses']:,} synapses{shared}, delays {_span(edge['delays'])} "
            f"steps, sparsity {edge['sparsity']:.1%}, {edge['fan_out']:.1f} synaptic operations per spike"
        )
    inference = summary["inference"]
    lines.append(
        f"an inference of {inference['steps']:,} steps and {inference['extra_steps']} extra ones: {inference['neuron_updates']:,} neuron "
        f"updates and {inference['synaptic_operations']:,} synaptic operations at {inference['activity']:g} spikes per source and step"
        f" ({inference['most_synaptic_operations']:,} if all fire in every step)"
    )
    lines.append(
        f"memory: {summary['bytes'] / 1e3:,.1f} kB as arrays, {summary['stored_bytes'] / 1e3:,.1f} kB for weights and "
        "delays on a chip"
    )
    return [*lines, f"digest: {summary['digest'][:16]}"]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    return "unknown" if value is None else f"{value:,.0f}" if isinstance(value, float) else str(value)


def _span(ends: list[float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}" if ends else "none"


def _lines(result: dict[str, Any]) -> list[str]:
    lines = [
        f"{result['recordings']:,} recordings in {result['seconds']:.3f} s ({result['recordings_per_second']:,.0f} a "
        f"second), engine {result['engine']}, {result['precision']}, {result['threads']} threads",
        f"{result['synaptic_events']:,} synaptic events, {result['events_per_second'] / 1e6:,.1f} million a second",
        "spikes per neuron per step: " + ", ".join(f"{name} {value:.4f}" for name, value in result["activity"].items()),
    ]
    if "summary" in result:
        lines.append(result["summary"])
    lines.append("energy of a recording's synaptic operations, estimated:")
    for name, value in result["nanojoules_per_recording"].items():
        chip = result["energy_assumes"][name]
        lines.append(f"  {name} {value:,.0f} nJ: {chip['picojoules']:g} pJ each, {chip['assumes']} ({chip['source']})")
    return lines
