"""The inner ear: sound in, spikes on 700 channels out, as SHD was made.

    sound → RMS 0.3, 30 ms ramps → basilar membrane (basilar_membrane.py) → hair cell → 40 fibers → bushy cell

    hair cell    k     = g (v + a)⁺ / ((v + a)⁺ + b)              permeability; ( )⁺ = max( , 0)
                 dq/dt = y (m − q)⁺ + x w − k q                   free transmitter
                 dc/dt = k q − (l + r) c                          transmitter in the cleft
                 dw/dt = r c − x w                                transmitter being reprocessed
                 p[t]  = h c dt                                   chance that a fiber fires in this step
    fiber        fires in step t with chance p[t], unless it fired within the last millisecond
    bushy cell   i[t] = exp(−dt / 0.5 ms) i[t−1] + number of fibers that fire in t
                 u[t] = exp(−dt / 1 ms) u[t−1] + w dt i[t]        w = 13,000 / 40 per second
                 u[t] ≥ 1: spike, u = 0, then no input for 1 ms

Shapes   audio (sample,) · velocity v (place, step) · time_s, unit (spike,)
Units    dt = 1 / 24,000 s · g, y, x, l, r, h in 1/s · a, b in units of v · q, c, w in units of m
Names    the hair cell's letters in capitals, as Meddis has them
Source   hair cell: Meddis 1986, J. Acoust. Soc. Am. 79:702 and 1988, 83:1056; the chain and its numbers:
         Cramer, Stradmann, Schemmel & Zenke 2022, IEEE TNNLS 33:2744
Differs  the 40 fibers are alike, so those that wait are drawn together: one exponential draw per firing
         instead of one uniform draw per fiber and step (same distribution). Audio is resampled to 24 kHz
         before the membrane, not after it.
"""

import math

import numba
import numpy as np
from scipy import signal

from snnsim.data.speech import basilar_membrane
from snnsim.data.speech.basilar_membrane import RATE

CHANNELS = 700
RMS = 0.3
RAMP_MS = 30.0
LONGEST_S = 64.0
"""Longer audio is refused: SHD's float16 seconds step by 31 ms there."""
FIBERS = 40
BUSHY_WEIGHT = 13_000 / FIBERS / RATE
REFRACTORY = round(1e-3 * RATE)
"""Steps for which a fiber or a bushy cell that fired does nothing."""

A, B, G = 5.0, 300.0, 2000.0
Y, X, L, R = 5.05, 66.3, 2500.0, 6580.0
H, M = 50_000.0, 1.0

