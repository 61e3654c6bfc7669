"""Chunk drop: one run of successive spikes is dropped.

    spikes first..first + size - 1 of n        size uniform in 1..floor(most n), first uniform in 0..n - size

A recording whose longest run has no spike stays as it is.

Source   event-ssm, arXiv 2404.18508: probability 0.3, most = 0.02
"""

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import ChunkDrop
from snnsim.kernels.common.jit import njit


def apply(kind: ChunkDrop, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch without a run of spikes of each changed recording.

    Args:
        kind: Settings: probability of a drop, largest share of the spikes in the dropped run.
        batch: Spikes of the recordings; its arrays are sorted by time and overwritten.
        draws: Random numbers of this augmentation in an epoch: stream 1 draws the size of the run, stream 2 its first
            spike.
    """
    batch = batch.sorted()
    count = np.diff(batch.events.offset)
    longest = (kind.most * count).astype(np.int64)
    applied = draws.applied(batch.recording, kind.probability) & (longest > 0)
    size = np.where(applied, draws.integers(batch.recording, 1, 1, np.maximum(longest, 1)), 0)
    first = draws.integers(batch.recording, 2, 0, np.maximum(count - size, 0))
    _drop(batch.events, first, size)
    return batch.with_events(batch.events)


@njit(cache=True, nogil=True)
def _drop(events: Events, first: np.ndarray, size: np.ndarray) -> None:
    time, unit, offset = events.time, events.unit, events.offset
    begin, used = 0, 0
    for row in range(offset.size - 1):
        for event in range(begin, offset[row + 1]):
            if not first[row] <= event - begin < first[row] + size[row]:
                time[used], unit[used] = time[event], unit[event]
                used += 1
        begin, offset[row + 1] = offset[row + 1], used
