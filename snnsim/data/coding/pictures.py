"""Pictures as input of a network: directly, by rate, by latency, or by simulated saccades.

    direct     frames[t, i] = round(L x_i)                   in every step
    rate       P(frames[t, i] = 1) = p x_i                   independent draws from (seed, picture)
    latency    one spike at ⌊(1 − x_i) (T − 1) + ½⌋          none where x_i is 0
    saccades   saccades.py

Shapes   pictures (picture, row, column, color) · frames (time, picture, channel), channel = (row, column, color)
Names    x gray level from 0 to 1 · T steps · L levels · p highest probability
"""

from dataclasses import dataclass

import numpy as np

from snnsim.data import encoders
from snnsim.data.coding import saccades
from snnsim.data.coding.kinds import Coding, Direct, Latency, Rate, Saccades


@dataclass(frozen=True)
class PictureCoder:
    """Pictures and their coding."""

    pictures: np.ndarray
    """uint8 or uint16 (picture, row, column, color)."""
    brightest: int
    """The gray level that is 1."""
    coding: Coding
    seed: int
    """Seed of the draws of `rate`."""
    time_step_ms: float

    @property
    def field(self) -> tuple[int, int, int]:
        """Rows, columns, and colors or polarities of the channels."""
        rows, columns, colors = self.pictures.shape[1:]
        return rows, columns, colors * (2 if isinstance(self.coding, Saccades) else 1)

    @property
    def channels(self) -> int:
        """Number of channels of the frames."""
        rows, columns, colors = self.field
        return rows * columns * colors

    @property
    def spikes(self) -> bool:
        """Whether the frames are numbers of spikes."""
        return not isinstance(self.coding, Direct)

    def steps(self) -> np.ndarray:
        """Return the steps of every picture, int64 (picture,)."""
        if isinstance(self.coding, Saccades):
            last = saccades.path(self.coding, self.time_step_ms).step[-1]
            return np.full(len(self.pictures), last + 1)
        assert isinstance(self.coding, Direct | Rate | Latency)  # noqa: S101 - for type checkers
        return np.full(len(self.pictures), self.coding.steps)

    def frames(self, numbers: np.ndarray) -> np.ndarray:
        """Return frames of pictures, float32 (time, batch, channel).

        Args:
            numbers: Numbers of the pictures (batch,).
        """
        chosen, coding = self.pictures[numbers], self.coding
        if isinstance(coding, Saccades):
            route = saccades.path(coding, self.time_step_ms)
            return saccades.events(chosen.astype(np.float32) / np.float32(self.brightest), route, coding.threshold)
        gray = chosen.reshape(len(chosen), -1) / self.brightest
        if isinstance(coding, Direct):
            values = np.floor(gray * coding.levels + 0.5).astype(np.float32)
            return np.ascontiguousarray(np.broadcast_to(values, (coding.steps, *values.shape)))
        if isinstance(coding, Latency):
            return encoders.latency(gray, steps=coding.steps).astype(np.float32)
        assert isinstance(coding, Rate)  # noqa: S101 - for type checkers
        result = np.empty((coding.steps, *gray.shape), np.float32)
        for row, number in enumerate(numbers):
            generator = np.random.default_rng((self.seed, int(number)))
            result[:, row] = encoders.rate(gray[row], generator, steps=coding.steps, probability=coding.probability)
        return result
