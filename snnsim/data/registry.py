"""The data sets that are known by name, and the kinds of data that users bring.

Configs, commands, presets and tables take names and numbers from here. A new data set is one more value in DATASETS,
with a function that generates it or one that downloads it. A new kind of data is one more value in SOURCES.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnsim.validation import known

if TYPE_CHECKING:
    from snnsim.data.sources.findings import Findings
    from snnsim.data.sources.source import Settings, Source
    from snnsim.data.synthetic.dataset import SyntheticDataset

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set, and how to get it."""

    name: str
    """Name in configs and commands, with which the files of the splits begin."""
    title: str
    classes: int
    channels: int
    """Channels of the files; a config may sum neighboring channels."""
    field: tuple[int, int, int] | None = None
    """Rows, columns and polarities that the channels are, in this order; None for channels without a field."""
    recordings: Mapping[str, int]
    """Number of recordings of each split."""
    disk_bytes: int
    """Approximate size of the unpacked files."""
    license: str
    citation: str = ""
    url: str = ""
    """Home page of a data set that is downloaded."""
    download_bytes: int = 0
    """Approximate size of the download; 0 for a data set that is generated."""
    instructions: str = "made on first use and cached"
    """How to get the files."""
    generator: Callable[[str], SyntheticDataset] | None = None
    """Function from a size to the data set that is generated; None for a data set that is downloaded."""
    downloader: Callable[[Path], Mapping[str, Path]] | None = None
    """Function that downloads the files into a folder; None for a data set that is generated."""

    def __post_init__(self) -> None:
        if (self.generator is None) == (self.downloader is None):
            raise ValueError(f"Dataset {self.name}: there must be a generator or a downloader, one of the two")


@dataclass(frozen=True, kw_only=True)
class SourceKind:
    """A kind of data that users bring, and how it is read."""

    name: str
    """Name in configs and commands."""
    title: str
    files: str
    """What the path of the data leads to."""
    codings: tuple[str, ...] = ()
    """Kinds of `data.coding`, the default first; empty for events, which need none."""
    parts: Callable[[Path, str], Mapping[str, Path]]
    """Function from the path and the name of the data to the file or folder of each split, or of "all"."""
    open: Callable[[Path, Settings], Source]
    """Function that reads one of the parts."""
    check: Callable[[Path], Findings]
    """Function that lists what is in the data, and everything that is wrong with them."""


def _motifs(_: str) -> SyntheticDataset:
    from snnsim.data.synthetic import motifs

    return motifs.MOTIFS


def _motifs_short(_: str) -> SyntheticDataset:
    from snnsim.data.synthetic import motifs

    return motifs.MOTIFS_SHORT


def _images(_: str) -> SyntheticDataset:
    from snnsim.data.synthetic import optical_digits

    return optical_digits.IMAGES


def _patterns(_: str) -> SyntheticDataset:
    from snnsim.data.synthetic import moving_dots

    return moving_dots.PATTERNS


def _digits(size: str) -> SyntheticDataset:
    from snnsim.data.synthetic import spoken_digits

    return spoken_digits.SpokenDigits(spoken_digits.Recipe(size))


def _heidelberg(name: str, folder: Path) -> Mapping[str, Path]:
    from snnsim.data import tonic_bridge

    return tonic_bridge.download(name, folder)


_HOME = "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/"
_CITATION = (
    "Cramer, Stradmann, Schemmel & Zenke: The Heidelberg Spiking Data Sets for the Systematic Evaluation of "
    "Spiking Neural Networks. IEEE TNNLS 33:2744 (2022), doi 10.1109/TNNLS.2020.3044364"
)
_NO_LICENSE = "none needed: made on this machine"

