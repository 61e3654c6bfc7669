"""The commands of data sets: list, info, make, path, check, convert, encode."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg, subcommand

from snnsim.cli.options import THREADS, Camera, DataPath, Seed, TimeUnit
from snnsim.data import registry
from snnsim.validation import known

if TYPE_CHECKING:
    from snnsim import config


@dataclass(frozen=True)
class DataList:
    """List the data sets, and whether each is on this machine."""

    def __call__(self) -> None:
        """List."""
        from snnsim.experiment import datasets

        for name, title, state in datasets.listing():
            print(f"{name:12s} {title}\n{'':12s} {state}")


@dataclass(frozen=True)
class _Dataset:
    name: Annotated[Positional[str], arg(metavar="|".join((*registry.NAMES, *registry.SOURCES)))]
    """The data set, or the kind of your data."""
    data_path: DataPath = None
    """Folder of the files of a data set."""
    size: Literal["small", "default", "full"] = "default"
    """Number of recordings of digits."""
    seed: Seed = 0
    """Seed of a generated data set."""

    def data(self) -> "config.Data":
        from snnsim import config

        if registry.source_kind(self.name) is None:
            registry.get_dataset(self.name)
        return config.Data(self.name, self.data_path, self.size, self.seed)


@dataclass(frozen=True)
class DataInfo(_Dataset):
    """Print classes, number of recordings, size, license, citation, origin and folder of a data set."""

    def __call__(self) -> None:
        """Describe."""
        from snnsim.experiment import datasets

        for topic, text in datasets.describe(self.data()):
            print(f"{topic:11s} {text}")


@dataclass(frozen=True)
class DataMake(_Dataset):
    """Generate digits, motifs, motifs-short, images, patterns, motion, motion-full, segments, waves or chaotic, or download shd or ssc, unless the files exist; print the files."""

    def __call__(self) -> None:
        """Make."""
        from snnsim.experiment import datasets

        for split, path in datasets.make(self.data()).items():
            print(f"{split:6s} {path}")


@dataclass(frozen=True)
class DataWhere(_Dataset):
    """Print the folder of a data set, whether it exists or not."""

    def __call__(self) -> None:
        """Print."""
        from snnsim.experiment import datasets

        print(datasets.planned_folder(self.data()))


@dataclass(frozen=True)
class DataCheck:
    """Print what is in your data, and everything that is wrong with them; the exit status is 1 if they cannot be trained on.

    A file .npz or .h5 has events, frames or pictures; other data are IDX files or folders of pictures or audio.
    """

    path: Annotated[Positional[Path], arg(metavar="FILE|FOLDER")]
    """File or folder."""
    kind: Annotated[
        str | None, arg(metavar="|".join(registry.SOURCES), help_behavior_hint="(default: by its content)")
    ] = None
    """Kind of the data."""

    def __call__(self) -> None:
        """Check."""
        from snnsim.experiment import own_data

        if self.kind is not None:
            known(self.kind, registry.SOURCES, "kind of data")
        findings = own_data.check(self.path, self.kind)
        for topic, text in findings.facts:
            print(f"{topic:11s} {text}")
        for text in findings.warnings:
            print(f"warning     {text}")
        for text in findings.errors:
            print(f"error       {text}")
        if findings.errors:
            sys.exit(1)
        print("no error: `snnsim train` takes these data")


@dataclass(frozen=True)
class DataConvert:
    """Convert files of event cameras to files of arrays, which `snnsim train events` takes.

    The source is a folder CLASS/FILE, or Train/CLASS/FILE and Test/CLASS/FILE, of .bin (N-MNIST, N-Caltech101), .dat (Prophesee), .aedat (2, 3 and 4), .mat (ST-MNIST) or .csv files. The output is a file, or a folder if the source has splits.
    """

    source: Annotated[Positional[Path], arg(metavar="FOLDER")]
    """Folder of the files, or one file."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FILE.h5|FOLDER")]
    """The file to write; a folder for a source with splits."""
    sensor: Annotated[
        str | None, arg(metavar="ROWSxCOLUMNS[xPOLARITIES]", help_behavior_hint="(default: of the files)")
    ] = None
    """Shape of the sensor."""
    camera: Camera = None
    """Camera of AEDAT 2 files."""
    time_unit: TimeUnit = None
    """Unit of the times of CSV files."""

    def __call__(self) -> None:
        """Convert."""
        from snnsim.experiment import own_data

        result = own_data.convert(self.source, self.output, sensor=self.sensor, camera=self.camera, unit=self.time_unit)
        for path in result.files.values():
            print(path)
        shape = " x ".join(map(str, result.sensor))
        print(
            f"{result.recordings:,} recordings, {result.events:,} events, {len(result.classes)} classes, sensor {shape}"
        )
        if result.left_out:
            print(f"{result.left_out:,} recordings without an event are left out")


@dataclass(frozen=True)
class DataEncode:
    """Convert audio to spikes by the inner-ear model of SHD, and write a file in SHD's format.

    The input is WAV, FLAC or OGG files, or folders of them. The class of a recording is the name of its folder, or the digit in its file name if that follows the scheme of the Heidelberg Digits. Encoding takes about 0.2 s per second of audio on one core.
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
        counts = f"{encoded.recordings} recordings, {encoded.spikes:,} spikes, {len(encoded.classes)} classes"
        print(f"{self.output}: {counts}")


Data = (
    Annotated[DataList, subcommand("list")]
    | Annotated[DataInfo, subcommand("info")]
    | Annotated[DataMake, subcommand("make")]
    | Annotated[DataWhere, subcommand("path")]
    | Annotated[DataCheck, subcommand("check")]
    | Annotated[DataConvert, subcommand("convert")]
    | Annotated[DataEncode, subcommand("encode")]
)


@dataclass(frozen=True)
class DataCommand:
    """List, describe, generate and download data sets; check and convert your own data."""

    command: Data

    def __call__(self) -> None:
        """Run the chosen command."""
        self.command()
