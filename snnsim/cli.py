"""The commands: parse, call one function, print.

What a command calls is imported when it is called: torch takes seconds, and help should not.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, UseAppendAction, arg, subcommand

from snnsim.config import parse_assignment
from snnsim.training.interrupt import Stopped

if TYPE_CHECKING:
    from snnsim.experiment import sources

# what is not given on the command line stays as the preset or the config file has it
_FROM_CONFIG = "(default: as configured)"
Number = Annotated[int | None, arg(metavar="N", help_behavior_hint=_FROM_CONFIG)]
Rate = Annotated[float | None, arg(metavar="RATE", help_behavior_hint=_FROM_CONFIG)]
Folder = Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")]
Output = Annotated[Path | None, arg(aliases=("-o",), metavar="FILE", help_behavior_hint="")]
DataPath = Annotated[str | None, arg(metavar="FOLDER", help_behavior_hint="(default: ./datasets or the cache)")]
RunFolder = Annotated[Positional[Path], arg(metavar="RUN")]
Device = Annotated[str, arg(metavar="auto|cpu|cuda|cuda:N")]


@dataclass(frozen=True)
class Train:
    """Train a network, evaluate it after every epoch on validation data, and draw what it learned.

    - snnsim train digits -- made on this machine, a few minutes
    - snnsim train shd --data-path FOLDER -- the recipe of DCLS-Delays on the Spiking Heidelberg Digits
    - snnsim train shd-no-delays --epochs 50 -- an ablation
    - snnsim train digits --set network.tau_ms=20 -- any value of the config
    - snnsim train runs/digits-20260131-120000 --resume -- go on with a run that was stopped
    """

    target: Annotated[Positional[str], arg(metavar="PRESET|CONFIG.toml|RUN")]
    """A preset: digits, motifs, shd, ssc, or one of these with -no-delays, -fixed-delays, -constant-sigma or -sparse; a config file; or a run, whose config is taken."""
    data_path: DataPath = None
    """Where the files of SHD or SSC are, .h5 or .h5.gz, .h5.zip, .h5.xz; a missing or empty folder is filled by a download."""
    epochs: Number = None
    """How often all recordings are seen."""
    batch_size: Number = None
    """Recordings per batch, over all processes."""
    lr: Rate = None
    """Highest learning rate of the weights."""
    output_dir: Folder = None
    """Folder of the run (default: runs/PRESET-DATE-TIME)."""
    resume: Annotated[str | None, arg(metavar="[RUN]", help_behavior_hint="")] = None
    """Go on with a run that was stopped, to the same result: the one named here, or else the target or --output-dir, or the preset's newest."""
    seed: Number = None
    """Seed of the initial parameters, the order of the recordings and dropout."""
    device: Device = "auto"
    """Where to train; auto is a GPU if there is one."""
    set_values: Annotated[UseAppendAction[tuple[str, ...]], arg(name="set", metavar="SECTION.KEY=VALUE")] = ()
    """Any other value of the config, such as network.taps=2."""

    def __call__(self) -> None:
        """Train."""
        from snnsim import experiment

        named = {
            "data.path": self.data_path,
            "training.epochs": self.epochs,
            "training.batch_size": self.batch_size,
            "training.lr": self.lr,
            "training.seed": self.seed,
        }
        values: dict[str, object] = {name: value for name, value in named.items() if value is not None}
        values |= dict(parse_assignment(text) for text in self.set_values)
        folder = experiment.train(self.target, values, output=self.output_dir, resume=self.resume, device=self.device)
        if int(os.environ.get("RANK", "0")) == 0:
            print(f"done: {folder.path}; next: snnsim evaluate {folder.path} --split test")


@dataclass(frozen=True)
class Evaluate:
    """Print how many recordings a run's best network gets right, with whole delays.

    The interval is the binomial 95 % interval; spikes are per neuron and step. The result is also written into
    the run's folder. Choose between networks by the validation split; the test split is for the final figure.
    """

    run: RunFolder
    """Folder of the run."""
    split: Literal["train", "valid", "test"] = "valid"
    """Part of the data."""
    data_path: DataPath = None
    """Where the data are, if they have moved since training."""
    device: Device = "auto"
    """Where to run."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Evaluate."""
        from snnsim import experiment

        found = experiment.evaluate(self.run, self.split, data_path=self.data_path, device=self.device)
        if self.json:
            print(json.dumps(found))
            return
        low, high = found["ci95"]
        print(
            f"{self.split}: {found['accuracy']:.2%} correct ({found['correct']} of {found['total']}, "
            f"95 % interval {low:.2%} to {high:.2%}), best epoch {found['epoch']}"
        )
        layers = ", ".join(f"hidden {number} {value:.4f}" for number, value in enumerate(found["activity"], 1))
        print(f"spikes per neuron per step: {layers}")


