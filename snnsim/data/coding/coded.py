"""Recordings that are coded when a batch needs them, so that memory holds the pictures or values alone."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from snnsim.data.recordings import positions


class Coder(Protocol):
    """A coding of numbered pictures or signals; the frames of a recording depend on its number and a seed alone."""

    @property
    def channels(self) -> int:
        """Number of channels of the frames."""

    @property
    def spikes(self) -> bool:
        """Whether the frames are numbers of spikes; otherwise they are graded input."""

    def steps(self) -> np.ndarray:
        """Return the steps of every recording, int64 (recording,)."""

    def frames(self, numbers: np.ndarray) -> np.ndarray:
        """Return frames of recordings, float32 (time, batch, channel), zero after the end of each."""


@dataclass(frozen=True)
class CodedRecordings:
    """Recordings of a coder; the interface is that of `GridRecordings`."""

    coder: Coder
    number: np.ndarray
    """Number of each recording in the coder, int64 (recording,)."""
    length: np.ndarray
    """Steps of each recording, int32 (recording,)."""
    label: np.ndarray
    """Index into `classes`, int64."""
    speaker: np.ndarray
    """Group of each recording, int64; -1 where unknown."""
    classes: tuple[str, ...]
    time_step_ms: float
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.label)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.coder.channels

    def select(self, indices: np.ndarray) -> "CodedRecordings":
        """Return selected recordings.

        Args:
            indices: Recordings (index,) in the wanted order, where -1 is the last one, or a mask (recording,).
        """
        own = positions(indices, len(self), who="CodedRecordings.select")
        return replace(
            self,
            number=self.number[own],
            length=self.length[own],
            label=self.label[own],
            speaker=self.speaker[own],
        )

    def dense(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return frames of recordings, padded with zeros to the longest of them.

        Args:
            indices: Recordings (batch,) in the wanted order, where -1 is the last one.

        Returns:
            Frames float32 (time, batch, channel), zero after the end of each recording, and the lengths (batch,).
        """
        own = positions(indices, len(self), who="CodedRecordings.dense")
        length = self.length[own]
        frames = self.coder.frames(self.number[own])
        return np.ascontiguousarray(frames[: int(length.max(initial=0))]), length
