"""The command listen."""

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from snnsim import files
from snnsim.cli.options import SEED, Output
from snnsim.cli.printing import json_text
from snnsim.schema import Range

if TYPE_CHECKING:
    import numpy as np

    from snnsim.listening import Listener
    from snnsim.listening.session import Moment
    from snnsim.program import Program

_PIECE = Range(at_least=1.0, at_most=10_000.0)
_ROOM = 44
"""Characters of a line beside the rasters."""


@dataclass(frozen=True)
class Listen:
    """Listen to a spoken word: sound through the inner-ear model into the simulator, piece by piece, with a live raster.

    - snnsim listen --file word.wav -- the digits model of the package: 20 spoken digits, English and German
    - snnsim listen my.snn --file word.flac --json
    - snnsim listen -- a microphone; needs `pip install 'snnsim[listen]'`

    Each line is a piece of sound: spikes of the input and of each layer, the class with the highest score so far, the time of the computation, and the slack to real time. Spikes and decision are those of the complete recording at once. The level of a file is that of all its samples, as in training; a microphone measures it in the first three seconds, in which somebody must speak.
    """

    model: Annotated[Positional[str], arg(metavar="PROGRAM")] = "digits-int8"
    """A program on 700 channels of the inner-ear model or a divisor of them; digits-int8 comes with the package."""
    file: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="(default: the microphone)")] = None
    """A WAV, FLAC or OGG file."""
    piece_ms: Annotated[float, arg(metavar="MS"), _PIECE] = 50.0
    """Duration of a piece of sound."""
    real_time: bool = False
    """Let the pieces of a file come as slowly as those of a microphone."""
    check: bool = False
    """Compare every spike, and the scores, with those of the complete file at once."""
    spikes: Output = None
    """Also write the input spikes of the file, which `run` of a folder of `snnsim export --to c` reads from its standard input."""
    seed: Annotated[int, arg(metavar="N"), SEED] = 0
    """Seed of the inner-ear model."""
    device: Annotated[str | None, arg(metavar="NAME|N", help_behavior_hint="(default: that of the system)")] = None
    """Microphone, as `python -m sounddevice` lists them."""
    json: bool = False
    """Print one JSON object for each recording."""

    def __call__(self) -> None:
        """Listen.

        Raises:
            ValueError: If `--check` or `--spikes` has no file.
        """
        from snnsim import listening
        from snnsim.listening import session, sound

        if self.file is None and (self.check or self.spikes is not None):
            raise ValueError("--check and --spikes are for a complete file; name it by --file")
        program = listening.load(self.model)
        if self.file is None:
            self._microphone(program)
            return
        source = sound.of_file(self.file)
        listener = listening.Listener(program, source.rate, source.level, seed=self.seed)
        session.warm_up(listener)
        summary = self._heard(listener, source.pieces(max(round(self.piece_ms / 1000 * source.rate), 1)))
        if self.spikes is not None:
            with files.written_whole(self.spikes) as partial:
                partial.write_bytes(session.c_input(summary))
        if self.check:
            spikes = session.compared(listener, source.samples, summary)
            print(f"all {spikes:,} spikes and the scores equal those of the complete recording at once")

    def _heard(self, listener: "Listener", pieces: "Iterable[np.ndarray]") -> Any:
        """Print a recording live, and return its summary."""
        from snnsim.listening import live_raster, session

        width = max(shutil.get_terminal_size((120, 24)).columns - _ROOM, 8)
        if not self.json:
            print(f"{'s':>5} |{live_raster.header(listener.program, width)}| decision, time and slack in ms")
        moments = []
        for moment in session.listen(listener, pieces):
            moments.append(moment)
            if not self.json:
                print(_line(listener, moment, width), flush=True)
            if self.real_time:
                time.sleep(max(moment.slack_s, 0.0))
        summary = session.Summary(tuple(moments))
        facts = session.facts(listener, summary)
        print(json_text(facts) if self.json else _result(facts))
        return summary

    def _microphone(self, program: "Program") -> None:
        """Listen to utterances until Ctrl-C."""
        from snnsim import listening
        from snnsim.listening import session, sound

        pieces = sound.microphone(self.piece_ms / 1000, self.device)
        if not self.json:
            print("measuring the level: speak for three seconds")
        level = sound.measured_level(pieces, 3.0)
        listener = listening.Listener(program, sound.MICROPHONE_RATE, level, seed=self.seed)
        session.warm_up(listener)
        if not self.json:
            print("listening; Ctrl-C stops")
        for utterance in sound.utterances(pieces, sound.MICROPHONE_RATE, level):
            self._heard(listener, utterance)


def _line(listener: "Listener", moment: "Moment", width: int) -> str:
    from snnsim.listening import live_raster

    heard = moment.heard
    end = (heard.begin + heard.steps) * listener.program.time_step_ms / 1000
    word = listener.classes[int(heard.scores.argmax())] if heard.scores.any() else ""
    slack = "" if moment.last else f" {moment.slack_s * 1000:+6.1f}"
    raster = live_raster.line(listener.program, heard, width)
    return f"{end:5.2f} |{raster}| {word:10.10s} {moment.seconds * 1000:6.1f}{slack}"


def _result(facts: dict[str, Any]) -> str:
    best = ", ".join(f"{name} {score:.3g}" for name, score in facts["best"])
    return (
        f"{facts['class']} (scores: {best})\n"
        f"{facts['sound_s']:.2f} s of sound in {facts['seconds'] * 1000:.1f} ms, {facts['times_real_time']:.1f} times real "
        f"time; slowest piece {facts['least_slack_ms']:+.1f} ms of slack; {facts['synaptic_operations']:,} synaptic operations"
    )
