"""Which data sets are known by name, and what a user has to know of each before getting it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """What a user has to know of a data set before getting it."""

    title: str
    classes: int
    recordings: Mapping[str, int]
    """How many each split has."""
    download_bytes: int
    """About how much is downloaded; 0 for what is made here."""
    disk_bytes: int
    """About how much the unpacked files take."""
    licence: str
    citation: str
    url: str
    """Home page; empty for what is made here."""
    how: str
    """How to get it."""


_HOME = "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/"
_CITATION = (
    "Cramer, Stradmann, Schemmel & Zenke: The Heidelberg Spiking Data Sets for the Systematic Evaluation of "
    "Spiking Neural Networks. IEEE TNNLS 33:2744 (2022), doi 10.1109/TNNLS.2020.3044364"
)


def _made_here(title: str, *, classes: int, recordings: tuple[int, int, int], disk_bytes: int) -> Source:
    return Source(
        title=title,
        classes=classes,
        recordings=dict(zip(("train", "valid", "test"), recordings, strict=True)),
        download_bytes=0,
        disk_bytes=disk_bytes,
        licence="none needed: made on this machine",
        citation="",
        url="",
        how="made on first use and cached",
    )


SOURCES = {
    "shd": Source(
        title="Spiking Heidelberg Digits: spoken digits in English and German, 12 speakers",
        classes=20,
        recordings={"train": 8156, "test": 2264},
        download_bytes=170_000_000,
        disk_bytes=340_000_000,
        licence="CC BY 4.0",
        citation=_CITATION,
        url=_HOME,
        how="`snnsim data make shd`, or put shd_train.h5 and shd_test.h5 into datasets/",
    ),
    "ssc": Source(
        title="Spiking Speech Commands: 35 English words, many speakers",
        classes=35,
        recordings={"train": 75466, "valid": 9981, "test": 20382},
        download_bytes=2_200_000_000,
        disk_bytes=4_400_000_000,
        licence="CC BY 4.0",
        citation=_CITATION,
        url=_HOME,
        how="`snnsim data make ssc`, or put ssc_train.h5, ssc_valid.h5 and ssc_test.h5 into datasets/",
    ),
    "digits": _made_here(
        "Synthesized spoken digits in English and German through the inner-ear model, 23 voices",
        classes=20,
        recordings=(1600, 300, 400),
        disk_bytes=49_000_000,
    ),
    "motifs": _made_here(
        "Pairs of channels whose exact delay is the class",
        classes=10,
        recordings=(2000, 500, 500),
        disk_bytes=3_000_000,
    ),
    "motifs-short": _made_here(
        "Pairs of 16 channels whose exact delay, 3 to 10 steps, is the class: for small chips",
        classes=8,
        recordings=(2000, 500, 500),
        disk_bytes=2_000_000,
    ),
    "images": Source(
        title="Handwritten digits of 8 x 8 pixels, the picture itself in each of 6 steps",
        classes=10,
        recordings={"train": 1197, "valid": 300, "test": 300},
        download_bytes=0,
        disk_bytes=14_000_000,
        licence="CC BY 4.0",
        citation="Alpaydin & Kaynak: Optical Recognition of Handwritten Digits. UCI (1998), doi 10.24432/C50P49",
        url="",
        how="comes with scikit-learn; made on first use and cached",
    ),
    "patterns": _made_here(
        "Dots that blink and drift in one of 8 directions, on and off events of 16 x 16 pixels",
        classes=8,
        recordings=(2000, 500, 500),
        disk_bytes=3_000_000,
    ),
}
