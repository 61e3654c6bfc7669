"""The basilar membrane: from sound to the velocity at every place along the inner ear.

    V(ω, x) = 2 ω / ξ(ω, x) · Z(ω) · P(ω, x) / P(ω, 0)                   velocity per unit of sound
    P(ω, x) = sqrt(G / g) · H₀⁽¹⁾(G)                                      pressure; H₀⁽¹⁾ is Hankel's function
    G(ω, x) = 2 g(ω, 0) / α + ∫₀ˣ g(ω, x') dx'                            phase of the traveling wave
    g(ω, x) = ω sqrt(ρ / (h ξ(ω, x)))                                     local wave number
    ξ(ω, x) = c₀ exp(−α x) − a − μ ω² − i ω r exp(−α x / 2)               r = δ sqrt(c₀ μ)
    Z(ω)    = sqrt(2 c₀ / h) (Y₀(z) + i J₀(z)) / (J₁(z) − i Y₁(z))        z = 2 ω / α · sqrt(2 / (h c₀))

Shapes   sound (sample,) · V (place, frequency) · velocity (place, sample)
Units    sound in RMS 0.3, 24,000 samples a second · ω in 1/s · x in cm from the base (high pitch) to 3.5 cm
Names    μ MASS · a, α, c₀ STIFFNESS_* · δ DAMPING · ρ DENSITY · h HEIGHT
Source   Sieroka, Dosch & Rupp 2006, J. Acoust. Soc. Am. 120:297; numbers as published with SHD: Cramer,
         Stradmann, Schemmel & Zenke 2022, IEEE TNNLS 33:2744
Differs  the published converter transforms a recording at once and evaluates V for each recording; V does
         not depend on the recording, so this module has one table of V and transforms sound of any length
         in overlapping segments. As in the published converter, and therefore in SHD, the membrane leads
         the sound (by up to 19 ms at the apex), where that of an ear lags behind it.
"""

import math
import threading
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import scipy

RATE = 24_000
"""Samples of sound and of velocity per second."""
LENGTH = 3.5
"""Position of the last place in cm; the first place is at 0, and places are evenly spaced."""
STIFFNESS_AT_BASE, STIFFNESS_DECAY, STIFFNESS_OFFSET = 1e9, 3.0, 3500.0
MASS, DAMPING, DENSITY, HEIGHT = 0.05, 0.15, 1.0, 0.1
RESISTANCE = DAMPING * math.sqrt(STIFFNESS_AT_BASE * MASS)

SEGMENT = 16_384
"""Samples of a segment, unless another number is asked for."""
# extent of the response to one sample: less than 0.1 % of its energy lies beyond, and 1e-7 at most places
LAG, LEAD = round(0.020 * RATE), round(0.100 * RATE)
"""Samples of sound that the velocity depends on, before it and after it."""
# 1 MB of velocity at a time stays in the processor's cache
_BLOCK_SAMPLES = 1 << 18
_TABLE_LOCK = threading.Lock()


