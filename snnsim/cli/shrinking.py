"""The commands that make a program smaller: quantize and prune."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import NATURAL
from snnsim.cli.printing import json_text
from snnsim.cli.programs import NewProgram, Recordings
from snnsim.schema import Range

if TYPE_CHECKING:
    from snnsim.program import Program

Source = Annotated[Positional[Path], arg(metavar="FILE")]


@dataclass(frozen=True)
class _Shrinking:
    file: Source
    """The program."""
    output: NewProgram
    """The file to write."""
    data: Recordings = None
    """Recordings on which the programs before and after are compared: a file in SHD's format, or a file or folder of the kind of the training's data."""
    split: Literal["train", "valid", "test", "none"] = "valid"
    """Part of the data for the comparison; none skips the comparison, and needs no data."""
    json: bool = False
    """Print one JSON object."""

    def _finish(self, program: "Program", changed: "Program", kind: str) -> None:
        from snnsim.experiment import programs

        # before the program is written, as the data may be missing
        recordings = None if self.split == "none" else programs.recordings(program, self.data, self.split)
        changed.save(self.output)
        report: dict[str, Any] = {"file": str(self.output), kind: changed.provenance[kind]}
        if recordings is not None:
            report |= programs.compared(program, changed, recordings)
        print(json_text(report) if self.json else "\n".join(_lines(report, kind, self.split)))


@dataclass(frozen=True)
class Quantize(_Shrinking):
    """Write a program in integers: weights and delays of few bits, and membranes of a fixed number of bits that saturate.

    The program runs in the same simulator, in integer arithmetic alone, with the same result on every machine.

    - snnsim quantize digits.snn --weights int8 --delays 6bit -o digits-int8.snn
    """

    weights: Annotated[str, arg(metavar="int8|int4|ternary|intN|none")] = "int8"
    """Type of the weights; none keeps weights, decays and thresholds in floats, and quantizes the delays only."""
    delays: Annotated[str | None, arg(metavar="Nbit[:STEPS]", help_behavior_hint="(default: as they are)")] = None
    """Bits and resolution of the delays: 6bit is 0 to 63 steps, 5bit:2 is every second step from 0 to 62."""
    scale: Literal["channel", "layer"] = "channel"
    """Scope of a scale of the weights. channel: each neuron has one; layer: each population has one."""
    word_bits: Annotated[int, arg(metavar="N")] = 24
    """Bits of a membrane, which saturates at its limits."""
    decay_bits: Annotated[int, arg(metavar="N")] = 12
    """Bits of the decay, a factor in fixed point."""
    weight_shift: Annotated[int, arg(metavar="N")] = 6
    """Additional fractional bits of a membrane: weights are shifted left by this number."""

    def __call__(self) -> None:
        """Quantize."""
        from snnsim.program import Program
        from snnsim.quantization import Scheme, quantize

        weights = None if self.weights == "none" else self.weights
        scheme = Scheme(weights, self.delays, self.scale, self.word_bits, self.decay_bits, self.weight_shift)
        program = Program.load(self.file)
        self._finish(program, quantize(program, scheme), "quantization")


@dataclass(frozen=True)
class Prune(_Shrinking):
    """Write a program without its weakest synapses, or without synapses outside of a range of delays.

    - snnsim prune digits.snn --share 0.5 --longest-delay 15 -o digits-half.snn
    """

    share: Annotated[float, arg(metavar="SHARE"), Range(at_least=0, at_most=1)] = 0.0
    """Share of the synapses of each edge to remove, those with the smallest weights."""
    shortest_delay: Annotated[int, arg(metavar="N"), NATURAL] = 0
    """Remove synapses with shorter delays, in steps."""
    longest_delay: Annotated[
        int | None, arg(metavar="N", help_behavior_hint="(default: the longest there is)"), NATURAL
    ] = None
    """Remove synapses with longer delays, in steps."""

    def __call__(self) -> None:
        """Prune."""
        from snnsim.program import Program
        from snnsim.quantization import prune

        program = Program.load(self.file)
        longest = program.longest_delay() if self.longest_delay is None else self.longest_delay
        changed = prune(program, share=self.share, delays=(self.shortest_delay, longest))
        self._finish(program, changed, "pruning")


def _lines(report: dict[str, Any], kind: str, split: str) -> list[str]:
    lines = [report["file"]]
    for change in (*report[kind]["edges"], *report[kind].get("populations", ())):
        (_, of), *counts = change.items()
        lines.append(f"  {of}: " + ", ".join(f"{name.replace('_', ' ')} {value:.6g}" for name, value in counts))
    if "after" not in report:
        return lines
    from snnsim.experiment import scoring

    before, after = report["before"], report["after"]
    return [
        *lines,
        f"{split}: {after['summary']}; {scoring.alike(report, report['recordings'])}",
        f"{split} before: {before['summary']}",
        f"weights and delays: {after['stored_bytes'] / 1e3:,.1f} kB, {before['stored_bytes'] / 1e3:,.1f} kB before",
    ]
