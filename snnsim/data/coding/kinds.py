"""Kinds of codings: the section `data.coding` of a config.

A new kind is a class here, a member of AnyCoding, a name in data/registry.py, and a coder in the source that takes it.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from snnsim import schema
from snnsim.schema import Range

Steps = Annotated[int, Range(at_least=1, at_most=65_535)]
Share = Annotated[float, Range(above=0, at_most=1)]
Positive = Annotated[float, Range(above=0, at_most=1e6)]


@dataclass(frozen=True, kw_only=True)
class Coding(schema.Kind):
    """Settings of all kinds here."""

    def __post_init__(self) -> None:
        schema.settle(self, "data.coding.")


@dataclass(frozen=True, kw_only=True)
class Direct(Coding):
    """The gray levels of a picture are the input of every step."""

    kind: Literal["direct"] = "direct"
    steps: Steps = 6
    """Steps that a picture is shown for."""
    levels: Annotated[int, Range(at_least=1, at_most=65_535)] = 255
    """Whole number of the brightest gray; darker ones are rounded to whole numbers."""


@dataclass(frozen=True, kw_only=True)
class Rate(Coding):
    """Independent spikes, whose probability is proportional to the gray level."""

    kind: Literal["rate"] = "rate"
    steps: Steps = 20
    """Steps that a picture is shown for."""
    probability: Share = 0.5
    """Probability of a spike per step at the brightest gray."""


@dataclass(frozen=True, kw_only=True)
class Latency(Coding):
    """One spike of each pixel that is not black, earlier for brighter pixels."""

    kind: Literal["latency"] = "latency"
    steps: Steps = 20
    """Steps from the spike of the brightest gray to that of the darkest."""


@dataclass(frozen=True, kw_only=True)
class Saccades(Coding):
    """On and off events of an event camera in front of which a picture moves along the sides of a triangle."""

    kind: Literal["saccades"] = "saccades"
    duration_ms: Positive = 300.0
    """Time of the three movements together."""
    amplitude: Annotated[float, Range(above=0, at_most=1000)] = 4.0
    """Height and base of the triangle in pixels."""
    threshold: Share = 0.2
    """Change of the gray level, between 0 and 1, that causes an event."""


@dataclass(frozen=True, kw_only=True)
class Delta(Coding):
    """On and off spikes whenever a value has moved by a threshold since its last spike."""

    kind: Literal["delta"] = "delta"
    threshold: Positive = 0.1
    """Change of the value that causes a spike."""


@dataclass(frozen=True, kw_only=True)
class Threshold(Coding):
    """A spike in every step in which a value is at or above a threshold."""

    kind: Literal["threshold"] = "threshold"
    threshold: Annotated[float, Range(at_least=-1e6, at_most=1e6)] = 0.5
    """The threshold."""


@dataclass(frozen=True, kw_only=True)
class LogMel(Coding):
    """The logarithm of the power in mel bands, a frame for every time step of the config."""

    kind: Literal["log_mel"] = "log_mel"
    bands: Annotated[int, Range(at_least=1, at_most=1024)] = 140
    """Number of mel bands."""
    low_hz: Annotated[float, Range(at_least=0, at_most=1e6)] = 50.0
    """Lower end of the lowest band."""
    high_hz: Annotated[float, Range(above=0, at_most=1e6)] = 4000.0
    """Upper end of the highest band; at most half the sampling rate of a file is used."""
    window_ms: Positive = 32.0
    """Length of the windows of the spectra."""


@dataclass(frozen=True, kw_only=True)
class Values(Coding):
    """Frames as they are."""

    kind: Literal["values"] = "values"


@dataclass(frozen=True, kw_only=True)
class InnerEar(Coding):
    """Audio through the inner-ear model of SHD."""

    kind: Literal["inner_ear"] = "inner_ear"


AnyCoding = Direct | Rate | Latency | Saccades | Values | Delta | Threshold | InnerEar | LogMel
"""A coding of any kind."""