def velocity(sound: np.ndarray, *, count: int, segment: int = SEGMENT) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the velocity of the membrane, block of places after block of places.

    Memory grows with the length of the sound, but not with the number of places.

    Args:
        sound: Sound at RATE (sample,).
        count: Number of places.
        segment: Samples of a segment, more than LAG + LEAD.

    Yields:
        Number of the first place of the block, and the velocity float32 (place, sample).
    """
    hop = hop_of(segment)
    segments = -(-sound.size // hop)
    padded = np.zeros(segments * hop + LAG + LEAD, np.float32)
    padded[LAG : LAG + sound.size] = sound
    rows = np.lib.stride_tricks.sliding_window_view(padded, segment)[::hop]
    for first, valid in velocity_of(rows, count=count):
        yield first, np.ascontiguousarray(valid[:, : sound.size])


def hop_of(segment: int) -> int:
    """Return the number of samples of which a segment has the velocity.

    Args:
        segment: Samples of a segment.

    Raises:
        ValueError: If a segment is not longer than the response to one sample.
    """
    if segment <= LAG + LEAD:
        raise ValueError(f"velocity: a segment must have more than {LAG + LEAD} samples, not {segment}; take 4096")
    return segment - LAG - LEAD


def velocity_of(segments: np.ndarray, *, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the velocity of the membrane in the valid samples of segments, block of places after block of places.

    Args:
        segments: Overlapping segments, float32 (segment, sample), each `hop_of` samples after the last one. The
            velocity is that of the samples behind the first LAG, and the sound begins there.
        count: Number of places.

    Yields:
        Number of the first place of the block, and the velocity float32 (place, valid sample of all segments).
    """
    size = segments.shape[1]
    hop = hop_of(size)
    with _TABLE_LOCK:
        table = transfer_function(count, size)
    spectrum = scipy.fft.rfft(segments)
    block = max(1, _BLOCK_SAMPLES // (len(spectrum) * size))
    for first in range(0, count, block):
        response = scipy.fft.irfft(table[first : first + block, None] * spectrum, size)
        yield first, response[:, :, LAG : LAG + hop].reshape(len(response), -1)


@lru_cache(maxsize=2)
def transfer_function(count: int, segment: int = SEGMENT) -> np.ndarray:
    """Return V of evenly spaced places at the frequencies of an FFT, complex64 (place, frequency).

    Args:
        count: Number of places, at least 1.
        segment: Samples that the FFT transforms.
    """
    frequency = scipy.fft.rfftfreq(segment, 1 / RATE)
    # the equations have no value at 0 Hz, and sound has no energy there
    frequency[0] = 1.0
    table = np.empty((count, frequency.size), np.complex64)
    # blocks of frequencies keep the memory small
    for first in range(0, frequency.size, 256):
        omega = 2 * np.pi * frequency[first : first + 256, None]
        table[:, first : first + 256] = _transfer(omega, count).T
    table.setflags(write=False)
    return table


def _transfer(omega: np.ndarray, count: int) -> np.ndarray:
    x, step = np.linspace(0.0, LENGTH, count, retstep=True)
    number, halfway = _wave_number(omega, x), _wave_number(omega, x[:-1] + step / 2)
    phase = 2 * np.repeat(number[:, :1], count, axis=1) / STIFFNESS_DECAY
    # Simpson's rule from each place to the next
    phase[:, 1:] += np.cumsum((number[:, :-1] + 4 * halfway + number[:, 1:]) * (step / 6), axis=1)
    pressure = np.sqrt(phase / number) * scipy.special.hankel1(0, phase)
    response: np.ndarray = 2 * omega / _impedance(omega, x) * _ear_drum(omega) * pressure / pressure[:, :1]
    return response


def _impedance(omega: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return ξ (frequency, place)."""
    stiffness = STIFFNESS_AT_BASE * np.exp(-STIFFNESS_DECAY * x) - STIFFNESS_OFFSET
    xi: np.ndarray = stiffness - MASS * omega**2 - 1j * omega * RESISTANCE * np.exp(-STIFFNESS_DECAY * x / 2)
    return xi


def _wave_number(omega: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return g (frequency, place)."""
    g: np.ndarray = omega * np.sqrt(DENSITY / (HEIGHT * _impedance(omega, x)))
    return g


def _ear_drum(omega: np.ndarray) -> np.ndarray:
    """Return Z (frequency, 1)."""
    z = 2 * omega / STIFFNESS_DECAY * math.sqrt(2 / (HEIGHT * STIFFNESS_AT_BASE))
    ratio = (scipy.special.y0(z) + 1j * scipy.special.j0(z)) / (scipy.special.j1(z) - 1j * scipy.special.y1(z))
    impedance: np.ndarray = math.sqrt(2 * STIFFNESS_AT_BASE / HEIGHT) * ratio
    return impedance
