"""The inner-ear model of a stream: sound comes in pieces of any length, and spikes leave in pieces.

    samples → 24 kHz (Resampler) → mean and RMS of a known Level → ramps → segments of the membrane → cells (Ear)

A velocity needs the next 100 ms of sound, and a sample waits 30 ms, because it could belong to the ramp at the end.
With segments of 4,096 samples, spikes leave 51 ms at a time, 130 to 181 ms after their sound.

Shapes   samples (sample,) · step, unit (spike,)
Units    steps of 1 / 24,000 s
Exact    the spikes of a stream are those of `cochlea.encode` with the same segment and level, bit for bit
"""

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import scipy

from snnsim.data.speech import basilar_membrane, cochlea, nerve_cells
from snnsim.data.speech.basilar_membrane import LAG, LEAD, RATE
from snnsim.data.speech.cochlea import CHANNELS, RAMP, Level
from snnsim.data.speech.nerve_cells import Cells, Trains

SEGMENT = 4096
"""Samples of a segment of the membrane."""
_REACH = 10
"""Samples at the lower of the two rates that the filter of `scipy.signal.resample_poly` reaches to each side."""


class Spikes(NamedTuple):
    """Spikes of a piece, and the time that is complete."""

    step: np.ndarray
    """int64 (spike,), steps since the start of the recording."""
    unit: np.ndarray
    """uint16 (spike,)."""
    end: int
    """Step before which there are no further spikes."""