_DT = 1 / RATE
_MEMBRANE_DECAY = math.exp(-_DT / 1e-3)
_SYNAPSE_DECAY = math.exp(-_DT / 0.5e-3)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def encode(audio: np.ndarray, rate: int, seed: int, *, cells_per_place: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the spike times (float16 seconds, ascending) and units (uint16) of mono audio.

    The spikes depend on the audio and the seed only. With `cells_per_place` 5, each of 140 places has five
    bushy cells on neighboring channels: half the work, and a profile over the channels within 1 % of the
    full model's.
    """
    _check(seed, cells_per_place)
    sound = prepared(audio, rate)
    spikes, units = [], []
    for first, velocity in basilar_membrane.velocity(sound, places=CHANNELS // cells_per_place):
        for place, row in enumerate(velocity, first):
            cells = range(place * cells_per_place, (place + 1) * cells_per_place)
            heard = _spikes_at_place(row, cells, seed)
            spikes += heard
            units += [np.full(len(steps), cell, np.uint16) for cell, steps in zip(cells, heard, strict=True)]
    time, unit = (np.concatenate(spikes) / RATE).astype(np.float16), np.concatenate(units)
    order = np.lexsort((unit, time))
    return time[order], unit[order]


def _check(seed: int, cells_per_place: int) -> None:
    if not 0 <= seed < 2**64:
        raise ValueError(f"encode: the seed must lie in 0..2**64 - 1; got {seed}; choose another")
    if cells_per_place < 1 or CHANNELS % cells_per_place or cells_per_place == CHANNELS:
        raise ValueError(
            f"encode: cells_per_place must divide {CHANNELS} and leave two places or more; got "
            f"{cells_per_place}; take 1 (the full model) or 5 (half the work)"
        )


def prepared(audio: np.ndarray, rate: int) -> np.ndarray:
    """Return the audio at 24 kHz without its mean, at RMS 0.3, with ramps at both ends, float64."""
    sound = checked(np.asarray(audio), rate)
    common = math.gcd(int(rate), RATE)
    if rate != RATE:
        sound = signal.resample_poly(sound, RATE // common, int(rate) // common)
    sound = sound - sound.mean()
    # the square of a very quiet or very loud recording must not leave the range of a float
    sound /= np.abs(sound).max()
    sound *= RMS / math.sqrt(np.mean(sound**2))
    ramp = round(RAMP_MS / 1000 * RATE)
    window = np.hanning(2 * ramp)
    sound[:ramp] *= window[:ramp]
    sound[-ramp:] *= window[ramp:]
    return sound


def checked(audio: np.ndarray, rate: int) -> np.ndarray:
    """Return mono audio as float64, or raise a ValueError that says why it cannot be encoded."""
    if audio.ndim != 1:
        raise ValueError(
            f"encode: audio must be mono, of shape (sample,); got shape {audio.shape}; average its channels"
        )
    if not rate > 0 or rate % 1:
        raise ValueError(
            f"encode: the rate must be a positive whole number of samples per second; got {rate}; "
            "give the rate of the recording"
        )
    seconds = audio.size / rate
    if not 2 * RAMP_MS / 1000 <= seconds <= LONGEST_S:
        raise ValueError(
            f"encode: audio must last {2 * RAMP_MS / 1000} to {LONGEST_S:g} s (ramps; float16 times); got "
            f"{audio.size} samples at {rate} Hz, {seconds:.3g} s; pad it, or cut it into utterances"
        )
    sound = audio.astype(np.float64)
    if not np.isfinite(sound).all():
        raise ValueError(
            f"encode: audio must be finite; {np.count_nonzero(~np.isfinite(sound))} of {sound.size} samples "
            "are NaN or infinite; repair the recording"
        )
    if np.ptp(sound) == 0:
        raise ValueError(f"encode: audio must hold a sound; every sample is {sound[0]:g}; leave it out")
    return sound


def _spikes_at_place(velocity: np.ndarray, cells: range, seed: int) -> list[np.ndarray]:
    """Return the steps, int32, in which each of the bushy cells at one place spikes."""
    hazard = np.empty(velocity.size)
    hair_cell(velocity, hazard)
    fired = np.empty(velocity.size + REFRACTORY, np.int64)
    spike = np.empty(velocity.size // REFRACTORY + 1, np.int32)
    heard = []
    for cell in cells:
        count = bushy_cell(hazard, np.uint64(seed), np.uint64(cell), fired, spike)
        heard.append(spike[:count].copy())
    return heard


@numba.njit(cache=True, nogil=True)
def hair_cell(velocity, hazard):
    """Fill `hazard` (step,) with −log(1 − p): a fiber stays silent over some steps with chance exp(−Σ)."""
    # the state of rest; at 24 kHz no store loses more than it holds in a step, and p stays below 1/2
    permeability = G * A / (A + B)
    cleft = M * Y * permeability / (L * permeability + Y * (L + R))
    free, reprocessed = cleft * (L + R) / permeability, cleft * R / X
    for step in range(velocity.size):
        drive = max(velocity[step] + A, 0.0)
        released = G * _DT * drive / (drive + B) * free
        returned = X * _DT * reprocessed
        free += Y * _DT * max(M - free, 0.0) + returned - released
        reprocessed += R * _DT * cleft - returned
        cleft += released - (L + R) * _DT * cleft
        hazard[step] = -math.log1p(-H * _DT * cleft)


@numba.njit(inline="always")
def _scrambled(number):
    """Return the output function of splitmix64 (Steele, Lea & Flood 2014, OOPSLA)."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


@numba.njit(inline="always")
def _exponential(state):
    """Return a draw from the exponential distribution of mean 1; every state gives another one."""
    # 53 bits, moved by half a step: never log(0)
    return -math.log((np.float64(_scrambled(state) >> np.uint64(11)) + 0.5) * 2.0**-53)


@numba.njit(cache=True, nogil=True)
def bushy_cell(hazard, seed, cell, fired, spike):
    """Write the steps of the cell's spikes into `spike` and return how many there are.

    Fills `fired[REFRACTORY + t]` with how many of its fibers fire in step t. While n fibers wait, the next
    firing comes when n times the summed hazard reaches an exponential draw; what is left of the hazard of
    that step counts for the other n − 1.
    """
    state = _scrambled(_scrambled(seed + _GOLDEN) + cell)
    waiting, left = FIBERS, _exponential(state)
    # drawn ahead, so that a firing does not wait for the logarithm (a tenth of the time)
    state += _GOLDEN
    coming = _exponential(state)
    current, voltage, deaf_until, count = 0.0, 0.0, 0, 0
    fired[:REFRACTORY] = 0
    for step in range(hazard.size):
        waiting += fired[step]
        firing = 0
        left -= waiting * hazard[step]
        while left <= 0.0:
            overshoot = left / waiting
            waiting -= 1
            firing += 1
            left = coming + waiting * overshoot
            state += _GOLDEN
            coming = _exponential(state)
        fired[REFRACTORY + step] = firing
        current = current * _SYNAPSE_DECAY + firing
        if step >= deaf_until:
            voltage = voltage * _MEMBRANE_DECAY + current * BUSHY_WEIGHT
            if voltage >= 1.0:
                spike[count] = step
                count += 1
                voltage = 0.0
                deaf_until = step + REFRACTORY + 1
    return count
