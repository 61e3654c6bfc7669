"""The commands of data sets: list, info, make, path, encode."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg, subcommand

from snnsim.cli.options import THREADS, DataPath, Seed

if TYPE_CHECKING:
    from snnsim.experiment import datasets


@dataclass(frozen=True)
class DataList:
    """List the data sets, and whether each is on this machine."""

    def __call__(self) -> None:
        """List."""
        from snnsim.experiment import datasets

        for name, title, state in datasets.listing():
            print(f"{name:12s} {title}\n{'':12s} {state}")


@dataclass(frozen=True)
class _Chosen:
    name: Annotated[Positional[str], arg(metavar="digits|motifs|motifs-short|images|patterns|shd|ssc")]
    """The data set."""
    data_path: DataPath = None
    """Folder of SHD or SSC."""
    size: Literal["small", "default", "full"] = "default"
    """Number of recordings of digits."""
    seed: Seed = 0
    """Seed of a generated data set."""

    def choice(self) -> "datasets.Choice":
        from snnsim.experiment import datasets

        return datasets.Choice(self.name, self.data_path, self.size, self.seed)


@dataclass(frozen=True)
class DataInfo(_Chosen):
    """Print classes, number of recordings, size, license, citation, origin and folder of a data set."""

    def __call__(self) -> None:
        """Describe."""
        from snnsim.experiment import datasets

        for name, value in datasets.describe(self.choice()):
            print(f"{name:11s} {value}")


@dataclass(frozen=True)
class DataMake(_Chosen):
    """Generate digits, motifs, motifs-short, images or patterns, or download shd or ssc, unless the files exist; print the files."""

    def __call__(self) -> None:
        """Make."""
        from snnsim.experiment import datasets

        for split, path in datasets.make(self.choice()).items():
            print(f"{split:6s} {path}")


@dataclass(frozen=True)
class DataWhere(_Chosen):
    """Print the folder of a data set, whether it exists or not."""

    def __call__(self) -> None:
        """Print."""
        from snnsim.experiment import datasets

        print(datasets.folder(self.choice()))


@dataclass(frozen=True)
class DataEncode:
    """Convert audio to spikes by the inner-ear model of SHD, and write a file in SHD's format.

    The input is WAV, FLAC or OGG files, or folders of them. The class of a recording is its file name in the scheme of the Heidelberg Digits, or else the name of its folder. Encoding takes about 0.2 s per second of audio on one core.
    """

    audio: Annotated[Positional[tuple[Path, ...]], arg(metavar="AUDIO...", help_behavior_hint="(required)")]
    """Files and folders."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FILE.h5")]
    """The file to write, such as mine_train.h5."""
    seed: Seed = 0
    """Seed of the random release of neurotransmitter."""
    workers: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: one per core)"), THREADS] = None
    """Number of parallel processes."""

    def __call__(self) -> None:
        """Encode."""
        from snnsim.experiment import datasets

        encoded = datasets.encode_audio(self.audio, self.output, seed=self.seed, workers=self.workers)
        print(
            f"{self.output}: {encoded.recordings} recordings, {encoded.spikes:,} spikes, {len(encoded.classes)} classes"
        )


Data = (
    Annotated[DataList, subcommand("list")]
    | Annotated[DataInfo, subcommand("info")]
    | Annotated[DataMake, subcommand("make")]
    | Annotated[DataWhere, subcommand("path")]
    | Annotated[DataEncode, subcommand("encode")]
)


@dataclass(frozen=True)
class DataCommand:
    """List, describe, generate and download data sets, and encode audio."""

    command: Data

    def __call__(self) -> None:
        """Run the chosen command."""
        self.command()
