"""Noise spikes: random spikes are added to a recording.

    count uniform in least..most · unit uniform in 0..units - 1 · time uniform between 0 and the last spike

A recording without spikes stays as it is.

Source   event-ssm, arXiv 2404.18508: up to 35 spikes on SHD and 100 on SSC
"""

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws, uniform
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import NoiseSpikes
from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import njit


def apply(kind: NoiseSpikes, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with random spikes added.

    Args:
        kind: Settings: probability of a change, smallest and largest number of added spikes.
        batch: Spikes of the recordings, in any order of time.
        draws: Random numbers of this augmentation in an epoch: stream 1 draws the number, stream 2 times and channels.
    """
    applied = draws.applied(batch.recording, kind.probability) & (np.diff(batch.events.offset) > 0)
    count = np.where(applied, draws.integers(batch.recording, 1, kind.least, kind.most), 0)
    result = Events.empty_like(batch.events, len(batch.events.time) + int(count.sum()))
    _add(batch.events, count, draws.starts(batch.recording, 2), batch.last_times(), batch.units, result)
    return batch.with_events(result, ascending=False)


@njit(cache=True, nogil=True)
def _add(events: Events, count: np.ndarray, start: np.ndarray, last: np.ndarray, units: int, result: Events) -> None:
    used = 0
    for row in range(count.size):
        begin, end = events.offset[row], events.offset[row + 1]
        size = end - begin
        copy_row(events.time[begin:end], result.time[used : used + size])
        copy_row(events.unit[begin:end], result.unit[used : used + size])
        used += size
        for number in range(count[row]):
            result.time[used] = uniform(start[row], 2 * number) * last[row]
            result.unit[used] = min(np.int64(uniform(start[row], 2 * number + 1) * units), units - 1)
            used += 1
        result.offset[row + 1] = used
