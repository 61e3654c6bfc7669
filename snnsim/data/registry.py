"""The data sets that are known by name, and the kinds of data that users bring.

Configs, commands, presets and tables take names and numbers from here. A new data set is one more value in DATASETS,
with a function that generates it or one that downloads it. The kinds of data of users are those of source_kinds.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from snnsim import plugins
from snnsim.data.source_kinds import SOURCES as SOURCES
from snnsim.data.source_kinds import TONIC as TONIC
from snnsim.data.source_kinds import SourceKind as SourceKind
from snnsim.data.source_kinds import source_kind as source_kind
from snnsim.validation import known

if TYPE_CHECKING:
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


def _constant(module: str, name: str, _: str) -> SyntheticDataset:
    """Return a data set of one size, a constant of a module of data/synthetic."""
    dataset: SyntheticDataset = getattr(import_module(f"snnsim.data.synthetic.{module}"), name)
    return dataset


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
_OF_PACKAGES = "those of the photographs: CC BY and public domain"

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
        generator=partial(_constant, "motifs", "MOTIFS"),
    ),
    Dataset(
        name="motifs-short",
        title="Pairs of 16 channels whose exact delay, 3 to 10 steps, is the class: for small chips",
        classes=8,
        channels=16,
        recordings={"train": 2000, "valid": 500, "test": 500},
        disk_bytes=2_000_000,
        license=_NO_LICENSE,
        generator=partial(_constant, "motifs", "MOTIFS_SHORT"),
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
        generator=partial(_constant, "optical_digits", "IMAGES"),
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
        generator=partial(_constant, "moving_dots", "PATTERNS"),
    ),
    Dataset(
        name="motion",
        title="Photographs that move in 12 directions with 3 speeds, as events of a camera of 32 x 32 pixels",
        classes=36,
        channels=2048,
        field=(32, 32, 2),
        recordings={"train": 2880, "valid": 144, "test": 288},
        disk_bytes=63_000_000,
        license=_OF_PACKAGES,
        citation="Grimaldi & Perrinet: Learning heterogeneous delays. Biological Cybernetics 117:373 (2023)",
        instructions="made on first use from photographs of scikit-learn and scikit-image, and cached; pip install "
        "snnsim[images]",
        generator=partial(_constant, "motion", "MOTION"),
    ),
    Dataset(
        name="motion-full",
        title="The same with 128 x 128 pixels and 200 steps, the published size",
        classes=36,
        channels=32768,
        field=(128, 128, 2),
        recordings={"train": 1024, "valid": 100, "test": 200},
        disk_bytes=2_100_000_000,
        license=_OF_PACKAGES,
        citation="Grimaldi & Perrinet: Learning heterogeneous delays. Biological Cybernetics 117:373 (2023)",
        instructions="made on first use, which takes hours and 16 GB of memory; pip install snnsim[images]",
        generator=partial(_constant, "motion", "MOTION_FULL"),
    ),
    Dataset(
        name="segments",
        title="Segments whose lag between channels is the class of their steps, and the longest that of the recording",
        classes=3,
        channels=16,
        recordings={"train": 600, "valid": 150, "test": 150},
        disk_bytes=2_000_000,
        license=_NO_LICENSE,
        generator=partial(_constant, "segments", "SEGMENTS"),
    ),
    Dataset(
        name="waves",
        title="Two signals in the firing of 20 channels: targets are their earlier values, and their means",
        classes=0,
        channels=20,
        recordings={"train": 600, "valid": 150, "test": 150},
        disk_bytes=2_000_000,
        license=_NO_LICENSE,
        generator=partial(_constant, "waves", "WAVES"),
    ),
    Dataset(
        name="chaotic",
        title="A chaotic series of Mackey and Glass, with a delay of 17: the target is the change to its next point",
        classes=0,
        channels=128,
        recordings={"train": 104, "valid": 13, "test": 13},
        disk_bytes=2_000_000,
        license=_NO_LICENSE,
        generator=partial(_constant, "mackey_glass", "CHAOTIC"),
    ),
)
DATASETS = plugins.Table({dataset.name: dataset for dataset in _ALL}, plugins.DATASETS, Dataset)
"""Every data set by its name, in the order of `snnsim data list`, with those of plug-ins."""
GENERATED = tuple(dataset.name for dataset in _ALL if dataset.generator is not None)
DOWNLOADED = tuple(dataset.name for dataset in _ALL if dataset.downloader is not None)
NAMES = GENERATED + DOWNLOADED
"""The names of our own in the order of configs and help texts."""


def get_dataset(name: str) -> Dataset:
    """Return a data set by its name.

    Args:
        name: Name of the data set, such as "digits"; the ValueError for an unknown one lists all names.
    """
    known(name, DATASETS, "data set")
    return DATASETS[name]


def known_name(name: object) -> bool:
    """Return whether a config may have a name: that of a data set, or of a kind of data of users.

    Args:
        name: Value of `data.name`.
    """
    tonic = isinstance(name, str) and name.startswith(TONIC) and name.removeprefix(TONIC).isidentifier()
    return name in SOURCES or tonic or (isinstance(name, str) and name in DATASETS)