@dataclass(frozen=True)
class Plot:
    """Draw a picture of a run.

    - raster: every layer's spikes over one recording, and how delays gather them at one neuron.
    - delays: their distribution before and after training.
    - curves: loss, accuracy, schedules and activity over the epochs.
    - animation: the raster as a film.
    """

    run: RunFolder
    """Folder of the run."""
    kind: Positional[Literal["raster", "delays", "curves", "animation"]]
    """What to draw."""
    output: Output = None
    """File to write: .png, .svg or .pdf, for an animation .gif or .mp4 (default: in the run's folder)."""
    split: Literal["train", "valid", "test"] = "valid"
    """Where the recording is from."""
    index: int = 0
    """Which recording of the split."""
    data_path: DataPath = None
    """Where the data are, if they have moved since training."""

    def __call__(self) -> None:
        """Draw."""
        from snnsim import experiment

        choice = experiment.Choice(self.split, self.index, self.data_path)
        drawn = experiment.plot(self.run, self.kind, self.output, choice)
        print(drawn if drawn is not None else f"{self.run} has no delays to draw")


@dataclass(frozen=True)
class DataList:
    """List the data sets, and which of them are there."""

    def __call__(self) -> None:
        """List."""
        from snnsim.experiment import sources

        for name, title, state in sources.listing():
            print(f"{name:8s} {title}\n         {state}")


@dataclass(frozen=True)
class _Chosen:
    name: Annotated[Positional[str], arg(metavar="digits|motifs|shd|ssc")]
    """The data set."""
    data_path: DataPath = None
    """Where SHD or SSC are or belong."""
    size: Literal["small", "default", "full"] = "default"
    """How much of the digits."""
    seed: int = 0
    """Seed of digits and motifs."""

    def choice(self) -> "sources.Choice":
        from snnsim.experiment import sources

        return sources.Choice(self.name, self.data_path, self.size, self.seed)


@dataclass(frozen=True)
class DataInfo(_Chosen):
    """Print what a data set is: classes, recordings, size, licence, citation, how to get it, where it lies."""

    def __call__(self) -> None:
        """Describe."""
        from snnsim.experiment import sources

        for what, value in sources.describe(self.choice()):
            print(f"{what:11s} {value}")


@dataclass(frozen=True)
class DataMake(_Chosen):
    """Make digits or motifs, or download shd or ssc, unless they are there; print the files."""

    def __call__(self) -> None:
        """Make."""
        from snnsim.experiment import sources

        for split, path in sources.make(self.choice()).items():
            print(f"{split:6s} {path}")


@dataclass(frozen=True)
class DataWhere(_Chosen):
    """Print the folder where a data set lies or would lie."""

    def __call__(self) -> None:
        """Print."""
        from snnsim.experiment import sources

        print(sources.folder(self.choice()))


@dataclass(frozen=True)
class DataEncode:
    """Turn audio into spikes with the inner-ear model of SHD, as a file in SHD's format.

    Takes WAV, FLAC or OGG files, and folders of them; the folder a recording lies in is its class, and the names
    of the Heidelberg Digits are understood. About 0.2 s per second of audio on one core.
    """

    audio: Annotated[Positional[tuple[Path, ...]], arg(metavar="AUDIO...")]
    """Files and folders."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FILE.h5")]
    """The file to write, such as mine_train.h5."""
    seed: int = 0
    """Seed of the random release of transmitter."""
    workers: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: one per core)")] = None
    """How many work side by side."""

    def __call__(self) -> None:
        """Encode."""
        from snnsim.experiment import sources

        made = sources.encode_audio(self.audio, self.output, seed=self.seed, workers=self.workers)
        print(f"{self.output}: {made.recordings} recordings, {made.spikes:,} spikes, {len(made.classes)} classes")


Data = (
    Annotated[DataList, subcommand("list")]
    | Annotated[DataInfo, subcommand("info")]
    | Annotated[DataMake, subcommand("make")]
    | Annotated[DataWhere, subcommand("path")]
    | Annotated[DataEncode, subcommand("encode")]
)


@dataclass(frozen=True)
class DataCommand:
    """See, make, download and encode data sets."""

    command: Data

    def __call__(self) -> None:
        """Run the chosen command."""
        self.command()


Command = (
    Annotated[Train, subcommand("train")]
    | Annotated[Evaluate, subcommand("evaluate")]
    | Annotated[Plot, subcommand("plot")]
    | Annotated[DataCommand, subcommand("data")]
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command that the arguments name."""
    given = _resume_alone(sys.argv[1:] if arguments is None else arguments)
    command = tyro.cli(
        Command,
        prog="snnsim",
        description="Train spiking networks with learnable delays, and see what they learned.",
        args=given,
        config=(OmitArgPrefixes, FlagCreatePairsOff),
    )
    try:
        command()
    except Stopped as stop:
        print(f"snnsim: {stop}; go on with --resume", file=sys.stderr)
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get("SNNSIM_TRACEBACK"):
            raise
        print(f"snnsim: {error}", file=sys.stderr)
        sys.exit(2)


def _resume_alone(arguments: list[str]) -> list[str]:
    """Give `--resume` its value "auto" where it stands without one."""
    given = list(arguments)
    for index, word in enumerate(given):
        alone = index + 1 == len(given) or given[index + 1].startswith("-")
        if word == "--resume" and alone:
            given[index] = "--resume=auto"
    return given
