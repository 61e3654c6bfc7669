"""Logarithms of the power of sound in mel bands, a frame for every time step.

    P[f, t]   = |Σ_n w[n] x[t h + n − N/2] e^{−2πi f n / N}|²        Hann window w, sound x, 0 outside of it
    M[b, t]   = Σ_f H[b, f] P[f, t]
    y[t, b]   = ln(M[b, t] + 1e-6)
    mel(f)    = 2595 log₁₀(1 + f / 700)          bands: triangles with corners that are equally spaced in mel

Shapes   x (sample,) · y (time, band)
Units    h samples per time step, rounded for each frame · N samples of the window
Source   Stevens, Volkmann & Newman 1937, J. Acoust. Soc. Am. 8:185; input of Speech Commands in Hammouamri et al. 2024
Differs  the highest band ends at half the sampling rate at most, so that no band is empty by construction
"""

import numpy as np

from snnsim.data.coding.kinds import LogMel
from snnsim.data.time_units import steps_before

FLOOR = 1e-6


def frames(sound: np.ndarray, rate: int, coding: LogMel, time_step_ms: float) -> np.ndarray:
    """Return the frames of a recording, float32 (time, band).

    Args:
        sound: Samples from -1 to 1 (sample,).
        rate: Samples per second.
        coding: Bands and windows.
        time_step_ms: Time from a frame to the next one.
    """
    size = max(2, round(coding.window_ms * rate / 1000))
    hop = time_step_ms * rate / 1000
    count = max(1, int(steps_before(len(sound) / rate * 1000, time_step_ms)))
    center = np.floor(np.arange(count) * hop + 0.5).astype(np.int64)
    padded = np.pad(sound.astype(np.float64), (size // 2, size))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    matrix = filters(size, rate, coding)
    result = np.empty((count, coding.bands), np.float32)
    for start in range(0, count, 1024):
        rows = center[start : start + 1024, None] + np.arange(size)
        power = np.abs(np.fft.rfft(padded[rows] * window)) ** 2
        result[start : start + 1024] = np.log(power @ matrix.T + FLOOR)
    return result


def filters(size: int, rate: int, coding: LogMel) -> np.ndarray:
    """Return the triangles of the mel bands, float64 (band, frequency).

    Args:
        size: Samples of the window.
        rate: Samples per second.
        coding: Number and range of the bands.

    Raises:
        ValueError: If the lowest frequency is not below the highest.
    """
    high = min(coding.high_hz, rate / 2)
    if not coding.low_hz < high:
        raise ValueError(
            f"data.coding.low_hz must be below the highest frequency, {high:g} Hz at {rate:,} samples per second; got "
            f"{coding.low_hz:g}"
        )
    corner = _hertz(np.linspace(_mel(coding.low_hz), _mel(high), coding.bands + 2))
    frequency = np.arange(size // 2 + 1) * rate / size
    rising = (frequency - corner[:-2, None]) / (corner[1:-1] - corner[:-2])[:, None]
    falling = (corner[2:, None] - frequency) / (corner[2:] - corner[1:-1])[:, None]
    triangle: np.ndarray = np.maximum(0.0, np.minimum(rising, falling))
    # a band narrower than the distance of two frequencies takes the nearest one
    empty = np.flatnonzero(triangle.sum(axis=1) == 0)
    triangle[empty, np.clip(np.round(corner[1:-1][empty] * size / rate).astype(int), 0, size // 2)] = 1.0
    return triangle


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: np.ndarray) -> np.ndarray:
    result: np.ndarray = 700 * (10 ** (mel / 2595) - 1)
    return result
