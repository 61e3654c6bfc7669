"""The kinds of data that users bring, a part of the registry; a new kind is one more value in SOURCES."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snnsim.data.sources.findings import Findings
    from snnsim.data.sources.source import Settings, Source


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
    """Return the kind of data of users that a name of a config stands for; None for a data set of the registry.

    Args:
        name: Value of `data.name`, such as events or tonic:NMNIST.
    """
    if name.startswith(TONIC):
        return SOURCES["tonic:NAME"]
    return SOURCES.get(name)
