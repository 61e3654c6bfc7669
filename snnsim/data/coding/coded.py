"""Recordings that are coded when a batch needs them, so that memory holds the pictures or values alone."""

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from snnsim.data import targets
from snnsim.data.recordings import positions
from snnsim.data.targets import TargetGrid, Targets


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
        """Return frames of recordings, float32 (time, batch, channel), zero after the end of each.

        Args:
            numbers: Numbers of the recordings (batch,).
        """


@dataclass(frozen=True)
class CodedRecordings:
    """Recordings of a coder; the interface is that of `GridRecordings`."""

    coder: Coder
    number: np.ndarray
    """Number of each recording in the coder, int64 (recording,)."""
    length: np.ndarray
    """Steps of each recording, int32 (recording,); those behind them are left out."""
    label: np.ndarray
    """Index into `classes`, int64."""
    speaker: np.ndarray
    """Group of each recording, int64; -1 where unknown."""
    classes: tuple[str, ...]
    time_step_ms: float
    dropped: int = 0
    targets: Targets = field(default_factory=dict)
    """Targets besides the labels by name."""

    def __len__(self) -> int:
        return len(self.label)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.coder.channels

    def coded_steps(self, indices: np.ndarray) -> np.ndarray:
        """Return the steps of recordings before any were left out, int64 (batch,).

        Args:
            indices: Recordings (batch,).
        """
        result: np.ndarray = self.coder.steps()[self.number[indices]]
        return result

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
            targets=targets.selected(self.targets, own),
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

    def of_targets(self, indices: np.ndarray, steps: int) -> dict[str, np.ndarray]:
        """Return the targets of recordings on the grid, without a label at and after the end of a recording.

        Args:
            indices: Recordings (batch,).
            steps: Steps of the frames.
        """
        grid, own = TargetGrid(self.time_step_ms), positions(indices, len(self), who="CodedRecordings.of_targets")
        return {name: grid.values(target, own, self.length[own], steps) for name, target in self.targets.items()}
