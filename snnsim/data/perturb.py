"""Recordings with spikes missing, moved or added: what a network is tested with that has not been trained so.

    deleted    every spike is left out with probability p
    jittered   t + σ ξ, ξ normal; a time before 0 is mirrored at 0
    added      Poisson(p n) spikes more in a recording of n, anywhere in its channels, from 0 to its last spike

Units    σ in ms · p a share of the recording's own spikes
"""

from dataclasses import replace

import numpy as np

from snnsim.data.recordings import Recordings


def deleted(recordings: Recordings, share: float, generator: np.random.Generator) -> Recordings:
    """Return recordings without a share of their spikes; one may lose all of them."""
    _check("deleted", 0 <= share <= 1, "share must be from 0 to 1", share)
    kept = generator.random(len(recordings.time_ms)) >= share
    offset = np.concatenate([[0], np.cumsum(kept)])[recordings.offset]
    return replace(recordings, time_ms=recordings.time_ms[kept], unit=recordings.unit[kept], offset=offset)


def jittered(recordings: Recordings, spread_ms: float, generator: np.random.Generator) -> Recordings:
    """Return recordings whose spikes have been moved in time."""
    _check("jittered", spread_ms >= 0, "spread_ms must be 0 or more", spread_ms)
    moved = spread_ms * generator.standard_normal(len(recordings.time_ms))
    return _ordered(recordings, np.abs(recordings.time_ms + moved), recordings.unit, _owner(recordings))


def added(recordings: Recordings, share: float, generator: np.random.Generator) -> Recordings:
    """Return recordings with spikes that mean nothing, a share of their own number in the mean."""
    _check("added", share >= 0, "share must be 0 or more", share)
    own = np.diff(recordings.offset)
    more = generator.poisson(share * own)
    owner = np.repeat(np.arange(len(recordings)), more)
    last = np.zeros(len(recordings))
    np.maximum.at(last, _owner(recordings), recordings.time_ms)
    return _ordered(
        recordings,
        np.concatenate([recordings.time_ms, generator.random(len(owner)) * last[owner]]),
        np.concatenate([recordings.unit, generator.integers(0, recordings.units, len(owner))]),
        np.concatenate([_owner(recordings), owner]),
    )


def _owner(recordings: Recordings) -> np.ndarray:
    return np.repeat(np.arange(len(recordings)), np.diff(recordings.offset))


def _ordered(recordings: Recordings, time_ms: np.ndarray, unit: np.ndarray, owner: np.ndarray) -> Recordings:
    order = np.lexsort((time_ms, owner))
    offset = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(recordings)))])
    kinds = recordings.time_ms.dtype, recordings.unit.dtype
    return replace(
        recordings, time_ms=time_ms[order].astype(kinds[0]), unit=unit[order].astype(kinds[1]), offset=offset
    )


def _check(who: str, ok: bool, must: str, value: float) -> None:
    if not ok:
        raise ValueError(f"{who}: {must}, not {value}")
