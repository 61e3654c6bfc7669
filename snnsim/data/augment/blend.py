"""Blend: a recording and another one of its class become one, as of a speaker between the two.

    d = mean of the partner − mean of the recording, of channels and of times
    recording + trunc(d / 2), partner − trunc(d / 2)        truncated to integer channels and microseconds
    spikes outside of 0..units - 1, before 0 and at or after end_ms are dropped; each other one is kept with `keep`

The partner is a random other recording of the class in the training split, as it is in the file. A recording that is
the only one of its class, or that has a partner without spikes, or none itself, stays as it is.

Source   Nowotny, Turner, Knight 2022, arXiv 2212.01232: keep = 0.5, 700 channels, 1 s
Differs  the source adds as many blends as there are recordings, which is a probability of 1/2 for a recording. DelRec
         aligns the times alone
"""

import math
from typing import NamedTuple

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws, uniform
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import Blend
from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import njit, subroutine


class Limits(NamedTuple):
    """The limits of a blend."""

    units: int
    end: float
    """Spikes at or after this time are dropped."""
    keep: float
    """Probability that a spike is kept."""


class Half(NamedTuple):
    """One of the two recordings of a blend."""

    begin: int
    end: int
    start: np.uint64
    """Start of its random numbers."""
    channels: int
    """Shift of its channels."""
    ms: float
    """Shift of its times."""


def apply(kind: Blend, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with blends in the place of the changed recordings.

    Args:
        kind: Settings: probability of a blend, share of the spikes that are kept, end of the recording.
        batch: Spikes of the recordings, in any order of time. Partners come from its pool.
        draws: Random numbers of this augmentation in an epoch: stream 1 chooses partners, streams 2 and 3 the kept
            spikes.
    """
    partner = batch.pool.classmates(batch.recording, draws.uniform(batch.recording, 1))
    partner = np.where(draws.applied(batch.recording, kind.probability), partner, -1)
    size = np.diff(batch.pool.events.offset)[partner]
    partner = np.where((size > 0) & (np.diff(batch.events.offset) > 0), partner, -1)
    starts = np.stack([draws.starts(batch.recording, 2), draws.starts(batch.recording, 3)])
    result = Events.empty_like(batch.events, len(batch.events.time) + int(size[partner >= 0].sum()))
    limits = Limits(batch.units, np.inf if kind.end_ms is None else kind.end_ms, kind.keep)
    _blend(batch.events, batch.pool.events, partner, starts, limits, result)
    return batch.with_events(result, ascending=batch.ascending and bool((partner < 0).all()))


@njit(cache=True, nogil=True)
def _blend(
    events: Events, source: Events, partner: np.ndarray, starts: np.ndarray, limits: Limits, result: Events
) -> None:
    used = 0
    for row in range(partner.size):
        begin, end = events.offset[row], events.offset[row + 1]
        if partner[row] < 0:
            copy_row(events.time[begin:end], result.time[used : used + end - begin])
            copy_row(events.unit[begin:end], result.unit[used : used + end - begin])
            used += end - begin
        else:
            first, last = source.offset[partner[row]], source.offset[partner[row] + 1]
            unit, time = _means(events, begin, end)
            other_unit, other_time = _means(source, first, last)
            channels = math.trunc((other_unit - unit) / 2)
            ms = np.float64(math.trunc((other_time - time) / 2 * 1000)) / 1000
            used = _thin(events, Half(begin, end, starts[0, row], channels, ms), limits, result, used)
            used = _thin(source, Half(first, last, starts[1, row], -channels, -ms), limits, result, used)
        result.offset[row + 1] = used


@subroutine(cache=True, nogil=True)
def _means(events: Events, begin: int, end: int) -> tuple[float, float]:
    unit, time = 0.0, 0.0
    for event in range(begin, end):
        unit += np.float64(events.unit[event])
        time += np.float64(events.time[event])
    return unit / (end - begin), time / (end - begin)


@subroutine(cache=True, nogil=True)
def _thin(events: Events, half: Half, limits: Limits, result: Events, used: int) -> int:
    """Copy moved spikes with a probability, and return the number of spikes in the result."""
    for event in range(half.begin, half.end):
        number, now = np.int64(events.unit[event]) + half.channels, np.float64(events.time[event]) + half.ms
        inside = 0 <= number < limits.units and 0 <= now < limits.end
        if inside and uniform(half.start, event - half.begin) < limits.keep:
            result.time[used], result.unit[used] = now, number
            used += 1
    return used
