"""The inner-ear model of SHD, from sound to spikes on 700 channels.

    sound → RMS 0.3, 30 ms ramps → basilar membrane (basilar_membrane.py) → hair cell → 40 fibers → bushy cell
                                                                            (nerve_cells.py)

Shapes   audio (sample,) · velocity (place, step) · time_s, unit (spike,)
Source   the chain and its numbers: Cramer, Stradmann, Schemmel & Zenke 2022, IEEE TNNLS 33:2744
Differs  audio is resampled to 24 kHz before the membrane, not after it
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy

from snnsim.data.speech import basilar_membrane, nerve_cells
from snnsim.data.speech.basilar_membrane import RATE
from snnsim.data.speech.nerve_cells import Trains

CHANNELS = 700
RMS = 0.3
RAMP_MS = 30.0
RAMP = round(RAMP_MS / 1000 * RATE)
"""Samples of a ramp."""
LONGEST_S = 64.0
"""Duration of the longest audio; there the float16 seconds of SHD have a resolution of 31 ms."""


def encode(
    audio: np.ndarray, rate: int, seed: int, *, cells_per_place: int = 1, segment: int = basilar_membrane.SEGMENT
) -> tuple[np.ndarray, np.ndarray]:
    """Return the spikes of mono audio; they depend on the audio and the seed only.

    Args:
        audio: The sound (sample,).
        rate: Samples per second.
        seed: Seed of the random release of transmitter.
        cells_per_place: Bushy cells of a place, on neighboring channels. With 5, the model has 140 places: half
            the work, and the mean activity of the channels is within 1 % of that of the model with 1.
        segment: Samples that the basilar membrane transforms at once; streaming.py takes short segments, so that a
            stream has a short latency. Other segments change the velocity by less than 0.1 % of its energy.

    Returns:
        Times, float16 seconds (spike,), ascending, and units, uint16 (spike,).
    """
    check(seed, cells_per_place)
    sound = prepared(audio, rate)
    steps, units = [], []
    for first, velocity in basilar_membrane.velocity(sound, count=CHANNELS // cells_per_place, segment=segment):
        cell = first * cells_per_place
        cells = nerve_cells.resting_cells(seed, range(cell, cell + len(velocity) * cells_per_place))
        trains = Trains.empty(len(cells.random), velocity.shape[1])
        stores = nerve_cells.resting_stores(len(velocity))
        count = nerve_cells.spikes_of_membrane(velocity, stores, cells, trains)
        steps.append(trains.step[:count].copy())
        units.append(trains.unit[:count] + np.uint16(cell))
    time, unit = (np.concatenate(steps) / RATE).astype(np.float16), np.concatenate(units)
    order = np.lexsort((unit, time))
    return time[order], unit[order]


def check(seed: int, cells_per_place: int) -> None:
    """Check the settings of the model.

    Args:
        seed: Seed of the random release of transmitter.
        cells_per_place: Bushy cells of a place.

    Raises:
        ValueError: If a number is out of its range.
    """
    if not 0 <= seed < 2**64:
        raise ValueError(f"encode: the seed must lie in 0..2**64 - 1; got {seed}; choose another")
    if cells_per_place < 1 or CHANNELS % cells_per_place or cells_per_place == CHANNELS:
        raise ValueError(
            f"encode: cells_per_place must divide {CHANNELS} and leave two places or more; got "
            f"{cells_per_place}; take 1 (the full model) or 5 (half the work)"
        )


def prepared(audio: np.ndarray, rate: int) -> np.ndarray:
    """Return the audio at 24 kHz without its mean, at RMS 0.3, with ramps at both ends, float64.

    Args:
        audio: Mono samples, (sample,), in any unit.
        rate: Samples per second, a positive integer.
    """
    sound = resampled(audio, rate)
    sound = Level.of(sound).applied(sound)
    sound[:RAMP] *= ramps()[0]
    sound[-RAMP:] *= ramps()[1]
    return sound


@dataclass(frozen=True)
class Level:
    """Mean and loudness of a sound: what the model subtracts from the samples, and divides them by."""

    mean: float
    peak: float
    """Largest distance of a sample from the mean."""
    gain: float
    """Factor after the division by the peak, which leads to RMS."""

    @classmethod
    def of(cls, sound: np.ndarray) -> "Level":
        """Return the level of a sound, whose samples must not all be equal.

        Args:
            sound: Samples (sample,), float64.
        """
        mean = sound.mean()
        centered = sound - mean
        # the square of a very quiet or very loud recording must not leave the range of a float
        peak = np.abs(centered).max()
        centered /= peak
        return cls(float(mean), float(peak), RMS / math.sqrt(np.mean(centered**2)))

    def applied(self, sound: np.ndarray) -> np.ndarray:
        """Return a sound, or a piece of it, at RMS.

        Args:
            sound: Samples (sample,), float64.
        """
        leveled: np.ndarray = (sound - self.mean) / self.peak
        leveled *= self.gain
        return leveled


def ramps() -> tuple[np.ndarray, np.ndarray]:
    """Return the factors of the first and of the last samples, each (RAMP,)."""
    hann = np.hanning(2 * RAMP)
    return hann[:RAMP], hann[RAMP:]


def resampled(audio: np.ndarray, rate: int) -> np.ndarray:
    """Return audio at 24 kHz, float64.

    Args:
        audio: Mono samples (sample,) in any unit, not all equal.
        rate: Samples per second, a positive integer.
    """
    sound = checked(np.asarray(audio), rate)
    common = math.gcd(int(rate), RATE)
    if rate != RATE:
        sound = scipy.signal.resample_poly(sound, RATE // common, int(rate) // common)
    return np.asarray(sound)


def checked(audio: np.ndarray, rate: int) -> np.ndarray:
    """Return mono audio as float64.

    Args:
        audio: Samples, which must be (sample,), finite and not all equal.
        rate: Samples per second, which must be a positive integer.

    Raises:
        ValueError: If the audio cannot be encoded.
    """
    if audio.ndim != 1:
        raise ValueError(
            f"encode: audio must be mono, of shape (sample,); got shape {audio.shape}; average its channels"
        )
    if not rate > 0 or rate % 1:
        raise ValueError(
            f"encode: the rate must be a positive integer number of samples per second; got {rate}; "
            "give the rate of the recording"
        )
    seconds = audio.size / rate
    if not 2 * RAMP_MS / 1000 <= seconds <= LONGEST_S:
        raise ValueError(
            f"encode: audio must last {2 * RAMP_MS / 1000} to {LONGEST_S:g} s (ramps; float16 times); got "
            f"{audio.size} samples at {rate} Hz, {seconds:.3g} s; pad it, or cut it into utterances"
        )
    sound: np.ndarray = audio.astype(np.float64)
    if not np.isfinite(sound).all():
        raise ValueError(
            f"encode: audio must be finite; {np.count_nonzero(~np.isfinite(sound))} of {sound.size} samples "
            "are NaN or infinite; repair the recording"
        )
    if np.ptp(sound) == 0:
        raise ValueError(f"encode: audio must hold a sound; every sample is {sound[0]:g}; leave it out")
    return sound