_ALL = (
    Dataset(
        name="shd",
        title="Spiking Heidelberg Digits: spoken digits in English and German, 12 speakers",
        classes=20,
        channels=700,
        recordings={"train": 8156, "test": 2264},
        download_bytes=170_000_000,
        disk_bytes=340_000_000,
        license="CC BY 4.0",
        citation=_CITATION,
        url=_HOME,
        instructions="`snnsim data make shd`, or put shd_train.h5 and shd_test.h5 into datasets/",
        downloader=partial(_heidelberg, "shd"),
    ),
    Dataset(
        name="ssc",
        title="Spiking Speech Commands: 35 English words, many speakers",
        classes=35,
        channels=700,
        recordings={"train": 75466, "valid": 9981, "test": 20382},
        download_bytes=2_200_000_000,
        disk_bytes=4_400_000_000,
        license="CC BY 4.0",
        citation=_CITATION,
        url=_HOME,
        instructions="`snnsim data make ssc`, or put ssc_train.h5, ssc_valid.h5 and ssc_test.h5 into datasets/",
        downloader=partial(_heidelberg, "ssc"),
    ),
    Dataset(
        name="digits",
        title="Synthesized spoken digits in English and German through the inner-ear model, 23 voices",
        classes=20,
        channels=700,
        recordings={"train": 1600, "valid": 300, "test": 400},
        disk_bytes=49_000_000,
        license=_NO_LICENSE,
        generator=_digits,
    ),
    Dataset(
        name="motifs",
        title="Pairs of channels whose exact delay is the class",
        classes=10,
        channels=20,
        recordings={"train": 2000, "valid": 500, "test": 500},
        disk_bytes=3_000_000,
        license=_NO_LICENSE,
        generator=_motifs,
    ),
    Dataset(
        name="motifs-short",
        title="Pairs of 16 channels whose exact delay, 3 to 10 steps, is the class: for small chips",
        classes=8,
        channels=16,
        recordings={"train": 2000, "valid": 500, "test": 500},
        disk_bytes=2_000_000,
        license=_NO_LICENSE,
        generator=_motifs_short,
    ),
    Dataset(
        name="images",
        title="Handwritten digits of 8 x 8 pixels, the picture itself in each of 6 steps",
        classes=10,
        channels=64,
        field=(8, 8, 1),
        recordings={"train": 1197, "valid": 300, "test": 300},
        disk_bytes=14_000_000,
        license="CC BY 4.0",
        citation="Alpaydin & Kaynak: Optical Recognition of Handwritten Digits. UCI (1998), doi 10.24432/C50P49",
        instructions="comes with scikit-learn; made on first use and cached",
        generator=_images,
    ),
    Dataset(
        name="patterns",
        title="Dots that blink and drift in one of 8 directions, on and off events of 16 x 16 pixels",
        classes=8,
        channels=512,
        field=(16, 16, 2),
        recordings={"train": 2000, "valid": 500, "test": 500},
        disk_bytes=3_000_000,
        license=_NO_LICENSE,
        generator=_patterns,
    ),
)
DATASETS: Mapping[str, Dataset] = {dataset.name: dataset for dataset in _ALL}
"""Every data set by its name, in the order of `snnsim data list`."""
GENERATED = tuple(name for name, dataset in DATASETS.items() if dataset.generator is not None)
DOWNLOADED = tuple(name for name, dataset in DATASETS.items() if dataset.downloader is not None)
NAMES = GENERATED + DOWNLOADED
"""The names in the order of configs and help texts."""


def get_dataset(name: str) -> Dataset:
    """Return a data set by its name; a ValueError lists the known names if it is unknown."""
    known(name, DATASETS, "data set")
    return DATASETS[name]


def _late(module: str, name: str) -> Callable[..., Any]:
    """Return a function of a module of data/sources that is imported at the first call."""

    def call(*arguments: Any) -> Any:
        return getattr(import_module(f"snnsim.data.sources.{module}"), name)(*arguments)

    return call


TONIC = "tonic:"
"""Beginning of the name of a data set of tonic, such as tonic:NMNIST."""
_ARRAYS = "a file .npz or .h5, or a folder with train.npz, and valid.npz and test.npz if there are any"
_KINDS = (
    SourceKind(
        name="events",
        title="Event recordings of any sensor, in arrays of times and channels",
        files=_ARRAYS,
        parts=_late("parts", "of_arrays"),
        open=_late("event_source", "EventSource"),
        check=_late("event_source", "check"),
    ),
    SourceKind(
        name="frames",
        title="Signals, a frame of values per time step, in an array",
        files=_ARRAYS,
        codings=("values", "delta", "threshold"),
        parts=_late("parts", "of_arrays"),
        open=_late("frame_files", "source"),
        check=_late("frame_files", "check"),
    ),
    SourceKind(
        name="pictures",
        title="Pictures of one size",
        files="IDX files as MNIST and Fashion-MNIST come, an array in .npz or .h5, or a folder of PNG files by class",
        codings=("latency", "direct", "rate", "saccades"),
        parts=_late("picture_source", "parts"),
        open=_late("picture_source", "source"),
        check=_late("picture_source", "check"),
    ),
    SourceKind(
        name="audio",
        title="Audio files by class",
        files="a folder CLASS/FILE.wav (or .flac, .ogg), or train/CLASS/FILE.wav, and the same for valid and test",
        codings=("inner_ear", "log_mel"),
        parts=_late("audio_source", "parts"),
        open=_late("audio_source", "source"),
        check=_late("audio_source", "check"),
    ),
    SourceKind(
        name="tonic:NAME",
        title="A data set of tonic, such as tonic:NMNIST or tonic:DVSGesture",
        files="the folder of the files, which tonic downloads if they are missing",
        parts=_late("tonic_files", "parts"),
        open=_late("event_source", "EventSource"),
        check=_late("event_source", "check"),
    ),
)
SOURCES: Mapping[str, SourceKind] = {kind.name: kind for kind in _KINDS}
"""Every kind of data of users by its name, in the order of `snnsim data list`."""


def source_kind(name: str) -> SourceKind | None:
    """Return the kind of data of users that a name of a config stands for; None for a data set of the registry."""
    if name.startswith(TONIC):
        return SOURCES["tonic:NAME"]
    return SOURCES.get(name)


def known_name(name: object) -> bool:
    """Return whether a config may have a name: that of a data set, or of a kind of data of users."""
    tonic = isinstance(name, str) and name.startswith(TONIC) and name.removeprefix(TONIC).isidentifier()
    return name in NAMES or name in SOURCES or tonic
