"""The commands of programs: freeze a run, look at the file, run it on recordings."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import COUNT, SEED, THREADS, MovedData, RunFolder
from snnsim.units import to_steps

ProgramFile = Annotated[Positional[Path], arg(metavar="FILE")]
NewProgram = Annotated[Path, arg(aliases=("-o",), metavar="FILE")]
Recordings = Annotated[str | None, arg(metavar="FILE.h5|FOLDER", help_behavior_hint="(default: as in training)")]


@dataclass(frozen=True)
class Freeze:
    """Write a run's best network as a program: one file of arrays with whole delays, to run without torch.

    - snnsim freeze runs/digits-... -o digits.snn
    """

    run: RunFolder
    """Folder of the run."""
    output: NewProgram
    """The file to write."""
    data_path: MovedData = None
    """Where the data are, if they have moved since training; their classes get their names from there."""

    def __call__(self) -> None:
        """Freeze."""
        from snnsim.experiment import programs
        from snnsim.program.summary import facts

        program = programs.freeze(self.run, data_path=self.data_path)
        program.save(self.output)
        known = facts(program)
        print(f"{self.output}: {known['neurons']:,} neurons, {known['synapses']:,} synapses")


@dataclass(frozen=True)
class Info:
    """Print what a program is made of: populations, delays, sparsity, memory, operations per inference.

    - snnsim info digits.snn --steps 80 --activity 0.03
    - snnsim info digits-int8.snn --chip loihi1

    An inference updates every neuron in every step; its synaptic operations are the spikes that reach a synapse.
    """

    file: ProgramFile
    """A file that `snnsim freeze` or `snnsim quantize` wrote."""
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: one second)"), COUNT] = None
    """Steps of the recording that an inference is of; the program's extra steps are added."""
    activity: Annotated[float, arg(metavar="SHARE")] = 0.1
    """Spikes per channel or neuron and step; those of recordings are printed by `snnsim simulate`."""
    chip: Annotated[
        Literal["loihi1", "loihi2", "spinnaker", "xylo", "c"] | None,
        arg(metavar="CHIP", help_behavior_hint="(default: none)"),
    ] = None
    """Also print what it takes of a chip: cores, memory, delay slots, energy of an inference, and where that is from."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Describe."""
        from snnsim.export.budget import budget
        from snnsim.program import Program
        from snnsim.program.summary import facts, inference

        program = Program.load(self.file)
        steps = round(to_steps(1000.0, program.time_step_ms)) or 1 if self.steps is None else self.steps
        known = facts(program) | {"inference": inference(program, steps=steps, activity=self.activity)}
        if self.chip is not None:
            known["budget"] = budget(program, self.chip, known["inference"])
        if self.json:
            print(json.dumps(known | {"provenance": program.provenance}))
            return
        print("\n".join(_described(known)))
        print(
            "\n".join(f"  {name.replace('_', ' ')}: {_shown(value)}" for name, value in known.get("budget", {}).items())
        )


@dataclass(frozen=True)
class Simulate:
    """Run a program on recordings, spike by spike, and print how much and how fast; without torch's arithmetic.

    - snnsim simulate digits.snn --threads 1
    - snnsim simulate shd.snn --data shd_test.h5 --precision float32 --json

    An event is a spike at a synapse. The energy is what a chip's published figure makes of the synaptic operations.
    """

    file: ProgramFile
    """The program."""
    data: Recordings = None
    """A file in SHD's format, or the folder that the data it was trained on lie in."""
    split: Literal["train", "valid", "test"] = "test"
    """Part of the data, unless a file is given."""
    engine: Literal["clock_driven", "event_driven"] = "clock_driven"
    """clock computes every neuron in every step, touched those that spikes reach: for large, sparse, quiet networks."""
    precision: Literal["float64", "float32"] = "float64"
    """Arithmetic, unless the program is in integers."""
    threads: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: one per core)"), THREADS] = None
    """Recordings side by side; the result does not depend on it."""
    seed: Annotated[int | None, arg(metavar="N|None"), SEED] = 0
    """Of what neurons that fire by chance draw, for every recording by its number; None: they fire where that is likely."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Run."""
        from snnsim.experiment import programs
        from snnsim.program import Program

        program = Program.load(self.file)
        given = programs.recordings(program, self.data, self.split)
        machine = programs.Machine(self.engine, self.precision, self.threads, self.seed)
        found = programs.simulate(program, given, machine)
        print(json.dumps(found) if self.json else "\n".join(_ran(found)))


def _described(known: dict[str, Any]) -> list[str]:
    arithmetic = known["arithmetic"]
    if not isinstance(arithmetic, str):
        arithmetic = ", ".join(f"{name} {value}" for name, value in arithmetic.items())
    lines = [
        f"{known['channels']} channels, {known['neurons']:,} neurons, {known['synapses']:,} synapses, "
        f"step {known['time_step_ms']:g} ms, {known['extra_steps']} extra steps",
        f"arithmetic: {arithmetic}; decision: {known['decision']}; classes: {known['classes']}",
    ]
    for part in known["populations"]:
        lines.append(f"  {part['name']}: {part['neurons']:,} neurons ({part['model']}), decay {_span(part['decay'])}")
    for edge in known["edges"]:
        lines.append(
            f"  {edge['source']} -> {edge['target']}: {edge['synapses']:,} synapses, delays {_span(edge['delays'])} "
            f"steps, sparsity {edge['sparsity']:.1%}, {edge['fan_out']:.1f} synaptic operations per spike"
        )
    one = known["inference"]
    lines.append(
        f"an inference of {one['steps']:,} steps and {one['extra_steps']} extra ones: {one['neuron_updates']:,} neuron "
        f"updates and {one['synaptic_operations']:,} synaptic operations at {one['activity']:g} spikes per source and step"
        f" ({one['most_synaptic_operations']:,} if all fire in every step)"
    )
    lines.append(
        f"memory: {known['bytes'] / 1e3:,.0f} kB as arrays, {known['stored_bytes'] / 1e3:,.0f} kB for weights and "
        "delays on a chip"
    )
    return [*lines, f"digest: {known['digest'][:16]}"]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    return "unknown" if value is None else f"{value:,.0f}" if isinstance(value, float) else str(value)


def _span(ends: list[float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}" if ends else "none"


def _ran(found: dict[str, Any]) -> list[str]:
    lines = [
        f"{found['recordings']:,} recordings in {found['seconds']:.3f} s ({found['recordings_per_second']:,.0f} a "
        f"second), engine {found['engine']}, {found['precision']}, {found['threads']} threads",
        f"{found['synaptic_events']:,} synaptic events, {found['events_per_second'] / 1e9:.2f} thousand million a second",
        "spikes per neuron per step: " + ", ".join(f"{name} {value:.4f}" for name, value in found["activity"].items()),
    ]
    if "accuracy" in found:
        low, high = found["ci95"]
        lines.append(
            f"{found['accuracy']:.2%} correct ({found['correct']} of {found['total']}, 95 % interval {low:.2%} to "
            f"{high:.2%})"
        )
    lines.append("energy of a recording's synaptic operations, estimated:")
    for name, value in found["nanojoules_per_recording"].items():
        chip = found["energy_assumes"][name]
        lines.append(f"  {name} {value:,.0f} nJ: {chip['picojoules']:g} pJ each, {chip['assumes']} ({chip['source']})")
    return lines
