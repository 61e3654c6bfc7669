"""Signals, a frame of values per time step, as input of a network: as they are, or by delta or threshold coding.

    values      frames[t, c] = x[t, c]
    threshold   frames[t, c] = 1 where x[t, c] ≥ θ
    delta       n = ⌊|x[t, c] − r| / θ⌋ spikes of (c, on) where x > r, of (c, off) where x < r; then r ← r ± n θ
                r = x[0, c] at first

Shapes   x (time, channel) of each recording, laid end to end · frames (time, recording, channel)
         channel = 2 c + polarity for delta, with polarity 0 for on and 1 for off
Source   delta: send-on-delta sampling, Miskowicz 2006, Sensors 6:49
"""

from dataclasses import dataclass

import numpy as np

from snnsim.data.coding.kinds import Coding, Delta, Threshold, Values


@dataclass(frozen=True)
class SignalCoder:
    """Signals and their coding."""

    values: np.ndarray
    """Values of all recordings end to end, numbers (step, channel)."""
    offset: np.ndarray
    """First step of each recording, and the number of all steps, int64 (recording + 1,)."""
    coding: Coding

    @property
    def channels(self) -> int:
        """Number of channels of the frames."""
        return int(self.values.shape[1]) * (2 if isinstance(self.coding, Delta) else 1)

    @property
    def spikes(self) -> bool:
        """Whether the frames are numbers of spikes."""
        return not isinstance(self.coding, Values)

    def steps(self) -> np.ndarray:
        """Return the steps of every recording, int64 (recording,)."""
        return np.diff(self.offset)

    def frames(self, numbers: np.ndarray) -> np.ndarray:
        """Return frames of recordings, float32 (time, batch, channel).

        Args:
            numbers: Numbers of the recordings (batch,).
        """
        steps = self.steps()[numbers]
        frames = np.zeros((int(steps.max(initial=0)), len(numbers), self.channels), np.float32)
        for row, number in enumerate(numbers):
            values = self.values[self.offset[number] : self.offset[number + 1]]
            frames[: len(values), row] = self._coded(values)
        return frames

    def _coded(self, values: np.ndarray) -> np.ndarray:
        if isinstance(self.coding, Threshold):
            return (values >= self.coding.threshold).astype(np.float32)
        return delta(values, self.coding.threshold) if isinstance(self.coding, Delta) else values


def delta(values: np.ndarray, threshold: float) -> np.ndarray:
    """Return the on and off spikes of a signal, float32 (time, 2 x channel).

    Args:
        values: The signal (time, channel).
        threshold: Change of the value that causes a spike.
    """
    spikes = np.zeros((*values.shape, 2), np.float32)
    reference = values[:1].astype(np.float64).reshape(-1)
    for step, value in enumerate(values):
        change = value - reference
        number = np.floor(np.abs(change) / threshold)
        reference += np.sign(change) * number * threshold
        spikes[step, :, 0], spikes[step, :, 1] = number * (change > 0), number * (change < 0)
    return spikes.reshape(len(values), -1)
