"""The settings of every augmentation: frozen values, checked when built, as tables of a config or in Python.

Each kind is a class, named in a config by its `kind`. The modules of this folder with the same names hold the
definitions and the compiled loops.

Units    times in ms · channels are those of the recordings (0 to 699 in SHD), not the summed ones of the frames
Source   defaults: mlGeNN and deventprop (channel shift, blend), event-ssm (stretch, drops, jitters, noise, CutMix),
         SpikCommander (masks), DelRec (time shift of channels); docs/augmentation.md has the references
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from snnsim.data.augment.base import (
    Augmentation,
    Channels,
    Count,
    Duration,
    Interval,
    Milliseconds,
    Probability,
    Spikes,
    Spread,
    Steps,
)
from snnsim.data.targets import Targets
from snnsim.schema import Range


@dataclass(frozen=True, kw_only=True)
class ChannelShift(Interval):
    """Add one random integer to the channels of all spikes of a recording; spikes outside of the range are dropped."""

    kind: Literal["channel_shift"] = "channel_shift"
    least: Channels = -40
    """Smallest shift in channels of the recordings, negative for a shift down; nearer to 0 than their number."""
    most: Channels = 39
    """Largest shift in channels of the recordings, `least` or more."""

    def require_channels(self, units: int) -> None:
        for name, value in (("least", self.least), ("most", self.most)):
            self._require(abs(value) < units, name, f"between {1 - units} and {units - 1}, the channels", value)


@dataclass(frozen=True, kw_only=True)
class ChannelWarp(Augmentation):
    """Move channels by a random curve, linear between knots; spikes outside of the range are dropped."""

    kind: Literal["channel_warp"] = "channel_warp"
    knots: Annotated[int, Range(at_least=2, at_most=1000)] = 8
    """Channels at equal distances, from the first to the last, at which a shift is drawn."""
    most: Annotated[float, Range(at_least=0, at_most=2**20)] = 30.0
    """Largest shift of a knot in channels of the recordings, up or down."""


@dataclass(frozen=True, kw_only=True)
class TimeShift(Augmentation):
    """Add one random time to all spikes of a recording; spikes before time 0 are dropped."""

    kind: Literal["time_shift"] = "time_shift"
    least_ms: Milliseconds = -50.0
    """Smallest shift in ms, negative for an earlier time."""
    most_ms: Milliseconds = 50.0
    """Largest shift in ms, `least_ms` or more; recordings become longer by up to this time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.least_ms <= self.most_ms, "most_ms", f"at least `least_ms` = {self.least_ms}", self.most_ms)

    def longest(self, time_ms: float, longest_ms: float) -> float:  # noqa: ARG002
        return time_ms + max(0.0, self.most_ms)


@dataclass(frozen=True, kw_only=True)
class ChannelTimeShift(Interval):
    """Add a random time to the spikes of every group of channels; spikes that leave the recording are dropped."""

    kind: Literal["channel_time_shift"] = "channel_time_shift"
    least: Steps = -100
    """Smallest shift, in units of `step_ms`."""
    most: Steps = 100
    """Largest shift, in units of `step_ms`, `least` or more."""
    step_ms: Duration = 10.0
    """Unit of the shifts in ms, above 0; the recording keeps its length, in these units."""
    group: Count = 5
    """Neighboring channels that share a shift, a divisor of the channels of the recordings."""

    def require_channels(self, units: int) -> None:
        self._require_group(self.group, units)

    def require_targets(self, targets: Targets) -> None:
        steps = [name for name, target in targets.items() if target.per_step]
        self._require_none(steps, "as channels move by different times and a step has one label")

    def longest(self, time_ms: float, longest_ms: float) -> float:  # noqa: ARG002
        return time_ms + self.step_ms


@dataclass(frozen=True, kw_only=True)
class TimeStretch(Augmentation):
    """Multiply all times of a recording by one random factor."""

    kind: Literal["time_stretch"] = "time_stretch"
    most: Annotated[float, Range(at_least=1, at_most=100)] = 1.2
    """Largest factor, 1 to 100; the smallest one is its inverse."""

    def longest(self, time_ms: float, longest_ms: float) -> float:  # noqa: ARG002
        return time_ms * self.most


@dataclass(frozen=True, kw_only=True)
class TimeWarp(Augmentation):
    """Multiply the length of every part of a recording by a random factor of its own."""

    kind: Literal["time_warp"] = "time_warp"
    parts: Annotated[int, Range(at_least=1, at_most=1000)] = 4
    """Number of parts of equal length, from time 0 to the last spike."""
    most: Annotated[float, Range(at_least=1, at_most=100)] = 1.3
    """Largest factor, 1 to 100; the smallest one is its inverse."""

    def require_targets(self, targets: Targets) -> None:
        steps = [name for name, target in targets.items() if target.per_step]
        self._require_none(steps, "as labels of steps do not follow a warp")

    def longest(self, time_ms: float, longest_ms: float) -> float:  # noqa: ARG002
        return time_ms * self.most


