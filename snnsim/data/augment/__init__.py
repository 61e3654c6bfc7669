"""Random changes of spike recordings in training: settings of every kind, and their application.

The settings load without Numba, so that a config and the command line can name them.
"""

from typing import TYPE_CHECKING, Any

from snnsim.data.augment.base import Augmentation
from snnsim.data.augment.kinds import (
    KINDS,
    AnyAugmentation,
    Blend,
    ChannelJitter,
    ChannelMask,
    ChannelShift,
    ChannelTimeShift,
    ChannelWarp,
    ChunkDrop,
    CutMix,
    EventDrop,
    NoiseSpikes,
    TimeJitter,
    TimeMask,
    TimeShift,
    TimeStretch,
    TimeWarp,
)

if TYPE_CHECKING:
    from snnsim.data.augment.pipeline import augment, augment_with_probabilities

__all__ = [
    "KINDS",
    "AnyAugmentation",
    "Augmentation",
    "Blend",
    "ChannelJitter",
    "ChannelMask",
    "ChannelShift",
    "ChannelTimeShift",
    "ChannelWarp",
    "ChunkDrop",
    "CutMix",
    "EventDrop",
    "NoiseSpikes",
    "TimeJitter",
    "TimeMask",
    "TimeShift",
    "TimeStretch",
    "TimeWarp",
    "augment",
    "augment_with_probabilities",
]


def __getattr__(name: str) -> Any:
    if name not in ("augment", "augment_with_probabilities"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from snnsim.data.augment import pipeline

    return getattr(pipeline, name)
