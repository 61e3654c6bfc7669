"""What every kind of augmentation has: types of settings, their checks, and the latest time of a changed recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from snnsim import schema
from snnsim.data.targets import Targets
from snnsim.schema import Range
from snnsim.validation import shown

Probability = Annotated[float, Range(at_least=0, at_most=1)]
Channels = Annotated[int, Range(at_least=-(2**20), at_most=2**20)]
Count = Annotated[int, Range(at_least=1, at_most=2**20)]
Spikes = Annotated[int, Range(at_least=0, at_most=2**20)]
Steps = Annotated[int, Range(at_least=-(2**20), at_most=2**20)]
Milliseconds = Annotated[float, Range(at_least=-1e9, at_most=1e9)]
Duration = Annotated[float, Range(above=0, at_most=1e9)]
Spread = Annotated[float, Range(at_least=0, at_most=1e6)]


@dataclass(frozen=True, kw_only=True)
class Augmentation(schema.Kind):
    """The settings that every kind has."""

    probability: Probability = 1.0
    """Probability that a recording is changed in an epoch, 0 to 1."""

    def __post_init__(self) -> None:
        schema.settle(self, f"augment.{self.kind}.")

    def require_channels(self, units: int) -> None:
        """Raise a ValueError if the settings do not fit the channels of the recordings.

        Args:
            units: Number of channels of the recordings.
        """

    def require_targets(self, targets: Targets) -> None:
        """Raise a ValueError if the changed recordings would have no clear targets besides their classes.

        Args:
            targets: Targets of the recordings besides their classes, by name.
        """

    def _require_none(self, names: Sequence[str], reason: str) -> None:
        listed = f"recordings with the targets {', '.join(names)} must not be changed by {self.kind}"
        if names:
            raise ValueError(f"augment.{self.kind}: {listed}, {reason}; leave it out")

    def longest(self, time_ms: float, longest_ms: float) -> float:  # noqa: ARG002
        """Return the latest time of a changed recording in ms.

        Args:
            time_ms: Latest time before the change.
            longest_ms: Latest time of all recordings as they are in the file.
        """
        return time_ms

    def _require(self, ok: bool, name: str, must: str, value: object) -> None:
        if not ok:
            raise ValueError(f"augment.{self.kind}.{name} must be {must}, not {shown(value)}")

    def _require_group(self, group: int, units: int) -> None:
        must = f"a divisor of the {units} channels of the recordings"
        self._require(units % group == 0, "group", must, group)


@dataclass(frozen=True, kw_only=True)
class Interval(Augmentation):
    """The settings of kinds that draw an integer between two bounds."""

    least: int
    most: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.least <= self.most, "most", f"at least `least` = {self.least}", self.most)
