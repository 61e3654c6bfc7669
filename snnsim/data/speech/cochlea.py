"""The inner-ear model of SHD, from sound to spikes on 700 channels.

    sound → RMS 0.3, 30 ms ramps → basilar membrane (basilar_membrane.py) → hair cell → 40 fibers → bushy cell

    hair cell    k     = g (v + a)⁺ / ((v + a)⁺ + b)              permeability; ( )⁺ = max( , 0)
                 dq/dt = y (m − q)⁺ + x w − k q                   free transmitter
                 dc/dt = k q − (l + r) c                          transmitter in the cleft
                 dw/dt = r c − x w                                transmitter being reprocessed
                 p[t]  = h c dt                                   probability that a fiber fires in this step
    fiber        fires in step t with probability p[t], unless it fired within the last millisecond
    bushy cell   i[t] = exp(−dt / 0.5 ms) i[t−1] + number of fibers that fire in t
                 u[t] = exp(−dt / 1 ms) u[t−1] + w dt i[t]        w = 13,000 / 40 per second
                 u[t] ≥ 1: spike, u = 0, then no input for 1 ms

Shapes   audio (sample,) · velocity v (place, step) · time_s, unit (spike,)
Units    dt = 1 / 24,000 s · g, y, x, l, r, h in 1/s · a, b in units of v · q, c, w in units of m
Names    the letters of the hair cell are those of Meddis, in capitals
Source   hair cell: Meddis 1986, J. Acoust. Soc. Am. 79:702 and 1988, 83:1056; the chain and its numbers:
         Cramer, Stradmann, Schemmel & Zenke 2022, IEEE TNNLS 33:2744
Differs  the 40 fibers are alike, so the ready ones are drawn together: one exponential random number per
         firing instead of one uniform number per fiber and step (the distribution is the same). Audio is
         resampled to 24 kHz before the membrane, not after it.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy import signal

from snnsim.data.speech import basilar_membrane
from snnsim.data.speech.basilar_membrane import RATE
from snnsim.kernels.common.counter_rng import GAMMA, mix
from snnsim.kernels.common.jit import njit, subroutine

CHANNELS = 700
RMS = 0.3
RAMP_MS = 30.0
LONGEST_S = 64.0
"""Duration of the longest audio; there the float16 seconds of SHD have a resolution of 31 ms."""
FIBERS = 40
BUSHY_WEIGHT = 13_000 / FIBERS / RATE
REFRACTORY = round(1e-3 * RATE)
"""Refractory time of fibers and bushy cells in steps."""

A, B, G = 5.0, 300.0, 2000.0
Y, X, L, R = 5.05, 66.3, 2500.0, 6580.0
H, M = 50_000.0, 1.0

_mix: Callable[[np.uint64], np.uint64] = mix
_DT = 1 / RATE
_MEMBRANE_DECAY = math.exp(-_DT / 1e-3)
_SYNAPSE_DECAY = math.exp(-_DT / 0.5e-3)


def encode(audio: np.ndarray, rate: int, seed: int, *, cells_per_place: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the spikes of mono audio; they depend on the audio and the seed only.

    Args:
        audio: The sound (sample,).
        rate: Samples per second.
        seed: Seed of the random release of transmitter.
        cells_per_place: Bushy cells of a place, on neighboring channels. With 5, the model has 140 places: half
            the work, and the mean activity of the channels is within 1 % of that of the model with 1.

    Returns:
        Times, float16 seconds (spike,), ascending, and units, uint16 (spike,).
    """
    _check(seed, cells_per_place)
    sound = prepared(audio, rate)
    spikes, units = [], []
    for first, velocity in basilar_membrane.velocity(sound, count=CHANNELS // cells_per_place):
        for number, row in enumerate(velocity, first):
            cells = range(number * cells_per_place, (number + 1) * cells_per_place)
            trains = _trains(row, cells, seed)
            spikes += trains
            units += [np.full(len(steps), cell, np.uint16) for cell, steps in zip(cells, trains, strict=True)]
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
    """Return the audio at 24 kHz without its mean, at RMS 0.3, with ramps at both ends, float64.

    Args:
        audio: Mono samples, (sample,), in any unit.
        rate: Samples per second, a positive integer.
    """
    sound = checked(np.asarray(audio), rate)
    common = math.gcd(int(rate), RATE)
    if rate != RATE:
        sound = signal.resample_poly(sound, RATE // common, int(rate) // common)
    sound = sound - sound.mean()
    # the square of a very quiet or very loud recording must not leave the range of a float
    sound /= np.abs(sound).max()
    sound *= RMS / math.sqrt(np.mean(sound**2))
    ramp = round(RAMP_MS / 1000 * RATE)
    hann = np.hanning(2 * ramp)
    sound[:ramp] *= hann[:ramp]
    sound[-ramp:] *= hann[ramp:]
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


def _trains(velocity: np.ndarray, cells: range, seed: int) -> list[np.ndarray]:
    """Return the steps of the spikes, int32, of each bushy cell of a place with this velocity (step,)."""
    hazard = np.empty(velocity.size)
    hair_cell(velocity, hazard)
    fired = np.empty(velocity.size + REFRACTORY, np.int64)
    spike = np.empty(velocity.size // REFRACTORY + 1, np.int32)
    trains = []
    for cell in cells:
        count = bushy_cell(hazard, np.uint64(seed), np.uint64(cell), fired, spike)
        trains.append(spike[:count].copy())
    return trains


@njit(cache=True, nogil=True)
def hair_cell(velocity: np.ndarray, hazard: np.ndarray) -> None:
    """Compute −log(1 − p) of a hair cell's fibers: exp(−Σ) is the probability that a fiber is silent over steps.

    Args:
        velocity: Velocity of the basilar membrane at the cell, float64 (step,), at 24 kHz.
        hazard: Result, overwritten, float64 (step,).
    """
    # the resting state; at 24 kHz no store loses more than it holds in a step, and p stays below 1/2
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


@subroutine(inline="always")
def _exponential(state: np.uint64) -> float:
    """Return the random number of a state, exponentially distributed with mean 1."""
    # 53 bits, moved by half a step: never log(0)
    return -math.log((np.float64(_mix(state) >> np.uint64(11)) + 0.5) * 2.0**-53)


@njit(cache=True, nogil=True)
def bushy_cell(hazard: np.ndarray, seed: np.uint64, cell: np.uint64, fired: np.ndarray, spike: np.ndarray) -> int:
    """Compute the spikes of a bushy cell.

    While n fibers are ready, the next firing comes when n times the summed hazard reaches an exponential random
    number; the rest of the hazard of that step counts for the other n − 1 fibers.

    Args:
        hazard: Output of `hair_cell` (step,).
        seed: Seed of the random numbers.
        cell: Number of the cell.
        fired: Working memory (REFRACTORY + step,); entry REFRACTORY + t is the number of firing fibers in step t.
        spike: Steps of the spikes (spike,), which are overwritten.

    Returns:
        Number of spikes.
    """
    # SplitMix64: a sequence of states with increment GAMMA, from a hash of seed and cell
    state = _mix(_mix(seed + GAMMA) + cell)
    ready, remaining = FIBERS, _exponential(state)
    # drawn ahead, so that a firing does not wait for the logarithm (a tenth of the time)
    state += GAMMA
    following = _exponential(state)
    current, voltage, refractory_until, count = 0.0, 0.0, 0, 0
    fired[:REFRACTORY] = 0
    for step in range(hazard.size):
        ready += fired[step]
        firing = 0
        remaining -= ready * hazard[step]
        while remaining <= 0.0:
            overshoot = remaining / ready
            ready -= 1
            firing += 1
            remaining = following + ready * overshoot
            state += GAMMA
            following = _exponential(state)
        fired[REFRACTORY + step] = firing
        current = current * _SYNAPSE_DECAY + firing
        if step >= refractory_until:
            voltage = voltage * _MEMBRANE_DECAY + current * BUSHY_WEIGHT
            if voltage >= 1.0:
                spike[count] = step
                count += 1
                voltage = 0.0
                refractory_until = step + REFRACTORY + 1
    return count
