"""A source of recordings: what the files of a user become, whatever their kind."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnsim import ragged
from snnsim.data.coding.coded import CodedRecordings, Coder
from snnsim.data.coding.kinds import AnyCoding
from snnsim.data.grid_recordings import GridRecordings
from snnsim.data.recordings import Recordings
from snnsim.data.sources.annotations import Annotations
from snnsim.data.time_units import steps_before

TOGETHER = 256
"""Recordings that are coded at a time."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How recordings become frames."""

    time_step_ms: float
    channels: int = 0
    """Channels that the units of event recordings are summed into; 0 for their number."""
    max_time_ms: float | None = None
    """Events at or after this time are left out, and coded steps that begin there; None keeps all."""
    coding: AnyCoding | None = None
    """Coding of pictures, frames or audio; None for the default of the source."""
    seed: int = 0
    """Seed of random codings and of splits."""
    white: int | None = None
    """Gray level of white of pictures in uint16, which is that of the training file; None for the brightest pixel."""


class Source(ABC):
    """Annotated recordings of one file or folder."""

    path: Path
    annotations: Annotations
    white: int | None = None
    """Gray level of white of pictures; None for other recordings."""

    def __len__(self) -> int:
        return len(self.annotations)

    @property
    @abstractmethod
    def units(self) -> int:
        """Number of channels of the recordings."""

    @property
    def field(self) -> tuple[int, int, int] | None:
        """Rows, columns, and polarities or colors of the channels; None for channels without a field."""
        return None

    @abstractmethod
    def gridded(self) -> GridRecordings:
        """Return the recordings on the grid of the network."""

    @abstractmethod
    def recordings(self) -> Recordings:
        """Return the recordings as events, for augmentation.

        Raises:
            ValueError: If the recordings are no spikes.
        """


class CodedSource(Source):
    """Pictures or signals with a coder.

    Args:
        path: The file or folder.
        annotations: Labels, groups and splits.
        coder: The coding.
        settings: Grid of the network.
    """

    def __init__(self, path: Path, annotations: Annotations, coder: Coder, settings: Settings) -> None:
        self.path, self.annotations = path, annotations
        self._coder, self._time_step_ms, self._max_time_ms = coder, settings.time_step_ms, settings.max_time_ms

    @property
    def units(self) -> int:
        """Number of channels of the coded recordings."""
        return self._coder.channels

    def gridded(self) -> CodedRecordings:
        """Return the recordings, which are coded when a batch needs them."""
        own = self.annotations
        most = np.inf if self._max_time_ms is None else steps_before(self._max_time_ms, self._time_step_ms)
        return CodedRecordings(
            self._coder,
            np.arange(len(own)),
            np.minimum(self._coder.steps(), most).astype(np.int32),
            own.label,
            own.group,
            own.recording_classes,
            self._time_step_ms,
            targets=own.targets(own.label_step or self._time_step_ms),
        )

    def recordings(self) -> Recordings:
        """Return the spikes of all recordings, in the middle of their steps.

        Raises:
            ValueError: If the coding gives graded input.
        """
        if not self._coder.spikes:
            raise ValueError(
                f"{self.path}: augmentations change spikes, and this coding gives graded input; set data.coding to one "
                "that gives spikes, or leave data.augment empty"
            )
        counts, times, units = [], [], []
        for start in range(0, len(self), TOGETHER):
            frames = self._coder.frames(np.arange(start, min(start + TOGETHER, len(self)))).transpose(1, 0, 2)
            recording, step, unit = np.nonzero(frames)
            repeats = frames[recording, step, unit].astype(np.int64)
            recording, step, unit = (np.repeat(index, repeats) for index in (recording, step, unit))
            counts.append(np.bincount(recording, minlength=len(frames)))
            times.append(((step + 0.5) * self._time_step_ms).astype(np.float32))
            units.append(unit.astype(np.uint16 if self.units <= 2**16 else np.uint32))
        own = self.annotations
        return Recordings(
            np.concatenate(times),
            np.concatenate(units),
            ragged.indptr(np.concatenate(counts)),
            own.label,
            own.group,
            own.recording_classes,
            self.units,
            own.targets(own.label_step or self._time_step_ms),
        )
