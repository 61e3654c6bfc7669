"""Recordings with spikes deleted, jittered or added, as a test of networks that were trained without.

    deleted    every spike is left out with probability p
    jittered   t + σ ξ, ξ normal; a time before 0 is mirrored at 0
    added      Poisson(p n) more spikes in a recording of n, in random channels, from time 0 to its last spike

Scripts and tests use this module; no command does.

Units    σ in ms · p a share of the recording's own spikes
"""

from dataclasses import replace

import numpy as np

from snnsim import ragged
from snnsim.data.recordings import Recordings, narrowed


def deleted(recordings: Recordings, share: float, generator: np.random.Generator) -> Recordings:
    """Return recordings without a random share of their spikes; a recording may lose all of its spikes.

    Args:
        recordings: Any recordings.
        share: Probability that a spike is deleted.
        generator: Generator of the random numbers.
    """
    _check("deleted", 0 <= share <= 1, "share must be from 0 to 1", share)
    mask = generator.random(len(recordings.time_ms)) >= share
    offset = ragged.indptr(mask)[recordings.offset]
    return replace(recordings, time_ms=recordings.time_ms[mask], unit=recordings.unit[mask], offset=offset)


def jittered(recordings: Recordings, spread_ms: float, generator: np.random.Generator) -> Recordings:
    """Return recordings whose spikes have moved in time.

    Args:
        recordings: Any recordings.
        spread_ms: Standard deviation of the movement in ms.
        generator: Generator of the random numbers.
    """
    _check("jittered", spread_ms >= 0, "spread_ms must be 0 or more", spread_ms)
    moved = spread_ms * generator.standard_normal(len(recordings.time_ms))
    recording = ragged.row_index(recordings.offset)
    return _ordered(recordings, np.abs(recordings.time_ms + moved), recordings.unit, recording)


def added(recordings: Recordings, share: float, generator: np.random.Generator) -> Recordings:
    """Return recordings with additional random spikes.

    Args:
        recordings: Any recordings.
        share: Mean number of additional spikes, as a share of the spikes of the recording.
        generator: Generator of the random numbers.
    """
    _check("added", share >= 0, "share must be 0 or more", share)
    count = generator.poisson(share * np.diff(recordings.offset))
    recording, noise = ragged.row_index(recordings.offset), np.repeat(np.arange(len(recordings)), count)
    last = np.zeros(len(recordings))
    np.maximum.at(last, recording, recordings.time_ms)
    return _ordered(
        recordings,
        np.concatenate([recordings.time_ms, generator.random(len(noise)) * last[noise]]),
        np.concatenate([recordings.unit, generator.integers(0, recordings.units, len(noise))]),
        np.concatenate([recording, noise]),
    )


def _ordered(recordings: Recordings, time_ms: np.ndarray, unit: np.ndarray, recording: np.ndarray) -> Recordings:
    """Return recordings of events in any order; `recording` is the recording of each event."""
    order = np.lexsort((time_ms, recording))
    kind = recordings.time_ms.dtype if recordings.time_ms.dtype.kind == "f" else np.float64
    time_ms, unit = time_ms[order].astype(kind), narrowed(unit[order])
    offset = ragged.indptr(np.bincount(recording, minlength=len(recordings)))
    return replace(recordings, time_ms=time_ms, unit=unit, offset=offset)


def _check(who: str, ok: bool, must: str, value: float) -> None:
    if not ok:
        raise ValueError(f"{who}: {must}, not {value}")