@dataclass(frozen=True, eq=False)
class Resampler:
    """Resampling to 24 kHz in pieces; joined, they are the samples of `cochlea.resampled`."""

    rate: int
    """Samples per second of the stream."""
    pending: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """Samples that later outputs need."""
    left: int = 0
    """Number of outputs of the filter to leave out, because an earlier piece had them."""

    def feed(self, samples: np.ndarray, *, last: bool = False) -> "tuple[np.ndarray, Resampler]":
        """Return the next samples at 24 kHz, and the resampler after them.

        Args:
            samples: Next samples (sample,).
            last: Whether the stream ends with them.
        """
        common = math.gcd(self.rate, RATE)
        up, down = RATE // common, self.rate // common
        sound = np.concatenate([self.pending, samples])
        if up == down:
            return sound, replace(self, pending=sound[:0])
        filtered = scipy.signal.resample_poly(sound, up, down) if len(sound) else sound
        if last:
            return filtered[self.left :], replace(self, pending=sound[:0], left=0)
        # inputs that one output needs before and after it, and outputs whose inputs are all there
        reach = -(-_REACH * max(up, down) // up) + 1
        ready = max((len(sound) - reach) * up // down, self.left)
        # the next piece begins at a multiple of `down`, where the phase of the filter is that of the start
        blocks = max(ready * down // up - reach, 0) // down
        return filtered[self.left : ready], replace(self, pending=sound[blocks * down :], left=ready - blocks * up)


@dataclass(frozen=True, eq=False)
class EarState:
    """The state of an inner ear between two pieces."""

    sound: np.ndarray
    """float32, leveled samples that later segments need."""
    held: np.ndarray
    """float64, the last samples, which could belong to the ramp at the end."""
    samples: int
    """Number of samples before this state."""
    end: int
    """Number of samples whose spikes are complete."""
    stores: np.ndarray
    """float64 (3, place), transmitter of the hair cells."""
    cells: Cells


@dataclass(frozen=True)
class Ear:
    """The inner-ear model with its settings; it holds no state of streams."""

    level: Level
    """Mean and loudness of the complete recording, or of an earlier one."""
    seed: int = 0
    cells_per_place: int = 5
    """Bushy cells of a place."""
    segment: int = SEGMENT
    """Samples of a segment of the membrane."""

    def __post_init__(self) -> None:
        cochlea.check(self.seed, self.cells_per_place)
        basilar_membrane.hop_of(self.segment)

    @property
    def membrane_places(self) -> int:
        """Number of places of the membrane."""
        return CHANNELS // self.cells_per_place

    def start(self) -> EarState:
        """Return the state at the start of a recording."""
        stores = nerve_cells.resting_stores(self.membrane_places)
        cells = nerve_cells.resting_cells(self.seed, range(CHANNELS))
        return EarState(np.zeros(LAG, np.float32), np.zeros(0), 0, 0, stores, cells)

    def feed(self, samples: np.ndarray, state: EarState) -> tuple[Spikes, EarState]:
        """Return the spikes that further samples complete, and the state after them.

        Args:
            samples: Next samples at 24 kHz (sample,).
            state: State before them, of `start` or an earlier call; it is not changed.

        Raises:
            ValueError: If the samples are not finite numbers of one axis.
        """
        samples = _checked(samples)
        leveled = self.level.applied(samples)
        ramp = cochlea.ramps()[0][state.samples : state.samples + len(leveled)]
        leveled[: len(ramp)] *= ramp
        sound = np.concatenate([state.held, leveled])
        free = max(len(sound) - RAMP, 0)
        state = replace(state, held=sound[free:], samples=state.samples + len(samples))
        return self._advance(sound[:free], state)

    def finish(self, state: EarState) -> Spikes:
        """Return the last spikes of a recording.

        Args:
            state: State after all samples.

        Raises:
            ValueError: If the recording is too short for its two ramps.
        """
        if state.samples < 2 * RAMP:
            raise ValueError(
                f"listen: sound must last at least {2 * RAMP / RATE} s, the two ramps of the inner-ear model; got "
                f"{state.samples / RATE:.3g} s"
            )
        hop = basilar_membrane.hop_of(self.segment)
        rest = len(state.sound) - LAG + RAMP
        padding = np.zeros(-(-rest // hop) * hop - rest + LEAD)
        spikes, _ = self._advance(np.concatenate([state.held * cochlea.ramps()[1], padding]), state)
        complete = spikes.step < state.samples
        return Spikes(spikes.step[complete], spikes.unit[complete], state.samples)

    def _advance(self, sound: np.ndarray, state: EarState) -> tuple[Spikes, EarState]:
        """Return the spikes of all segments that further leveled samples complete, and the state after them."""
        sound = np.concatenate([state.sound, sound.astype(np.float32)])
        hop = basilar_membrane.hop_of(self.segment)
        count = max((len(sound) - self.segment) // hop + 1, 0)
        state = replace(state, sound=sound[count * hop :])
        if count == 0:
            return Spikes(np.zeros(0, np.int64), np.zeros(0, np.uint16), state.end), state
        rows = np.lib.stride_tricks.sliding_window_view(sound, self.segment)[: count * hop : hop]
        blocks = [block for _, block in basilar_membrane.velocity_of(rows, count=self.membrane_places)]
        velocity = np.concatenate(blocks)
        stores, cells = state.stores.copy(), state.cells.copy()
        trains = Trains.empty(CHANNELS, velocity.shape[1])
        spikes = nerve_cells.spikes_of_membrane(velocity, stores, cells, trains)
        end = state.end + velocity.shape[1]
        state = replace(state, end=end, stores=stores, cells=cells)
        step = trains.step[:spikes].astype(np.int64) + end - velocity.shape[1]
        return Spikes(step, trains.unit[:spikes], end), state


def seconds(step: np.ndarray) -> np.ndarray:
    """Return the times of steps as files have them, float16 seconds.

    Args:
        step: Steps of 1 / 24,000 s (spike,).
    """
    return (step / RATE).astype(np.float16)


def _checked(samples: np.ndarray) -> np.ndarray:
    samples = np.asarray(samples, np.float64)
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise ValueError(
            f"listen: samples must be finite numbers of shape (sample,); got shape {samples.shape}; "
            "average the channels"
        )
    return samples