@dataclass(frozen=True, kw_only=True)
class Blend(Augmentation):
    """Join a recording with another one of its class, both moved to their common center and thinned."""

    kind: Literal["blend"] = "blend"
    probability: Probability = 0.5
    keep: Probability = 0.5
    """Probability that a spike of either recording is kept, 0 to 1."""
    end_ms: Duration | None = 1000.0
    """Spikes at or after this time are dropped from the blend, above 0; None keeps all."""

    def require_targets(self, targets: Targets) -> None:
        self._require_none(list(targets), "as two recordings of a class become one")

    def longest(self, time_ms: float, longest_ms: float) -> float:
        return max(time_ms, min(time_ms + longest_ms, self.end_ms or time_ms + longest_ms))


@dataclass(frozen=True, kw_only=True)
class EventDrop(Augmentation):
    """Drop every spike with one probability."""

    kind: Literal["event_drop"] = "event_drop"
    share: Probability = 0.1
    """Probability that a spike is dropped, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class ChunkDrop(Augmentation):
    """Drop one run of successive spikes."""

    kind: Literal["chunk_drop"] = "chunk_drop"
    probability: Probability = 0.3
    most: Probability = 0.02
    """Longest run, as a share of the spikes of the recording, 0 to 1; the shortest one is a spike."""


@dataclass(frozen=True, kw_only=True)
class TimeJitter(Augmentation):
    """Add a normal random time to every spike; spikes before time 0 are dropped."""

    kind: Literal["time_jitter"] = "time_jitter"
    sd_ms: Spread = 1.0
    """Standard deviation in ms, 0 or more."""

    def longest(self, time_ms: float, longest_ms: float) -> float:  # noqa: ARG002
        # the normal numbers lie between -8.3 and 8.3
        return time_ms + 8.3 * self.sd_ms


@dataclass(frozen=True, kw_only=True)
class ChannelJitter(Augmentation):
    """Add a normal random number, truncated towards 0, to every channel; spikes outside of the range are dropped."""

    kind: Literal["channel_jitter"] = "channel_jitter"
    sd: Annotated[float, Range(at_least=0, at_most=1000)] = 0.55
    """Standard deviation before truncation, in channels of the recordings, 0 to 1000."""


@dataclass(frozen=True, kw_only=True)
class NoiseSpikes(Interval):
    """Add spikes in random channels at random times."""

    kind: Literal["noise_spikes"] = "noise_spikes"
    least: Spikes = 0
    """Smallest number of spikes that are added to a recording, 0 or more."""
    most: Spikes = 35
    """Largest number of spikes that are added to a recording, `least` or more."""


@dataclass(frozen=True, kw_only=True)
class TimeMask(Augmentation):
    """Drop all spikes of one stretch of time."""

    kind: Literal["time_mask"] = "time_mask"
    probability: Probability = 0.5
    share: Probability = 0.2
    """Length of the stretch, as a share of the time of the last spike, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class ChannelMask(Augmentation):
    """Drop all spikes of a random number of neighboring channels."""

    kind: Literal["channel_mask"] = "channel_mask"
    probability: Probability = 0.5
    most: Annotated[int, Range(at_least=0, at_most=2**20)] = 19
    """Largest number of groups that are dropped, 0 to all groups; the smallest number is 0."""
    group: Count = 5
    """Neighboring channels that are one group, a divisor of the channels of the recordings."""

    def require_channels(self, units: int) -> None:
        self._require_group(self.group, units)
        groups = units // self.group
        self._require(self.most <= groups, "most", f"at most the {groups} groups of channels", self.most)


@dataclass(frozen=True, kw_only=True)
class CutMix(Augmentation):
    """Replace a stretch of a recording by spikes of another one, and mix the classes of both by their spikes."""

    kind: Literal["cutmix"] = "cutmix"
    probability: Probability = 0.3

    def require_targets(self, targets: Targets) -> None:
        self._require_none(list(targets), "as only classes have soft labels")

    def longest(self, time_ms: float, longest_ms: float) -> float:
        return max(time_ms, longest_ms)


AnyAugmentation = (
    ChannelShift
    | ChannelWarp
    | TimeShift
    | ChannelTimeShift
    | TimeStretch
    | TimeWarp
    | Blend
    | EventDrop
    | ChunkDrop
    | TimeJitter
    | ChannelJitter
    | NoiseSpikes
    | TimeMask
    | ChannelMask
    | CutMix
)
"""A value of any kind."""
KINDS: dict[str, type[Augmentation]] = {kind.kind: kind for kind in get_args(AnyAugmentation)}
"""Every kind by its name in a config."""


def longest(kinds: Sequence[Augmentation], longest_ms: float) -> float:
    """Return the latest time of recordings after augmentations in ms.

    Args:
        kinds: Augmentations in their order.
        longest_ms: Latest time of the recordings of the file.
    """
    time_ms = longest_ms
    for kind in kinds:
        time_ms = kind.longest(time_ms, longest_ms)
    return time_ms
